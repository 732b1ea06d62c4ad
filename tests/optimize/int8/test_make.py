"""`jetracer optimize int8`: the files, the report, and what is recommended."""
from __future__ import annotations

import json

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.cli.main import main  # noqa: E402
from jetracer.core.errors import ModelError  # noqa: E402
from jetracer.engine.card import ModelCard, ModelInput, find_card, write_card  # noqa: E402
from jetracer.engine.load import sha256_of  # noqa: E402
from jetracer.engine.parity import Parity, Probes  # noqa: E402
from jetracer.optimize.int8 import make as making  # noqa: E402
from jetracer.optimize.int8 import within_budget  # noqa: E402
from jetracer.optimize.int8.graph import tidy  # noqa: E402
from jetracer.optimize.int8.make import Int8Config, int8  # noqa: E402
from jetracer.optimize.int8.manifest import read_manifest  # noqa: E402
from jetracer.optimize.int8.trt_cache import read_cache  # noqa: E402
from jetracer.optimize.int8.verdict import recommend, weight_bits_here, why_slow  # noqa: E402
from jetracer.perception.preprocess import Preprocess  # noqa: E402
from tests.optimize.int8.nets import SIDE, Frank, Net, bytes_in, pictures, residual_net  # noqa: E402
from tests.optimize.int8.test_frames import a_set  # noqa: E402

CONFIG = Int8Config(frames=30, force=True, seconds=0.05, budget=100.0, command="jetracer optimize int8 small.onnx")
PROBES = Probes(tuple(pictures(40, seed=4)), 40, Preprocess, lambda one, other: 0.0)
FITS, FAILS = Parity("int8", 60, (), {}), Parity("int8", 60, ("the aim is off by 9 px",), {})


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    return str(a_set(tmp_path_factory.mktemp("laps")))


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.onnx"
    onnx.save(residual_net(), str(path))
    write_card(path, ModelCard("road", "small", "fp32", ModelInput(width=SIDE, height=SIDE), {"aim": "aim"},
                               trained={"seeds": [1]}))
    return path


@pytest.fixture(autouse=True)
def no_rendering(monkeypatch):
    monkeypatch.setattr(making, "road_probes", lambda: PROBES)
    monkeypatch.setattr(within_budget, "Judge", Frank)
    monkeypatch.setattr(making, "prove", lambda model, parent, probes: FITS)


def card_of(path):
    return find_card(path, {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props})


def test_two_files_a_manifest_and_a_cache_of_one_calibration(small, laps):
    seen = []
    report = int8(str(small), laps, CONFIG, lambda *now: seen.append(now))
    assert set(report.files) == {"cpu", "tensorrt", "manifest", "cache"}
    assert report.files["cpu"] == str(small.with_name("small.int8-cpu.onnx"))
    assert seen[-1] == ("calibrate", 30, 30)
    manifest = read_manifest(report.files["manifest"])
    assert (manifest.model_sha256, manifest.frames["count"]) == (sha256_of(small), 30)
    assert set(read_cache(report.files["cache"]).ranges) == set(manifest.table.ranges)
    for flavour in ("cpu", "tensorrt"):
        card = card_of(report.files[flavour])
        assert (card.precision, card.parents) == ("int8", (sha256_of(small),))
        assert card.trained["seeds"] == (1,) or card.trained["seeds"] == [1]
        assert card.trained["int8"]["calibration"] == manifest.hash and card.trained["int8"]["flavour"] == flavour
    assert 0.0 < report.after.size_bytes < 0.7 * report.before.size_bytes  # a tiny net is mostly names


def test_it_is_compared_on_frames_that_did_not_calibrate(small, laps):
    report = int8(str(small), laps, CONFIG)
    assert report.details["compared"] == 12
    for flavour in ("cpu", "tensorrt"):
        moved = report.details["moved"][flavour]
        assert 0.0 < moved["mean_px"] < moved["max_px"] < 112.0
        assert moved["mean_percent"] == pytest.approx(moved["mean_px"] / 2.24, abs=1e-4)
    assert set(report.before.error) == set(report.after.error) == {"mean_px", "max_px", "mean_percent", "max_percent"}
    worse = abs(report.after.error["mean_px"] - report.before.error["mean_px"])
    assert worse <= report.details["moved"]["cpu"]["mean_px"]
    by_hand = 16 * 16 * 8 * 27 + 2 * 16 * 16 * 8 * 72 + 8 * 8 * 16 * (72 + 144 + 8 + 9) + 12 * 256 + 2 * 12
    assert report.before.macs == report.after.macs == by_hand
    assert set(report.before.latency_ms) == set(report.after.latency_ms) >= {"ONNX Runtime"}


