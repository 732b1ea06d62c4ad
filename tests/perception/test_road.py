from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetracer.core.errors import CameraError, CardError
from jetracer.core.types import Aim, Frame, Scene
from jetracer.engine.load import load_engine
from jetracer.engine.null import NullEngine
from jetracer.perception.road import RoadFollower
from tests.engine.tiny_models import road_model

NAN, INF = float("nan"), float("inf")


def frame(image=None, t_s=3.5) -> Frame:
    if image is None:
        image = np.random.default_rng(3).integers(0, 256, (224, 224, 3), np.uint8)
    return Frame(image, t_s, 7)


def answering(**outputs) -> NullEngine:
    return NullEngine(outputs={name: np.array([values], np.float32) for name, values in outputs.items()})


def test_the_scene_carries_aim_confidence_and_the_frames_time():
    follower = RoadFollower(NullEngine(Aim(0.25, -0.5), confidence=0.75))
    assert follower.perceive(frame()) == Scene(3.5, Aim(0.25, -0.5), confidence=0.75)
    assert follower.flaw == ""


def test_with_a_real_network(tmp_path):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24] = (102, 204, 255)
    scene = RoadFollower(load_engine(road_model(tmp_path / "road.onnx"))).perceive(frame(image))
    assert (scene.aim.x, scene.aim.y, scene.confidence) == pytest.approx((0.2, 0.4, 0.5), abs=1e-3)


def test_a_model_without_confidence_is_sure():
    engine = answering(aim=[0.1, 0.2])
    engine.card = replace(engine.card, outputs={"aim": "aim"})
    assert RoadFollower(engine).perceive(frame()).confidence == 1.0


def test_the_aim_may_have_another_name():
    engine = answering(output_0=[0.5, 0.0])
    engine.card = replace(engine.card, outputs={"output_0": "aim"})
    assert RoadFollower(engine).perceive(frame()).aim == Aim(0.5, 0.0)


def test_answers_are_held_to_the_picture():
    scene = RoadFollower(answering(aim=[1.5, -7.0], confidence=[1.2])).perceive(frame())
    assert scene.aim == Aim(1.0, -1.0) and scene.confidence == 1.0
    assert RoadFollower(answering(aim=[0, 0], confidence=[-0.1])).perceive(frame()).confidence == 0.0


@pytest.mark.parametrize("outputs", [
    {"aim": [NAN, 0.0], "confidence": [1.0]},
    {"aim": [0.0, INF], "confidence": [1.0]},
    {"aim": [0.0, 0.0], "confidence": [NAN]},
    {"aim": [0.0], "confidence": [1.0]},
    {"confidence": [1.0]},
    {"aim": [0.0, 0.0]},
])
def test_answers_that_are_no_numbers_are_no_aim(outputs):
    follower = RoadFollower(answering(**outputs))
    assert follower.perceive(frame()) == Scene(3.5, None, confidence=0.0)
    assert follower.flaw == "not finite" and follower.flaws["not finite"] == 1


def test_nan_from_a_real_network(tmp_path):
    follower = RoadFollower(load_engine(road_model(tmp_path / "road.onnx", bad=NAN)))
    assert follower.perceive(frame()).aim is None
    assert follower.flaw == "not finite"


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (40, 90, 160)])
def test_blank_pictures_never_reach_the_network(color):
    noise = np.random.default_rng(4).integers(0, 3, (224, 224, 3), np.uint8)
    image = np.clip(np.full((224, 224, 3), color, np.int16) + noise, 0, 255).astype(np.uint8)
    follower = RoadFollower(NullEngine())
    for count in (1, 2):
        assert follower.perceive(frame(image)) == Scene(3.5, None, confidence=0.0)
        assert follower.flaw == "blank" and follower.flaws["blank"] == count
    assert follower.perceive(frame()).aim is not None
    assert follower.flaw == ""


def test_a_flaw_is_logged_once(caplog):
    follower = RoadFollower(NullEngine())
    for _ in range(3):
        follower.perceive(frame(np.zeros((64, 64, 3), np.uint8)))
    assert [record.getMessage() for record in caplog.records] == [
        "frame 7: the picture is blank; no aim while this lasts"
    ]


def test_pictures_of_another_kind_are_refused():
    with pytest.raises(CameraError, match="uint8 BGR"):
        RoadFollower(NullEngine()).perceive(frame(np.zeros((24, 32), np.uint8)))


def test_a_model_for_another_task_is_refused():
    engine = NullEngine()
    engine.card = replace(engine.card, task="detect", outputs={"boxes": "boxes"})
    with pytest.raises(CardError, match=r"task 'detect'.*only boxes; choose a road model"):
        RoadFollower(engine)
