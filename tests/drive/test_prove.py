"""The gate as `jetracer build` and `jetracer optimize` call it: a file, its parent, the pictures, the record."""
from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from jetracer.cli.main import main
from jetracer.core.errors import EngineRefused, ModelError
from jetracer.drive.probes import SEEDS, VIEWS, _views, road_probes, steering_deg
from jetracer.drive.prove import prove
from jetracer.engine.devices import device
from jetracer.engine.interleave import Latency
from jetracer.engine.load import load_engine, sha256_of
from jetracer.engine.proof import parted
from tests.engine.tiny_models import CARD, road_model
from tests.engine.tiny_probes import tiny_probes

PROBES = tiny_probes()


@pytest.fixture
def parent(tmp_path):
    return road_model(tmp_path / "road.onnx")


def child_of(parent, bad=0.0, **entries):
    entries = {"precision": "int8", "parents": (sha256_of(parent),), **entries}
    return road_model(parent.with_name("road.int8.onnx"), replace(CARD, **entries), bad=bad)


def test_one_that_agrees_drives(parent):
    child = child_of(parent, bad=0.002)
    assert prove(child, probes=PROBES).passed
    record = parted(child.read_bytes())[1]
    assert record["parent_sha256"] == sha256_of(parent) and record["aim_px"]["mean"] == pytest.approx(0.317, abs=0.01)
    load_engine(child).close()


def test_one_that_does_not_is_told_by_its_figures(parent):
    child = child_of(parent, bad=0.1)
    parity = prove(child, parent, PROBES)
    assert "the aim is off in the mean by 15.8 px of 224, allowed" in "; ".join(parity.why)
    with pytest.raises(EngineRefused, match=r"must not drive: it does not agree with its parent \(.*15\.8 px"):
        load_engine(child)


@pytest.mark.parametrize("entries, words", [
    ({"parents": ()}, "names no parent in FP32"),
    ({"parents": ("ab" * 32,)}, r"made from \(SHA-256 abababababab\), which is not in .*jetracer build"),
])
def test_what_cannot_be_compared_is_refused_with_the_next_step(parent, entries, words):
    child = child_of(parent, **entries)
    with pytest.raises(ModelError, match=words):
        prove(child, probes=PROBES)
    with pytest.raises(EngineRefused, match="never compared"):
        load_engine(child)


def test_a_parent_that_is_quantised_itself_is_no_measure(tmp_path):
    middle = road_model(tmp_path / "middle.onnx", replace(CARD, precision="fp16"))
    with pytest.raises(EngineRefused, match=r"made from .*middle\.onnx, which is itself in FP16"):
        prove(child_of(middle), probes=PROBES)


def test_the_command_on_a_cpu(parent, capsys, monkeypatch):
    monkeypatch.setattr("jetracer.cli.build.device_here", lambda: device("cpu"))
    monkeypatch.setattr("jetracer.drive.probes.road_probes", lambda: PROBES)
    monkeypatch.setattr("jetracer.engine.cpu_build.interleave",
                        lambda runs, seconds: {name: Latency(1.0, 2.0, 1.0) for name in runs})
    child = child_of(parent)
    assert main(["build", str(child)]) == 0
    assert "agrees with the model in FP32 on 14 pictures" in capsys.readouterr().out
    child_of(parent, bad=0.1)
    assert main(["build", str(child)]) == 1
    assert f"where the points are lost: jetracer build {child} --explain" in capsys.readouterr().out
    assert main(["build", str(child), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["may_drive"] is False and told["parity"]["why"]


def test_the_pictures_are_always_the_same_and_show_driving():
    probes = road_probes()
    assert len(probes.pictures) == 60 and probes.driving == 48
    assert all(picture.shape == (224, 224, 3) and picture.dtype == np.uint8 for picture in probes.pictures)
    assert all(picture.std() > 10 for picture in probes.pictures[:48])
    again = _views(SEEDS[1])
    for number in range(4):
        np.testing.assert_array_equal(next(again), probes.pictures[VIEWS + number])
    with load_engine("road") as road:
        sure = [float(road.infer({"image": picture[None]})["confidence"][0, 0]) for picture in probes.pictures[:48]]
    assert np.median(sure) > 0.9


def test_degrees_of_steering():
    ahead, right = np.array([0.0, 0.1]), np.array([0.2, 0.1])
    assert steering_deg(ahead, ahead) == 0.0
    assert 1.0 < steering_deg(ahead, right) < 24.0
    assert steering_deg(ahead, right) == pytest.approx(steering_deg(right, ahead))
    sky = np.array([0.5, -0.9])
    assert steering_deg(np.array([0.0, -0.9]), sky) == pytest.approx(12.0, abs=0.1), "x times the full lock of 24"
    assert steering_deg(np.array([0.5, 0.1]), sky) == 0.0, "one law for both"
