"""`jetracer optimize fp16`: what stays in FP32, and what is said about it."""
from __future__ import annotations

import json

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[optimize]'")
from onnx import numpy_helper  # noqa: E402

from jetracer.cli.main import main  # noqa: E402
from jetracer.core.errors import ModelError  # noqa: E402
from jetracer.engine.load import find_model, load_engine, sha256_of  # noqa: E402
from jetracer.optimize.fp16 import Fp16Config, converted, fp16, lost  # noqa: E402
from jetracer.optimize.frames import Frames, simulated  # noqa: E402
from jetracer.optimize.half import emulated  # noqa: E402
from jetracer.optimize.run import answers, apart, ranges  # noqa: E402

from .graphs import CARD, convolutions, graph, pictures, saved  # noqa: E402


def frames(count=8):
    return Frames(pictures(count), np.zeros((count, 2), np.float32), f"{count} made up")


def scaled(model, factors):
    """Weights multiplied, by name."""
    for value in model.graph.initializer:
        if value.name in factors:
            value.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(value) * np.float32(factors[value.name]),
                                                   value.name))
    return model


def test_a_plain_net_goes_whole_and_its_card_says_so(tmp_path):
    path = saved(convolutions(), tmp_path / "small.onnx")
    report = fp16(str(path), frames(), Fp16Config(command="by hand"))
    made = tmp_path / "small.fp16.onnx"
    assert report.files == {"fp16": str(made)} and report.details["kept_fp32"] == {}
    assert report.after.size_bytes < report.before.size_bytes
    assert 0.0 < report.details["moved_percent"]["max"] < 0.2
    with load_engine(made) as engine, load_engine(path) as parent:
        assert engine.card.precision == "fp16" and engine.card.parents == (sha256_of(path),)
        assert engine.card.created_by == "by hand" and engine.card.input == parent.card.input
        answer = engine.infer({"image": pictures(1)})["aim"]
        assert answer.dtype == np.float32
        assert np.abs(answer - parent.infer({"image": pictures(1)})["aim"]).max() < 0.004


def test_what_overflows_stays_with_those_that_read_it():
    model = scaled(convolutions(), {"w2": 1e5, "b2": 1e5, "w3": 1e-5})
    shots = pictures()
    cast = converted(model, CARD, shots)
    assert {name.split()[1] for name in cast.kept} >= {"two", "a2", "pooled", "aim"}
    assert "Conv one" not in cast.kept
    assert apart(CARD, answers(emulated(cast.model), CARD, shots), answers(model, CARD, shots)).max() < 0.2


def test_the_margin_is_for_pictures_that_were_not_seen():
    model = convolutions()
    reach = max(ranges(model, CARD, pictures()).values())
    names = converted(model, CARD, pictures(), Fp16Config(margin=1.01 * 65504 / reach)).kept
    assert names and not converted(model, CARD, pictures(), Fp16Config(margin=0.99 * 65504 / reach)).kept


def test_weights_that_fp16_does_not_hold():
    assert lost(np.array([70_000, 1], np.float32)) == np.inf
    assert lost(np.full(9, 1e-8, np.float32)) == 1.0
    assert lost(np.zeros(3, np.float32)) == 0.0
    assert lost(np.linspace(-1, 1, 99, dtype=np.float32)) < 3e-4
    kept = converted(scaled(convolutions(), {"w2": 1e-7, "w3": 1e7}), CARD, pictures()).kept
    assert kept["Conv two"] == "FP16 does not hold its weights"


def test_kinds_that_are_kept():
    body = ("s = Mul (nchw, by)  e = Exp (s)  m = ReduceMean <axes = [2, 3], keepdims = 0> (e)  l = Log (m) "
            "aim = Gemm (l, g)")
    model = graph(body, {"by": np.float32(0.01), "g": np.full((3, 2), 0.1, np.float32)})
    assert converted(model, CARD, pictures()).kept == {
        "Exp e": "by its kind", "ReduceMean m": "it stands behind FP32", "Log l": "by its kind"}


def difference_of_large_numbers():
    """1000 + small - 1000: FP16 has steps of 0.5 there."""
    body = ("s = Mul (nchw, by)  up = Add (s, most)  m = ReduceMax <axes = [2, 3], keepdims = 0> (up) "
            "down = Sub (m, most)  aim = Gemm (down, g)")
    return graph(body, {"by": np.float32(0.002), "most": np.float32(1000.0), "g": np.eye(3, 2, dtype=np.float32)})


def test_what_moves_the_answer_too_far_is_found_and_stays():
    model, shots = difference_of_large_numbers(), pictures()
    cast = converted(model, CARD, shots)
    assert {"Add up", "ReduceMax m"} <= set(cast.kept) and "Mul s" not in cast.kept
    assert "alone it moves the aim by" in cast.kept["Add up"]
    moved = apart(CARD, answers(emulated(cast.model), CARD, shots), answers(model, CARD, shots)).max()
    assert moved <= Fp16Config.budget < apart(
        CARD, answers(emulated(converted(model, CARD, shots, Fp16Config(budget=1e3)).model), CARD, shots),
        answers(model, CARD, shots)).max()


def test_a_budget_that_nothing_meets(tmp_path):
    path = saved(convolutions(), tmp_path / "small.onnx")
    with pytest.raises(ModelError, match="whichever nodes stay in FP32"):
        fp16(str(path), frames(), Fp16Config(budget=-1.0))
    assert not (tmp_path / "small.fp16.onnx").exists()


def test_what_is_no_fp32_is_refused(tmp_path):
    path = saved(convolutions(), tmp_path / "small.onnx")
    fp16(str(path), frames())
    with pytest.raises(ModelError, match="in FP16 already; give the one in FP32"):
        fp16(str(tmp_path / "small.fp16.onnx"), frames())


def test_a_model_that_is_broken_in_fp32_is_told():
    with pytest.raises(ModelError, match="tensor a is not finite in FP32"):
        converted(graph("a = Log (nchw)  m = ReduceMax <axes = [2, 3], keepdims = 0> (a)  aim = Gemm (m, g)",
                        {"g": np.ones((3, 2), np.float32)}), CARD, np.zeros((1, 16, 16, 3), np.uint8))


def test_simulated_pictures_repeat_and_the_shipped_model_reads_them():
    shots = simulated(18)
    assert np.array_equal(simulated(18).pictures, shots.pictures) and np.isfinite(shots.aims).all(axis=1).sum() > 12
    assert len({picture.tobytes() for picture in shots.pictures}) == 18


def test_the_command(tmp_path, capsys):
    out = tmp_path / "road.fp16.onnx"
    assert main(["optimize", "fp16", "road", "--frames", "8", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["after"]["size_bytes"] < 0.52 * told["before"]["size_bytes"]
    assert told["after"]["error"]["mean_px"] == pytest.approx(told["before"]["error"]["mean_px"], abs=0.05)
    assert told["moved_percent"]["max"] <= 0.2 and told["files"]["fp16"] == str(out)
    with load_engine(out) as engine:
        assert engine.card.parents[0] == sha256_of(find_model("road"))
    assert main(["optimize", "fp16", str(out)]) == 1
    assert "in FP16 already" in capsys.readouterr().err
    assert main(["optimize", "fp61", "road"]) == 2
    assert "did you mean 'fp16'" in capsys.readouterr().err
    assert main(["optimize", "fp16", "road", "--frames", "0"]) == 2
