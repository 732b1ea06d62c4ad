import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.car.model import LOOKAHEAD_M
from jetracer.control.config import ControlConfig
from jetracer.control.speed import SpeedConfig
from jetracer.core.errors import ConfigError, ModelNotFound
from jetracer.core.processes import programs
from jetracer.core.types import Frame
from jetracer.drive.episode import EpisodeConfig
from jetracer.drive.evaluate import EvaluationConfig, _jobs, evaluate, summarise
from jetracer.drive.oracle import Oracle, PoseRenderer, aim_at
from jetracer.sim.track import EVALUATION_FIRST_SEED, generate

PRACTICE = 7000  # tests are no evaluation: they drive on training tracks


def practice(duration_s=8.0, lag_s=0.0, control=None, **options):
    episode = EpisodeConfig(duration_s, lag_s=lag_s, control=control or ControlConfig())
    options = {"road": "oracle", "tracks": 1, "seeds": 1, "workers": 1, **options}
    return EvaluationConfig(first_seed=PRACTICE, unseen=False, episode=episode, **options)


def test_perfect_sight_drives_without_fault():
    result = evaluate(practice(tracks=3, duration_s=15.0))
    assert result["episodes"] == 3
    assert result["success_rate"] == 1.0
    assert result["survival_s"] == {"median": 15.0, "min": 15.0}
    assert result["off_track_s"] == {"median": 0.0, "max": 0.0}
    assert result["distance_m"]["min"] > 15.0
    assert result["deviation_rel"]["max"] < 0.06
    assert result["stops"] == {}
    assert result["realtime_factor"] > 0
    json.dumps(result)


@pytest.mark.parametrize("lag_s, noise", [(0.06, 0.0), (0.15, 0.0), (0.03, 0.05)])
def test_delay_and_errors_of_the_aim_are_borne(lag_s, noise):
    result = evaluate(practice(duration_s=12.0, lag_s=lag_s, oracle_noise=noise))
    assert result["success_rate"] == 1.0
    assert result["deviation_rel"]["max"] < 0.08


def test_the_aim_pd_drives_too():
    result = evaluate(practice(duration_s=12.0, control=ControlConfig(name="aim")))
    assert result["success_rate"] == 1.0


def test_processes_give_what_one_process_gives():
    records = {workers: [] for workers in (1, 2)}
    for workers, kept in records.items():
        evaluate(practice(duration_s=2.0, seeds=2, workers=workers), lambda done, total, record: kept.append(record))  # noqa: B023
    assert sorted(records[1], key=str) == sorted(records[2], key=str)
    assert len(records[1]) == 2


