"""Plots, the page and the film: that they are there and say what is true; how they look is for eyes."""
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from jetracer.core.types import Aim
from jetracer.data.film import film, rate_hz, write_film
from jetracer.data.formats.base import read
from jetracer.data.plots import bars, clicks, course, labelled_picture, sheet
from jetracer.data.sample import Dataset
from jetracer.data.stats import stats
from tests.data.sets import REAL, image, jpeg, samples


def test_the_page_needs_nothing_else_and_shows_every_plot(tmp_path):
    data = Dataset(tmp_path / "<b>set</b>", "labelled", samples(tmp_path / "set", 8))
    data.skip("gone & lost.jpg", "there is no such file")
    result = stats(data, tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert result["plots"] == ["steering.png", "course.png", "clicks.png", "throttle.png", "speed.png", "sheet.png"]
    for name in result["plots"]:
        assert cv2.imread(str(tmp_path / "out" / name)) is not None
    assert page.count("data:image/png;base64,") == 6
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "gone &amp; lost.jpg: there is no such file" in page
    assert "<b>set</b>" not in page and "<!--" not in page


def test_a_set_without_anything_has_a_page_too(tmp_path):
    result = stats(Dataset(tmp_path, "labelled"), tmp_path / "out")
    assert (result["records"], result["plots"]) == (0, [])
    assert (tmp_path / "out" / "index.html").is_file()


def ink(plot):
    return int((np.abs(plot.astype(int) - plot[0, 0]).max(axis=2) > 40).sum())


def test_bars_are_as_high_as_their_counts():
    assert ink(bars([4, 4, 4], -1, 1)) > ink(bars([4, 1, 1], -1, 1)) > ink(bars([0, 0, 0], -1, 1))


def test_a_course_breaks_where_nothing_was_recorded():
    times = np.arange(0.0, 4.0, 0.05)
    some = np.concatenate([times[:20], times[60:]])
    assert ink(course(times, np.sin(times))) > ink(course(some, np.sin(some))) > 0


def test_the_sheet_leaves_out_what_is_damaged(tmp_path):
    some = samples(tmp_path, 3)
    (tmp_path / "1.jpg").write_bytes(b"torn")
    assert sheet(some, columns=3, tile_px=60).shape[:2] == (45 + 6, 3 * 66)
    assert sheet([]) is None
    assert labelled_picture(some[1], 60) is None


def test_the_label_is_where_it_was_clicked(tmp_path):
    sample = replace(samples(tmp_path, 1, boxes=None, command=None)[0], aim=Aim(0.5, -0.5))
    plain, drawn = labelled_picture(replace(sample, aim=None), 240), labelled_picture(sample, 240)
    changed = np.argwhere(np.abs(plain.astype(int) - drawn).max(axis=2) > 30)
    assert changed.mean(axis=0) == pytest.approx((0.25 * 180, 0.75 * 240), abs=2)
    assert clicks([sample.aim], plain).shape[2] == 3


def test_a_film_has_a_picture_for_every_record(tmp_path):
    some = samples(tmp_path / "set", 6)
    jpeg(tmp_path / "set" / "2.jpg", 2, (65, 49))
    assert film(some, tmp_path / "film.mp4", lambda picture: Aim(0.0, 0.0)) is None
    capture = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), round(capture.get(cv2.CAP_PROP_FPS))) == (6, 20)
    capture.release()


def test_a_full_disk_leaves_no_half_film(tmp_path, monkeypatch):
    monkeypatch.setattr("jetracer.data.film.ROOM_BYTES", 1 << 62)
    assert "the disk is too full" in write_film([image()], 20.0, tmp_path / "film.mp4")
    assert not list(tmp_path.iterdir())


def test_a_film_of_nothing_says_so(tmp_path):
    assert write_film([], 20.0, tmp_path / "film.mp4") == "no picture can be read"
    assert "there is no folder" in write_film([image()], 20.0, tmp_path / "nowhere" / "film.mp4")
    assert "give it as FILM.mp4" in write_film([image()], 20.0, tmp_path / "film.txt")
    assert (rate_hz([]), rate_hz([0.0, 0.1, 0.2]), rate_hz([0.0, 900.0])) == (30.0, pytest.approx(10.0), 1.0)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no recorded frames in {REAL}; set JETRACER_REAL_DATA")
def test_recorded_sets_have_a_page(tmp_path):
    assert stats(read(REAL / "jetracer_fabo" / "xy"), tmp_path)["plots"] == ["steering.png", "clicks.png", "sheet.png"]
