"""Tracks: drivable, never crossing themselves, the same every time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jetracer.core.errors import ConfigError
from jetracer.sim.track import EVALUATION_FIRST_SEED, TRAINING_SEEDS, VALIDATION_SEEDS, Track, generate

SEEDS = [*range(0, 60), *range(100_000, 100_020), *range(EVALUATION_FIRST_SEED, EVALUATION_FIRST_SEED + 40)]


@pytest.fixture(scope="module")
def tracks() -> list:
    return [generate(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def track(tracks: list) -> Track:
    return tracks[3]


def separation(track: Track) -> float:
    """Least distance of places that are more than 1.5 m apart along the line."""
    line = track.centre[::3]
    along = np.arange(len(line)) * 3 * track.step_m
    gap = np.abs(along[:, None] - along)
    far = np.minimum(gap, track.length_m - gap) > 1.5
    return float(np.linalg.norm(line[:, None] - line, axis=2)[far].min())


def test_seeds_are_apart() -> None:
    assert not set(TRAINING_SEEDS) & set(VALIDATION_SEEDS)
    assert VALIDATION_SEEDS.stop <= EVALUATION_FIRST_SEED


def test_every_track_is_drivable(tracks: list) -> None:
    for track in tracks:
        lane = 2 * track.half_width_m
        assert np.abs(track.curvature).max() <= 1 / 0.95, track.seed
        assert 0.55 <= lane <= 0.80, track.seed
        assert 9.0 <= track.length_m <= 20.0, track.seed
        assert separation(track) >= 1.5 * lane, track.seed
        assert (np.ptp(np.vstack([track.left_edge, track.right_edge]), axis=0) <= (7.0, 5.5)).all(), track.seed


def test_the_line_turns_round_once(tracks: list) -> None:
    for track in tracks:  # with the separation above: it does not cross itself
        turn = float((track.curvature * track.step_m).sum())
        assert abs(turn) == pytest.approx(2 * math.pi, abs=0.01), track.seed


def test_points_are_even_and_agree_with_heading_and_curvature(tracks: list) -> None:
    for track in tracks[::5]:
        step = np.roll(track.centre, -1, 0) - track.centre
        lengths = np.linalg.norm(step, axis=1)
        np.testing.assert_allclose(lengths, track.step_m, rtol=2e-3)
        ahead = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
        middle = track.heading[:-1] + 0.5 * np.diff(track.heading)
        off = np.remainder(ahead[:-1] - middle + math.pi, 2 * math.pi) - math.pi
        assert np.abs(off).max() < 0.01
        np.testing.assert_allclose(np.gradient(track.heading) / track.step_m, track.curvature, atol=0.05)


def test_both_directions_and_both_bends_occur(tracks: list) -> None:
    left = [track for track in tracks if (track.curvature * track.step_m).sum() > 0]
    winding = [track for track in tracks if min(track.curvature.max(), -track.curvature.min()) > 0.35]
    assert 0.3 < len(left) / len(tracks) < 0.7
    assert len(winding) > 0.4 * len(tracks)


def test_same_seed_same_track() -> None:
    a, b, c = generate(5), generate(5), generate(6)
    np.testing.assert_array_equal(a.centre, b.centre)
    assert (a.floor, a.marking) == (b.floor, b.marking)
    assert len(a.centre) != len(c.centre) or not np.allclose(a.centre, c.centre)


def test_negative_seed_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 or more"):
        generate(-1)


def test_locate_undoes_pose_at(track: Track) -> None:
    rng = np.random.default_rng(0)
    for s, lateral in zip(rng.uniform(0, track.length_m, 200), rng.uniform(-0.4, 0.4, 200)):
        x, y, yaw = track.pose_at(s, lateral)
        for near in (None, s + rng.uniform(-0.3, 0.3)):
            found = track.locate(x, y, near)
            assert math.remainder(found.s_m - s, track.length_m) == pytest.approx(0, abs=0.01)
            assert found.lateral_m == pytest.approx(lateral, abs=0.002)
            assert math.remainder(found.heading_rad - yaw, 2 * math.pi) == pytest.approx(0, abs=0.02)


def test_left_of_the_line_is_positive(track: Track) -> None:
    i = 40
    x, y = track.left_edge[i]
    assert track.locate(x, y).lateral_m == pytest.approx(track.half_width_m, abs=0.003)
    x, y = track.right_edge[i]
    assert track.locate(x, y).lateral_m == pytest.approx(-track.half_width_m, abs=0.003)


def test_a_lost_hint_is_no_harm(track: Track) -> None:
    x, y, _ = track.pose_at(1.0)
    assert track.locate(x, y, near_s_m=1.0 + track.length_m / 2).s_m == pytest.approx(1.0, abs=0.02)


def test_s_wraps_round(track: Track) -> None:
    x, y, _ = track.pose_at(track.length_m + 0.25)
    assert track.locate(x, y, near_s_m=track.length_m - 0.1).s_m == pytest.approx(0.25, abs=0.01)


def test_heading_error_turns_left(track: Track) -> None:
    _, _, yaw = track.pose_at(2.0)
    assert track.pose_at(2.0, 0.0, 0.3)[2] == pytest.approx(math.remainder(yaw + 0.3, 2 * math.pi))


def test_ahead_is_on_the_line_at_that_distance_and_forward(tracks: list) -> None:
    rng = np.random.default_rng(2)
    for track in tracks[:20]:
        s, lateral, distance = rng.uniform(0, track.length_m), rng.uniform(-0.2, 0.2), rng.uniform(0.4, 1.2)
        x, y, _ = track.pose_at(s, lateral)
        tx, ty = track.ahead(x, y, distance)
        assert math.hypot(tx - x, ty - y) == pytest.approx(distance, abs=0.003)
        there = track.locate(tx, ty)
        assert abs(there.lateral_m) < 0.002
        assert 0 < (there.s_m - s) % track.length_m < 2 * distance


def test_ahead_from_far_off_the_line_still_answers(track: Track) -> None:
    x, y, _ = track.pose_at(1.0, 0.9)
    tx, ty = track.ahead(x, y, 0.5, near_s_m=1.0)
    assert abs(track.locate(tx, ty).lateral_m) < 0.002
