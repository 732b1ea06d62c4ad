"""Every benchmark runs, with counts too small to mean anything."""
from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import (
    donkey,
    episodes,
    gate,
    hogs,
    int8,
    lag,
    overhead,
    power,
    predictor,
    preprocessing,
    real_data,
    recording,
    renderer,
    sixty_hz,
    slow_reader,
    speeds,
    startup,
    tub,
)
from benchmarks.__main__ import main
from benchmarks.block import Block
from benchmarks.stand_ins import draw_pictures
from jetracer.camera.gst_child import GST_HINT
from jetracer.core.errors import DeviceError
from jetracer.drive.episode import EpisodeConfig
from tests.data.sets import jpeg


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return draw_pictures(tmp_path_factory.mktemp("pictures") / "pictures.npy", count=4)


@pytest.fixture
def block(pictures, tmp_path):
    return Block(str(pictures), str(tmp_path / "turns.npy"), seconds=0.3, warm_up_s=0.9)


def test_overhead_through_the_guard_by_the_command(monkeypatch, capsys):
    monkeypatch.setattr(overhead, "QUICK_ROUNDS", 1)
    monkeypatch.setattr(overhead, "QUICK_SECONDS", 0.3)
    monkeypatch.setattr(overhead, "find_donkey", lambda install: donkey.find_donkey(install=False))
    monkeypatch.setattr(overhead, "DONKEY_HZ", ())
    assert main(["overhead", "--quick", "--road", "null", "--json"]) == 0
    said = capsys.readouterr().out.splitlines()
    loop = json.loads(said[-1])["overhead"]["loops"]["JetRacer null 60 Hz"]
    assert loop["turns"] >= 10
    assert 0 < loop["age_ms"]["p50"] < 100
    assert any("goal with a null engine" in line for line in said)


def test_donkeys_own_loop(pictures):
    try:
        python = donkey.find_donkey(install=False)
    except DeviceError as error:
        pytest.skip(str(error))
    turns, facts = donkey.donkey_block(python, pictures, "null", 60.0, 0.3)
    assert len(turns) == 18
    assert facts["version"].startswith("5.")


def test_sixty_hz(block, pictures, tmp_path):
    drive = sixty_hz._drive("recorded", replace(block, recorded=True), pictures, tmp_path)
    assert drive["frames"] >= 10
    assert drive["ended"] == ""
    shown = sixty_hz.show({"drives": {"recorded": drive}, "goal_met": True})
    assert "guard, to registers and back" in shown


def test_hogs_in_realtime_mode(block):
    drive = hogs._drive(replace(block, fps=100.0, realtime=True), hogs=1)
    assert drive["frames"] >= 10
    shown = hogs.show({"drives": {"real-time, hogs": drive}, "fps": 100.0, "hogs": 1, "refused": "no",
                       "goal_met": None})
    assert "not judged" in shown


def test_startup(monkeypatch):
    monkeypatch.setattr(startup, "DURATION_S", 1.0)
    drive = startup.drive_once("null")
    assert 0 < drive["first_turn_s"] <= drive["armed_s"]
    assert not drive["torch"]
    assert drive["rss_driving_mb"] > 20
    assert startup.guard_once() > 0


@pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason=f"no gst-launch-1.0; run: {GST_HINT}")
def test_slow_reader():
    with slow_reader.READERS["a plain queue"]() as camera:
        behind_s = slow_reader.behind(camera, 0.3)
    assert len(behind_s) >= 2
    assert "goal" in slow_reader.show(slow_reader.summary({"the drive's camera": behind_s}))


def test_renderer():
    from jetracer.camera.geometry import SIM_CAMERA
    from jetracer.sim.look import Look
    from jetracer.sim.render import Renderer
    from jetracer.sim.scenery import Scenery
    from jetracer.sim.track import generate

    quick = Renderer(Scenery(generate(1_000_000), ppm=64.0), SIM_CAMERA, Look.plain())
    assert renderer.frames_per_s(quick, 5) > 0
    shown = renderer.show({"looks": {"plain": 1.0}, "scenery_s": 1.0, "realtime_factor": 12.0, "missing": ""})
    assert "goal lockstep >= 10 times real time on 2 cores: met" in shown


def test_tub(monkeypatch):
    monkeypatch.setattr(tub, "QUICK_RECORDS", 30)
    result = tub.measure(quick=True)
    assert result["records"] == 30
    assert "records/s" in tub.show(result)


def test_lag(monkeypatch):
    monkeypatch.setattr(lag, "QUICK_DURATION_S", 2.0)
    monkeypatch.setattr(lag, "SPEEDS", (2.0,))
    monkeypatch.setattr(episodes, "CORES", 1)
    result = lag.measure(quick=True, road="oracle")
    assert set(result["ways"]) == {f"2x, {kind}" for kind in (lag.UNDELAYED, lag.AWARE, lag.UNAWARE)}
    assert result["ways"]["2x, no lag"]["mean_mps"] > 0.3
    assert "goal off track with lag <= without" in lag.show(result)
    assert lag.ratio(0.2, 0.05) == 4.0


def test_speeds(monkeypatch):
    monkeypatch.setattr(speeds, "QUICK_DURATION_S", 2.0)
    monkeypatch.setattr(speeds, "FACTORS", (0.5, 2.0))
    monkeypatch.setattr(episodes, "CORES", 1)
    result = speeds.measure(quick=True, road="oracle")
    assert result["goal_met"]
    assert "0.5x, at most 0.75 m/s" in speeds.show(result)


