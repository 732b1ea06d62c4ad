"""What is another network than its model does not pass, whatever it answers; what is the same does."""
from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from jetracer.core.errors import ModelError
from jetracer.engine.null import NullEngine
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.parity import LIMITS, compare, limits_for

from .tiny_models import CARD, nvidia_model, road_model
from .tiny_probes import DRIVING, tiny_probes

PROBES = tiny_probes()
NAN = float("nan")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with OnnxEngine(road_model(tmp_path_factory.mktemp("parity") / "road.onnx")) as engine:
        yield engine


def changed(model, change):
    """A candidate that answers what the model does, but for `change(outputs)`."""
    def infer(inputs):
        outputs = {name: values.copy() for name, values in model.infer(inputs).items()}
        return {**outputs, **change(outputs)}
    return infer


@pytest.mark.parametrize("precision", sorted(LIMITS))
def test_the_model_agrees_with_itself(model, precision):
    parity = compare(model, model, PROBES, limits_for(precision))
    assert parity.passed and parity.precision == precision and parity.probes == len(PROBES.pictures)
    assert parity.aim_px == parity.steering_deg == {"mean": 0.0, "max": 0.0}
    assert parity.outputs["aim"]["cosine"] == pytest.approx(1.0)
    assert "agrees with the model in FP32 on 14 pictures: aim 0 px" in str(parity)


def test_the_figures_are_those_of_the_definition(model):
    def shift(outputs):
        return {"aim": outputs["aim"] + np.float32([0.003, 0.004])}
    parity = compare(model, changed(model, shift), PROBES, LIMITS["int8"])
    assert parity.passed
    assert parity.aim_px == pytest.approx({"mean": 0.005 * 112, "max": 0.005 * 112}, rel=1e-4)
    assert parity.steering_deg["mean"] == pytest.approx(0.03, rel=1e-4)
    assert parity.outputs["aim"]["max_abs"] == pytest.approx(0.004, rel=1e-3)
    assert parity.outputs["aim"]["mean_abs"] == pytest.approx(0.0035, rel=1e-3)
    assert parity.outputs["confidence"]["max_abs"] == 0.0
    assert json.loads(json.dumps(parity.record(model_sha256="ab")))["model_sha256"] == "ab"


@pytest.mark.parametrize("px, strain", [(0.0, 0.0), (0.75, 0.5), (1.5 * 1.25, 1.25)])
def test_how_near_to_its_limits_it_is(model, px, strain):
    """Moved across, where steering follows least, by parts of the 1.5 px that INT8 may be off."""
    parity = compare(model, changed(model, lambda o: {"aim": o["aim"] + np.float32([0.0, px / 112])}), PROBES,
                     LIMITS["int8"])
    assert parity.strain(LIMITS["int8"]) == pytest.approx(max(strain, parity.steering_deg["mean"] / 0.5), rel=1e-3)
    assert parity.passed == (parity.strain(LIMITS["int8"]) <= 1.0)


def test_what_cannot_be_compared_is_infinitely_far(model):
    for change in (lambda o: {"aim": o["aim"] * NAN}, lambda o: {"aim": np.zeros((1, 3), np.float32)}):
        assert compare(model, changed(model, change), PROBES, LIMITS["int8"]).strain(LIMITS["int8"]) == np.inf


@pytest.mark.parametrize("change, words", [
    (lambda o: {"aim": o["aim"] * NAN}, "aim is not a number in 14 of 14 pictures"),
    (lambda o: {"aim": o["aim"] / 0.0 if o["aim"][0, 0] > 0.9 else o["aim"]}, "aim is not a number in"),
    (lambda o: {"aim": o["aim"] * 0.0 + 0.5}, "aim does not change with the picture"),
    (lambda o: {"aim": o["aim"] * np.float32([1, 0])}, r"aim does not change with the picture \(1 of 2 values\)"),
    (lambda o: {"aim": o["aim"][:, :1]}, "aim has 1 values instead of 2"),
    (lambda o: {"aim": np.zeros((1, 1 + int(o["aim"][0, 0] * 9)))}, "it has no output aim of a fixed size"),
    (lambda o: {"aim": o["aim"][:, ::-1]}, "the aim is off in the mean by"),
    (lambda o: {"aim": -o["aim"]}, "aim points elsewhere: cosine -"),
    (lambda o: {"aim": o["aim"] * 0.9}, "the aim is off in the mean by"),
    (lambda o: {"aim": o["aim"] + (o["aim"] > 0.8)}, "the aim is off by up to"),
    (lambda o: {"confidence": 1 - o["confidence"]}, "confidence differs in the mean by"),
])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_answers_otherwise_fails_at_any_precision(model, change, words):
    for limits in LIMITS.values():
        parity = compare(model, changed(model, change), PROBES, limits)
        assert not parity.passed and "differs from the model in FP32: " in str(parity)
        assert re.search(words, "; ".join(parity.why))