@pytest.mark.parametrize("kind", ["manifest", "cache"])
def test_a_calibration_that_is_there_is_used_again(small, laps, kind, tmp_path):
    first = int8(str(small), laps, CONFIG)
    out = tmp_path / "again"
    again = int8(str(small), laps, Int8Config(cache=first.files[kind], out=str(out), seconds=0.05, budget=100.0))
    one, other = (onnx.load(report.files["tensorrt"]).graph for report in (first, again))
    assert [node.op_type for node in one.node] == [node.op_type for node in other.node]
    if kind == "manifest":
        assert one == other and again.details["frames"]["count"] == 30


def test_a_manifest_of_another_model_is_refused(small, laps, tmp_path):
    first = int8(str(small), laps, CONFIG)
    other = tmp_path / "other.onnx"
    onnx.save(residual_net(seed=5), str(other))
    write_card(other, card_of(small))
    with pytest.raises(ModelError, match=r"calibration of another small\.onnx"):
        int8(str(other), laps, Int8Config(cache=first.files["manifest"]))


def test_where_int8_is_slower_it_stays_fp32_and_says_why():
    slower = recommend({"fp32": {"ONNX Runtime": 2.0}, "int8": {"ONNX Runtime": 3.0, "OpenVINO": 2.5}}, FITS, "; why")
    assert slower["precision"] == "fp32"
    assert slower["text"] == ("stays FP32 on this computer: INT8 is slower. INT8 takes 2.50 ms (OpenVINO), "
                              "FP32 2.00 ms (ONNX Runtime); why")
    faster = recommend({"fp32": {"ONNX Runtime": 3.0}, "int8": {"ONNX Runtime": 1.0}}, FITS, "; why")
    assert faster["precision"] == "int8" and "3.00 times as fast" in faster["text"] and "why" not in faster["text"]
    alike = recommend({"fp32": {"ONNX Runtime": 1.02}, "int8": {"ONNX Runtime": 1.0}}, FITS, "")
    assert "hardly faster" in alike["text"]
    wrong = recommend({"fp32": {"ONNX Runtime": 3.0}, "int8": {"ONNX Runtime": 1.0}}, FAILS, "")
    assert wrong["precision"] == "fp32" and "off by 9 px" in wrong["text"]


def test_why_names_the_nodes_that_go_back_to_float():
    net = Net()
    x = net.conv(bytes_in(net), "one", 3, 4)
    x = net.node("Mul", [x, net.node("HardSigmoid", [x], "gate")], "swish")
    net.conv(x, "two", 4, 2)
    text = why_slow(tidy(net.model({"two": (1, 2, SIDE, SIDE)})), (), 7)
    assert "2 nodes between its layers go back to float (1 HardSigmoid, 1 Mul)" in text and "no VNNI" in text
    assert why_slow(residual_net(), (), 8) == ""


@pytest.mark.parametrize(("cpu", "bits"), [
    ("flags : fpu sse avx2 avx512f", 7), ("flags : fpu avx2 avx_vnni", 8), ("flags: fpu avx512_vnni", 8),
    ("Features : fp asimd", 8),
])
def test_weights_are_of_7_bits_where_8_overflow(cpu, bits):
    assert weight_bits_here(cpu) == bits


def test_the_command(small, laps, monkeypatch, capsys):
    monkeypatch.setattr(making, "in_turns", lambda files, some, seconds: {
        "fp32": {"ONNX Runtime": 1.0}, "int8": {"ONNX Runtime": 2.0}})
    words = ["optimize", "int8", str(small), "--data", laps, "--frames", "20", "--budget", "100"]
    assert main(words) == 2  # too few
    assert "insist with --force" in capsys.readouterr().err
    assert main([*words, "--force", "--method", "entropy", "--keep", "stem", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["technique"] == "int8" and told["recommended"] == "fp32" and told["method"] == "entropy"
    assert told["kept_float"] == ["stem"] and {"size_bytes", "macs", "latency_ms", "error"} <= set(told["after"])
    assert main([*words, "--force", "--sensitivity"]) == 0
    said = capsys.readouterr().out
    assert "Note: stays FP32 on this computer: INT8 is slower." in said
    assert "sensitivity" in said and (small.parent / "small.int8-layers" / "index.html").is_file()
    assert "the files are kept" in said and "calibration/int8/" in said
    assert main([*words, "--keep", "sten"]) == 2 and "did you mean 'stem'" in capsys.readouterr().err
    assert main([*words, "--method", "avg"]) == 2 and "calibration method" in capsys.readouterr().err


def test_the_file_for_the_cpu_is_proven_and_drives(small, laps, monkeypatch):
    """On what the shipped road model's gate asks, for an aim of this size."""
    from jetracer.drive.prove import prove
    from jetracer.engine.load import load_engine

    monkeypatch.setattr(making, "prove", prove)
    report = int8(str(small), laps, Int8Config(frames=40, force=True, seconds=0.05, method="minmax", budget=100.0))
    if report.details["parity"]["passed"]:
        with load_engine(report.files["cpu"]) as engine:
            assert np.isfinite(engine.infer({"image": pictures(1)})["aim"]).all()
    else:
        with pytest.raises(ModelError, match="does not agree with its parent"):
            load_engine(report.files["cpu"])
