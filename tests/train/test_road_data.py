"""Data sets made in the simulator: they repeat, say what they hold, and never share a track."""
from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from jetracer.sim.track import EVALUATION_FIRST_SEED, TRAINING_SEEDS, VALIDATION_SEEDS
from jetracer.train.road_data import ABOUT, DataConfig, RoadData, draw_track, make

TINY = DataConfig(first_seed=11, tracks=2, views=2, poses=6, junk=0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(TINY, tmp_path_factory.mktemp("data"), processes=1)


def test_seed_ranges_do_not_overlap():
    assert not set(TRAINING_SEEDS) & set(VALIDATION_SEEDS)
    assert max(TRAINING_SEEDS[-1], VALIDATION_SEEDS[-1]) < EVALUATION_FIRST_SEED


def test_what_was_made_is_read_back(folder):
    data = RoadData.open(folder)
    assert data.pictures.shape == (24, 112, 112, 3)
    assert data.pictures.dtype == np.uint8
    assert data.labels.shape == (24, 5)
    assert data.about.shape == (24, len(ABOUT))
    assert len(data) == 24
    assert len(data.sha256) == 64
    assert set(data.about[:, 0]) == {11.0, 12.0}


def test_labels_are_in_range(folder):
    labels = RoadData.open(folder).labels
    assert np.isfinite(labels).all()
    assert np.abs(labels[:, :2]).max() <= 1.0
    assert set(np.unique(labels[:, 2:])) <= {0.0, 1.0}


def test_junk_is_marked_and_shows_no_lane(folder):
    data = RoadData.open(folder)
    junk = data.about[:, ABOUT.index("junk")] > 0.5
    assert junk.any()
    assert (data.labels[junk] == [0, 0, 0, 0, 1]).all()


def test_the_same_track_gives_the_same_bytes_and_another_seed_others():
    config = replace(TINY, views=1, poses=3)
    first, second = draw_track(5, config), draw_track(5, config)
    other = draw_track(5, replace(config, random_seed=2))
    assert np.array_equal(first.pictures, second.pictures)
    assert np.array_equal(first.labels, second.labels)
    assert not np.array_equal(first.labels, other.labels)


def test_a_whole_data_set_is_not_made_twice(folder, tmp_path):
    before = (folder / "data.json").stat().st_mtime_ns
    told = []
    again = make(TINY, folder.parent, processes=1, progress=lambda done, of: told.append(done))
    assert again == folder
    assert not told
    assert (folder / "data.json").stat().st_mtime_ns == before
    assert json.loads((folder / "data.json").read_text())["frames"] == 24


def test_every_change_of_the_configuration_has_its_own_folder():
    names = {
        TINY.name(),
        replace(TINY, random_seed=9).name(),
        replace(TINY, pose=replace(TINY.pose, reach=1.0)).name(),
        replace(TINY, label=replace(TINY.label, lookahead_m=0.8)).name(),
    }
    assert len(names) == 4
