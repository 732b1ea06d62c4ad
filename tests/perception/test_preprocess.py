from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from jetracer.core.errors import CameraError, CardError
from jetracer.engine.card import ModelCard, ModelInput
from jetracer.perception.preprocess import Preprocess

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CARD = ModelCard("road", "test", "fp32", input=ModelInput(width=32, height=24), outputs={"aim": "aim"})


def card(**entries) -> ModelCard:
    return replace(CARD, input=replace(CARD.input, **entries))


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)


def test_the_cameras_own_bytes_cost_nothing(image):
    ready = Preprocess(CARD)(image)
    assert ready.shape == (1, 24, 32, 3) and np.shares_memory(ready, image)


@pytest.mark.parametrize("shape", [(50, 160, 3), (12, 16, 3), (24, 33, 3)])
def test_other_sizes_are_resized(shape):
    image = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    ready = Preprocess(CARD)(image)
    np.testing.assert_array_equal(ready[0], cv2.resize(image, (32, 24), interpolation=cv2.INTER_LINEAR))


def test_rgb_models_get_rgb(image):
    np.testing.assert_array_equal(Preprocess(card(color="rgb"))(image)[0], image[:, :, ::-1])


def test_a_resized_picture_keeps_its_colours_apart():
    image = np.zeros((100, 200, 3), np.uint8)
    image[:] = (10, 20, 30)
    assert Preprocess(card(color="rgb"))(image)[0, 5, 5].tolist() == [30, 20, 10]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("color", ["bgr", "rgb"])
def test_float_models_get_what_nvidias_notebooks_feed(image, layout, color):
    prepare = Preprocess(replace(card(dtype="float32", layout=layout, color=color), normalisation=IMAGENET))
    ordered = image if color == "bgr" else image[:, :, ::-1]
    wanted = ((ordered / 255.0 - IMAGENET["mean"]) / IMAGENET["std"]).astype(np.float32)
    if layout == "NCHW":
        wanted = wanted.transpose(2, 0, 1)
    ready = prepare(image)
    assert ready.dtype == np.float32
    np.testing.assert_allclose(ready[0], wanted, atol=2e-6)


def test_float_models_without_numbers_get_zero_to_one(image):
    ready = Preprocess(card(dtype="float32", layout="NCHW"))(image)
    np.testing.assert_allclose(ready[0, 2], image[:, :, 2] / 255.0, atol=1e-6)


def test_memory_is_used_again(image):
    for prepare in (Preprocess(card(color="rgb")), Preprocess(card(dtype="float32", layout="NCHW"))):
        assert np.shares_memory(prepare(image), prepare(image))


@pytest.mark.parametrize("image", [
    np.zeros((24, 32), np.uint8), np.zeros((24, 32, 4), np.uint8), np.zeros((24, 32, 3), np.float32),
    np.zeros((0, 32, 3), np.uint8),
])
def test_pictures_of_another_kind_are_refused(image):
    with pytest.raises(CameraError, match="uint8 BGR"):
        Preprocess(CARD)(image)


@pytest.mark.parametrize("numbers, words", [
    ({"mean": [1, 2]}, "one number or three"),
    ({"mean": "x"}, "one number or three"),
    ({"std": 0.0}, "greater than 0"),
    ({"mean": float("nan")}, "finite"),
])
def test_wrong_numbers_in_the_card(numbers, words):
    with pytest.raises(CardError, match=words):
        Preprocess(replace(card(dtype="float32"), normalisation=numbers))


def test_bytes_in_planes_are_refused():
    with pytest.raises(CardError, match="NHWC"):
        Preprocess(card(layout="NCHW"))
