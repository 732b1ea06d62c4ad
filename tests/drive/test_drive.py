"""The whole flow with real processes: world, guard and loop, and what happens when something goes wrong on purpose."""
from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from jetracer.camera.base import CameraConfig
from jetracer.core.config import load
from jetracer.core.errors import CameraError, ConfigError, GuardTaken, ModelNotFound
from jetracer.drive.build import assemble, completed, drive
from jetracer.drive.config import DriveConfig, WorldConfig
from jetracer.safety.guard import GuardConfig
from jetracer.safety.start import start_guard
from jetracer.sim.board import Board

SMALL = CameraConfig(width=64, height=64)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    return DriveConfig(sim=True, road="null", runs=str(tmp_path / "runs"), film=False, camera=SMALL,
                       duration_s=1.5, world=WorldConfig(look="pattern"))


def children():
    """Processes that this one has started and that still run."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.append(int(pid))
    return found


def test_a_drive_leaves_a_complete_run_folder_and_no_process(config):
    before = children()
    seen = []
    summary = drive(replace(config, film=True), watch=lambda *seen_now: seen.append(seen_now))
    assert summary["reached"] and summary["ended"] == "1.5 s driven"
    assert summary["distance_m"] > 0.1, "it really moved"
    assert any(step.decision.armed for step, _, _ in seen)
    assert seen[-1][1].speed_mps > 0
    folder = config.runs + "/" + os.listdir(config.runs)[0]
    assert {"summary.json", "track.png", "drive.mp4", "config.toml", "session.mcap"} <= set(os.listdir(folder))
    with open(f"{folder}/summary.json", encoding="utf-8") as file:
        kept = json.load(file)
    keys = {"laps", "off_track", "collisions", "duration_s", "distance_m", "frames", "stops", "run", "loop"}
    assert keys <= set(kept)
    assert {"overhead_ms", "inference_ms", "frame_age_ms", "period_rsd", "late"} <= set(kept["loop"])
    assert kept["engine"] == {"name": "null", "precision": "fp32", "model": "null"}
    used = load(DriveConfig(), f"{folder}/config.toml")
    assert used == completed(replace(config, film=True)), "the run can be repeated from its folder"
    assert children() == before


@pytest.mark.parametrize("fault, reasons", [  # one of the world, one of the engine, one of the board; all: tests/faults
    ("black@1.2", {"unsure"}),
    ("slow_engine@1.2", {"watchdog", "stale_frame"}),  # limits of 0.09 and 0.085 s: whichever began to count first
    ("i2c_nak@1.2+0.5", {"bus_fault"}),
])
def test_a_fault_stops_the_whole_drive_and_says_why(config, fault, reasons):
    steps = []
    summary = drive(replace(config, duration_s=5.0, world=replace(config.world, fault=fault)),
                    watch=lambda step, *_: steps.append(step))
    assert any(step.decision.armed for step in steps), "it drove before"
    assert reasons & {stop["reason"] for stop in summary["stops"]}
    assert abs(steps[-1].decision.command.throttle) == 0.0


def test_a_full_disk_ends_the_recording_and_not_the_drive(config):
    seen = []
    full = replace(config, record=replace(config.record, keep_free_mb=1e12))
    summary = drive(full, watch=lambda step, truth, recording: seen.append((step, truth, recording)))
    assert summary["ended"] == "1.5 s driven" and summary["recording"]["error"] == "disk full"
    assert seen[-1][2].error == "disk full" and not seen[-1][2].on
    assert seen[-1][1].speed_mps > 0.1 and summary["duration_s"] < 1.2


def test_the_first_fault_of_an_assembly_ends_all_of_it(config):
    before = children()
    for broken, error in (
        (replace(config, road="missing.onnx"), ModelNotFound),
        (replace(config, sim=False, bus="sim:nowhere", camera=CameraConfig("null")), OSError),
    ):
        with pytest.raises(error), assemble(completed(broken)):
            pass
        assert children() == before


def test_a_folder_that_cannot_be_written_is_told_and_nothing_moves(config):
    before, seen = children(), []
    with pytest.raises(ConfigError, match=r"Cannot write to /proc/runs .*choose another with --runs"):
        drive(replace(config, runs="/proc/runs"), watch=lambda *seen_now: seen.append(seen_now))
    assert not seen
    assert children() == before


def test_a_second_drive_does_not_take_the_guard_of_the_first(config):
    with assemble(completed(config)) as parts:
        with pytest.raises(GuardTaken, match="jetracer stop"), assemble(completed(config)):
            pass
        assert parts.driver.guard.status() is not None, "the first one drives on"
        other = replace(config, guard=GuardConfig(socket=config.runs + ".sock"))
        with assemble(completed(other)):
            pass


def test_a_guard_that_runs_already_is_driven_with_and_stays(config, tmp_path):
    said = []
    board = Board.create(f"{tmp_path}/board")
    car = replace(config.car, steering_gain=-0.5, settle_s=0.0)
    service = replace(config.guard, limits=replace(config.guard.limits, max_throttle=0.25), realtime=False)
    real = replace(config, sim=False, teleop="auto", camera=CameraConfig("null"), world=WorldConfig(), duration_s=0.5)
    with start_guard(f"sim:{tmp_path}/board", config=service, car=car) as guard:
        summary = drive(real, say=said.append)
        assert guard.running
    board.close()
    used = load(DriveConfig(), summary["run"] + "/config.toml")
    assert (used.bus, used.car, used.guard.limits) == (f"sim:{tmp_path}/board", car, service.limits)
    assert summary["ended"] == "0.5 s driven"
    assert any("the guard that runs on" in text for text in said)


def test_a_drive_that_wants_other_limits_than_the_running_guard_does_not_start(config, tmp_path):
    wanted = replace(config, sim=False, teleop="auto", camera=CameraConfig("null"), world=WorldConfig(),
                     guard=replace(config.guard, limits=replace(config.guard.limits, max_throttle=0.25)))
    with start_guard(config=config.guard, car=replace(config.car, name="null")), \
            pytest.raises(GuardTaken, match=r"guard.limits.max_throttle = 1.0 \(not 0.25\)"):
        drive(wanted)
    assert not os.path.exists(config.runs)


def test_recorded_pictures_run_through_the_same_flow(config, tmp_path):
    import cv2
    import numpy as np

    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(10):
        cv2.imwrite(str(folder / f"{number}.jpg"), random.integers(0, 255, (60, 80, 3), np.uint8))
    replay = replace(config, sim=False, world=WorldConfig(), duration_s=None, camera=CameraConfig(f"replay:{folder}"),
                     car=replace(config.car, name="null"))
    summary = drive(replay)
    assert summary["ended"] == "the recording ended"
    assert summary["frames"] >= 9
    assert summary["laps"] is None
    with pytest.raises(CameraError, match="nowhere"):
        drive(replace(replay, camera=CameraConfig("replay:nowhere")))