def test_gate(monkeypatch):
    pytest.importorskip("onnx")
    monkeypatch.setattr(gate, "QUICK_COUNT", 1)
    result = gate.measure(quick=True)
    assert set(result["healthy"]) == set(gate.HEALTHY) and set(result["wrong"]) == set(gate.WRONG)
    assert result["flipped"] == {"onnx": 1, "engine": 1} and result["goal_met"]
    assert "flipped bit, engine" in gate.show(result)


def test_a_lost_car_stays_off_the_track():
    ended = {"off_track_s": 0.4, "survival_s": 12.0, "success": False, "collisions": 0, "distance_m": 20.0,
             "simulated_s": 12.5, "deviation_rel": 0.1, "deviation_max_rel": 1.9}
    result = episodes.told([ended], EpisodeConfig(duration_s=30.0))
    assert (result["off_track_s"], result["inside"]) == (18.4, 0)


def test_power():
    turns = power.turns(0.1)
    assert turns["none"]["p50"] > 0
    assert turns["sensors"]["p50"] > 0
    assert 0 < power.glass(1)[0] < 10


def test_recording(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "STRETCH_S", 0.6)
    one = recording.drive(recording.Take(str(pictures), str(tmp_path / "session.mcap"), "null", 1.5))
    assert one["pictures"] > 20 and one["dropped"] == 0 and one["error"] == ""
    shown = recording.show({"drives": {"this disk": one}, "kills": {"count": 1, "worst_s": 0.4}, "goal_met": True})
    assert "1 recordings killed with SIGKILL: at most 0.40 s lost" in shown


def test_int8(monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
    driven = {"faultless": 1, "episodes": 1, "off_track_s": 0.0, "collisions": 0}
    for name, value in (("QUICK_FRAMES", 4), ("QUICK_SECONDS", 0.0), ("REAL_SETS", {}),
                        ("_drives", lambda *_: {"fp32": driven, "int8": driven})):
        monkeypatch.setattr(int8, name, value)
    monkeypatch.setattr("jetracer.optimize.int8.frames.COMPARED", 8)
    result = int8.measure(quick=True)
    net = result["nets"][int8.SHIPPED]
    assert 0.2 < net["size"]["cpu"] < 1.0 and net["judged"][int8.SIMULATED]["moved"]["cpu"]["mean_percent"] < 5.0
    assert (result["calibrated"], result["chosen"], result["judged"]) == (4, 8, 4)
    assert net["repairs"][0]["name"] == "as calibrated"
    assert set(net["latency"]) >= {int8.FIRST, "ONNX Runtime INT8", "PyTorch FP32"}
    shown = int8.show(result)
    for words in (", simulated, tensorrt", ": as calibrated", ", int8", "goal shipped road: size <= 0.27"):
        assert words in shown


def test_real_data(monkeypatch, tmp_path):
    pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
    for at in range(60):
        jpeg(tmp_path / "clicks" / f"{at}_{at}_{at}.jpg", at)
    monkeypatch.setattr(real_data, "REAL", tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert "skipped: no recorded pictures" in real_data.show(real_data.measure(True, ""))
    monkeypatch.setattr(real_data, "CASES", {"clicked": real_data.Case("clicks", "", {
        real_data.THEIRS: real_data.Recipe("resnet18", 64),
        real_data.OURS: real_data.Recipe("road_net", 224, "road"),
    })})
    shown = real_data.show(real_data.measure(True, ""))
    assert "the mean of the labels" in shown
    assert "NVIDIA's recipe" in shown


def test_preprocessing(monkeypatch):
    torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
    monkeypatch.setattr(preprocessing, "QUICK_SECONDS", 0.05)
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    wanted = (picture.transpose(2, 0, 1) / 255 - np.reshape(preprocessing.MEAN, (3, 1, 1))) / np.reshape(
        preprocessing.STD, (3, 1, 1))
    np.testing.assert_allclose(preprocessing.nvidias_preprocess()(picture)[0], wanted, atol=1e-5)
    threads = torch.get_num_threads()
    result = preprocessing.measure(quick=True)
    assert torch.get_num_threads() == threads
    assert result["sizes"]["1280x720"]["theirs_ms"] > result["sizes"]["1280x720"]["ours_ms"] > 0.0
    assert "goal road_net, 224x224 >= 5 times as fast" in preprocessing.show(result)


def test_predictor(monkeypatch, tmp_path):
    pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
    monkeypatch.setattr(predictor, "NETS", ("road_net", "pilotnet"))
    monkeypatch.setattr(predictor, "SMALL_NETS", {"picture": 1, "inverted": 1, "single": 1})
    monkeypatch.setattr(predictor, "FOLDER", tmp_path)
    monkeypatch.setattr(predictor, "QUICK_ROUNDS", 1)
    shown = predictor.show(predictor.measure(quick=True))
    assert "learnt from 3 small nets" in shown
    assert "rank correlation" in shown


def test_the_rank_correlation_is_spearmans():
    assert predictor.rank_correlation([1, 2, 3, 4], [10, 20, 40, 30]) == pytest.approx(0.8)
    assert predictor.rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