def test_a_missing_output_fails(model):
    parity = compare(model, lambda inputs: {"aim": model.infer(inputs)["aim"]}, PROBES, LIMITS["int8"])
    assert parity.why == ("it has no output confidence of a fixed size",)


@pytest.mark.parametrize("error", [ModelError("no memory"), RuntimeError("CUDA"), ValueError("shape")])
def test_what_does_not_run_fails(model, error):
    def infer(inputs):
        raise error
    parity = compare(model, infer, PROBES, LIMITS["int8"])
    assert not parity.passed and parity.why[0].startswith("it does not run: ") and not parity.outputs


def test_a_finer_precision_is_held_to_less(model):
    def shift(outputs):
        return {"aim": outputs["aim"] + np.float32([0.004, 0.0])}
    passed = {name: compare(model, changed(model, shift), PROBES, limits).passed for name, limits in LIMITS.items()}
    assert passed == {"fp32": False, "fp16": False, "int8": True}


def test_what_a_car_never_sees_must_be_a_number_and_no_more(model):
    calls = []

    def infer(inputs):
        calls.append(1)
        shift = 0.5 if len(calls) > DRIVING else 0.0
        return {name: values + np.float32(shift) for name, values in model.infer(inputs).items()}
    assert compare(model, infer, PROBES, LIMITS["fp32"]).passed

    def broken(inputs):
        return {name: values + np.float32(NAN if not inputs["image"].any() else 0.0)
                for name, values in model.infer(inputs).items()}
    assert "aim is not a number in 1 of 14 pictures" in compare(model, broken, PROBES, LIMITS["int8"]).why


def test_a_model_that_is_no_measure(model):
    with pytest.raises(ModelError, match="itself answers aim with what is not a number"):
        compare(NullEngine(outputs={"aim": np.full((1, 2), NAN), "confidence": np.ones((1, 1))}), model, PROBES,
                LIMITS["int8"])
    parity = compare(NullEngine(), NullEngine(), PROBES, LIMITS["int8"])
    assert "aim does not change with the picture" in parity.why[0]
    with pytest.raises(ModelError, match="must be one of fp32, fp16, int8"):
        limits_for("none")


def test_each_is_given_the_picture_as_its_own_card_asks_for(tmp_path):
    card = replace(CARD, input=replace(CARD.input, name="input_0", layout="NCHW", dtype="float32"),
                   outputs={"output_0": "aim"})
    with OnnxEngine(nvidia_model(tmp_path / "floats.onnx", card)) as floats:
        assert compare(floats, floats, PROBES, LIMITS["fp32"]).passed


def test_boxes_are_told_in_pixels():
    card = replace(CARD, task="detect", outputs={"boxes": "x, y, width, height in pixels"})

    def engine(shift):
        class Boxes(NullEngine):
            def infer(self, inputs):
                mean = inputs["image"].mean(axis=(1, 2))
                return {"boxes": np.float32([[mean[0, 0], mean[0, 1], 5.0 + mean[0, 2], 7.0 - mean[0, 2]]]) + shift}
        return Boxes(card=card)
    parity = compare(engine(0.0), engine(np.float32(0.5)), PROBES, LIMITS["int8"])
    assert parity.passed and parity.box_px == pytest.approx({"mean": 0.5, "max": 0.5})
    assert "boxes 0.5" in str(parity)


def test_an_output_that_hardly_moves_is_measured_by_its_size():
    card = replace(CARD, outputs={"confidence": "how sure"})

    def sure(off):
        class Sure(NullEngine):
            def infer(self, inputs):
                return {"confidence": np.float64([[0.9 + 1e-4 * inputs["image"].mean() / 255 + off]])}
        return Sure(card=card)
    assert compare(sure(0.0), sure(5e-4), PROBES, LIMITS["fp16"]).passed
    assert not compare(sure(0.0), sure(2e-3), PROBES, LIMITS["fp16"]).passed
