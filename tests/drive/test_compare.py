"""The verdict on two models: how often it is wrong where there is no difference, and how often it sees one."""
from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from jetracer.core.errors import ConfigError, ModelNotFound
from jetracer.drive.compare import FALSE_ALARMS, FEWEST_TRACKS, METRICS, compare, evaluate_two, interval, student
from jetracer.drive.episode import EpisodeConfig
from jetracer.drive.evaluate import EvaluationConfig

LEVEL = 1.0 - FALSE_ALARMS / len(METRICS)


def records(deviations, seeds=1, **same):
    """One record per deviation, `seeds` to a track."""
    return [{"track": number // seeds, "seed": number % seeds, "success": True, "survival_s": 60.0, "off_track_s": 0.0,
             "distance_m": 80.0, "deviation_rel": float(value), **same} for number, value in enumerate(deviations)]


def test_a_model_beside_itself_is_no_different():
    drives = records(np.linspace(0.02, 0.3, 20), seeds=2)
    result = compare(drives, drives)
    assert result["verdict"] == "no difference"
    assert (result["pairs"], result["tracks"]) == (20, 10)
    assert all(found["low"] == found["high"] == 0.0 for found in result["differences"].values())


def test_what_is_better_is_told_with_its_direction():
    worse = records(np.linspace(0.10, 0.14, 12))
    better = records(np.linspace(0.05, 0.10, 12))
    said = compare(better, worse)
    assert said["verdict"] == "better in deviation from the centre line"
    found = said["differences"]["deviation_rel"]
    assert found["difference"] == pytest.approx(-0.045)
    assert found["low"] < found["difference"] < found["high"] < 0.0
    assert compare(worse, better)["verdict"] == "worse in deviation from the centre line"
    farther = [{**record, "distance_m": 90.0} for record in worse]
    assert compare(farther, better)["verdict"] == "better in distance; worse in deviation from the centre line"


def test_one_bad_track_is_no_proof():
    bad = records(np.full(10, 0.05))
    bad[3].update(success=False, off_track_s=9.0)
    assert compare(records(np.full(10, 0.05)), bad)["verdict"] == "no difference"


def test_episodes_on_one_track_do_not_count_as_many():
    """Twelve tracks of which four alone differ, seen once or twenty times each."""
    for seeds in (1, 20):
        luck = np.repeat([0.1] * 4 + [0.0] * 8, seeds)
        assert compare(records(luck, seeds), records(np.zeros(12 * seeds), seeds))["verdict"] == "no difference"


@pytest.mark.parametrize("draw", [
    lambda random, n: random.normal(0.0, 1.0, n),
    lambda random, n: random.standard_t(2.0, n),
    lambda random, n: (random.random(n) < 0.2) * random.choice((-1.0, 1.0), n),
], ids=["normal", "wild", "mostly none"])
def test_false_alarms_are_rare(draw):
    """Equal models: which of the two is ours does not matter, so that differences spread evenly to both sides."""
    random = np.random.default_rng(5)
    alarms = 0
    for trial in range(300):
        low, high = interval(draw(random, FEWEST_TRACKS), LEVEL, trial)
        alarms += not low <= 0.0 <= high
    assert alarms / 300 <= 0.03  # 0.7% asked for, 1.2 to 1.7% found in 600 trials of the fewest tracks there may be


def test_a_real_difference_is_seen():
    """Of one standard deviation, on 20 tracks: in nine of ten comparisons."""
    random = np.random.default_rng(1)
    seen = sum(interval(random.normal(1.0, 1.0, 20), LEVEL, trial)[0] > 0.0 for trial in range(200))
    assert seen / 200 >= 0.85


def test_students_quantiles():
    for share, degrees, table in ((0.975, 9, 2.262), (0.995, 9, 3.250), (0.995, 19, 2.861)):  # any printed table
        assert student(share, degrees) == pytest.approx(table, abs=0.02)


def test_only_the_same_episodes_are_compared_and_enough_of_them():
    drives = records(np.zeros(10))
    with pytest.raises(ConfigError, match="same episodes"):
        compare(drives, drives[:-1])
    with pytest.raises(ConfigError, match="too few"):
        compare(drives[:4], drives[:4])


def practice(**options):
    return EvaluationConfig(tracks=FEWEST_TRACKS, seeds=1, first_seed=7000, unseen=False, workers=1,
                            episode=EpisodeConfig(1.5), **options)


def test_an_evaluation_of_a_model_against_itself_says_no_difference():
    result = evaluate_two(practice(road="oracle"), "oracle", lambda: lambda *_: None)
    assert result["comparison"]["verdict"] == "no difference"
    assert result["episodes"] == result["against"]["episodes"] == FEWEST_TRACKS
    json.dumps(result)


def test_what_cannot_be_compared_is_told_before_anything_drives():
    with pytest.raises(ModelNotFound):
        evaluate_two(practice(road="oracle"), "nowhere.onnx", pytest.fail)
    with pytest.raises(ConfigError, match="too few"):
        evaluate_two(replace(practice(road="oracle"), tracks=9), "oracle", pytest.fail)