@pytest.mark.parametrize("late_s", [0.0, 0.03, 0.15])
def test_ctrl_c_while_the_workers_start_is_one_line(late_s):
    command = [sys.executable, "-m", "jetracer", "evaluate", "--road", "oracle", "--tracks", "2", "--seeds", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as evaluation:
        give_up_s = time.monotonic() + 30.0
        while not any(one.parent == evaluation.pid and "spawn_main" in one.command for one in programs(Path("/"))):
            assert evaluation.poll() is None and time.monotonic() < give_up_s
            time.sleep(0.001)
        time.sleep(late_s)
        os.killpg(evaluation.pid, signal.SIGINT)  # as a terminal sends it: to all of them
        told, errors = evaluation.communicate(timeout=30.0)
    assert (evaluation.returncode, told, errors) == (130, "", "jetracer: interrupted\n")


def test_a_model_that_sees_nothing_leaves_the_track():
    seen = []
    result = evaluate(practice(duration_s=20.0, road="null"), lambda *progress: seen.append(progress))
    assert result["success_rate"] == 0.0
    assert result["survival_s"]["min"] < 20.0
    assert result["off_track_s"]["max"] > 0.0
    assert [record["track"] for record in result["failed"]] == [PRACTICE]
    assert seen[0][:2] == (1, 1)


def test_standing_still_is_no_success():
    still = ControlConfig(speed=SpeedConfig(max_speed_mps=0.0, min_speed_mps=0.0))
    result = evaluate(practice(duration_s=3.0, control=still))
    assert result["survival_s"]["min"] == 3.0
    assert result["success_rate"] == 0.0


def test_tracks_of_training_and_validation_are_refused():
    for seed in (0, 99_999, 150_000, 199_999):
        with pytest.raises(ConfigError, match="for training and validation"):
            EvaluationConfig(first_seed=seed)
    EvaluationConfig(first_seed=200_000)
    assert EvaluationConfig().first_seed == EVALUATION_FIRST_SEED


@pytest.mark.parametrize("options", [{"tracks": 0}, {"seeds": 0}, {"workers": 0}, {"first_seed": -1, "unseen": False}])
def test_senseless_numbers_are_refused(options):
    with pytest.raises(ConfigError, match="or more"):
        EvaluationConfig(**options)


def test_senseless_episodes_are_refused():
    with pytest.raises(ConfigError, match="duration"):
        EvaluationConfig(episode=EpisodeConfig(lag_s=math.nan))


def test_a_missing_model_is_told_before_anything_drives():
    with pytest.raises(ModelNotFound):
        evaluate(practice(road="nowhere.onnx"))


def test_few_tracks_are_shared_among_the_workers():
    jobs = _jobs(practice(tracks=1, seeds=5, workers=2))
    assert [job.seeds for job in jobs] == [(0, 4), (1,), (2,), (3,)]
    assert len(_jobs(practice(tracks=50, seeds=5, workers=2))) == 50


def test_the_summary_tells_median_and_worst():
    record = {"seed": 0, "success": True, "stops": [], "collisions": 0, "simulated_s": 60.0, "survival_s": 60.0,
              "off_track_s": 0.0, "distance_m": 80.0, "deviation_rel": 0.04}
    bad = {**record, "track": 2, "success": False, "survival_s": 9.0, "off_track_s": 1.5, "distance_m": 10.0,
           "deviation_rel": 0.5, "stops": ["stale_frame"], "collisions": 2}
    result = summarise([{**record, "track": 3}, bad, {**record, "track": 1}], practice(tracks=3), wall_s=12.0)
    assert result["success_rate"] == pytest.approx(0.6667)
    assert result["survival_s"] == {"median": 60.0, "min": 9.0}
    assert result["off_track_s"] == {"median": 0.0, "max": 1.5}
    assert result["distance_m"] == {"median": 80.0, "min": 10.0}
    assert result["deviation_rel"] == {"median": 0.04, "max": 0.5}
    assert result["stops"] == {"stale_frame": 1}
    assert result["collisions"] == 2
    assert result["failed"] == [bad]
    assert result["realtime_factor"] == 15.0


def test_the_oracle_points_at_the_line_ahead():
    track = generate(PRACTICE)
    pose = track.pose_at(2.0, 0.1, 0.1)
    aim = aim_at(track, SIM_CAMERA, np.array(pose), LOOKAHEAD_M)
    ground = SIM_CAMERA.ground_from_aim(aim)
    assert math.hypot(*ground) == pytest.approx(LOOKAHEAD_M, abs=1e-4)
    turned = aim_at(track, SIM_CAMERA, np.array([pose[0], pose[1], pose[2] + 0.9]), LOOKAHEAD_M)
    assert turned.x == 1.0
    assert aim_at(track, SIM_CAMERA, np.array([pose[0], pose[1], pose[2] + math.pi]), LOOKAHEAD_M) is None


def test_an_oracle_that_looks_the_other_way_knows_nothing():
    track = generate(PRACTICE)
    x, y, yaw = track.pose_at(2.0)
    oracle = Oracle(track, SIM_CAMERA)
    assert oracle.perceive(Frame(PoseRenderer().frame(x, y, yaw), 0.0, 0)).confidence == 1.0
    assert oracle.perceive(Frame(PoseRenderer().frame(x, y, yaw + math.pi), 0.0, 0)).aim is None
