"""A whole profile: figures of the shipped model, bounds worked out by hand, the page."""
from __future__ import annotations

import re
from dataclasses import replace

import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.engine.devices import DEVICES
from jetracer.engine.load import find_model
from jetracer.optimize import profile as module
from jetracer.optimize.count import Layer
from jetracer.optimize.profile import profile_model
from jetracer.optimize.profile_page import write_profile
from jetracer.optimize.roofline import LABEL, PEAKS, Peak, bound_ms
from jetracer.optimize.speed import Speed
from tests.engine.tiny_models import int8_model


@pytest.fixture
def prices(monkeypatch):
    """A computer on which an operator takes 10 us."""
    families = {"any other": {"calls": 10.0}}
    speed = Speed("a CPU", "1.0", 8, 1e7, 1.0, 0.0, 1.0, families)
    monkeypatch.setattr(module, "load", lambda path: speed)
    return speed


def test_the_shipped_model(prices):
    result = profile_model(find_model("road"), seconds=0)
    assert (result["macs"], result["flops"]) == (34_682_368, 69_364_736)
    assert result["params"] == sum(layer["params"] for layer in result["layers"])
    assert result["latency_ms"] is None
    assert result["predicted_ms"]["cpu"] == pytest.approx(0.01 * len(result["operators"]))
    assert set(PEAKS) <= set(result["predicted_ms"])
    assert all(told["label"] == LABEL == "prediction, not measured" for told in result["predictions"].values())
    assert result["predictions"]["x86-gpu"]["ms"] is None


def test_what_a_layer_takes_at_least():
    layer = Layer("conv", "Conv", 0, 10_000_000, 0, 1_000_000, (1,))
    peak = Peak(fp32=100.0, fp16=200.0, int8=400.0, memory=10.0)
    assert bound_ms([layer], peak, "fp32") == pytest.approx(0.2), "20 million operations at 100 a nanosecond"
    assert bound_ms([layer], peak, "fp16") == pytest.approx(0.1)
    assert bound_ms([replace(layer, macs=1000)], peak, "fp16") == pytest.approx(0.05), "half a million bytes at 10"
    assert bound_ms([replace(layer, op="Reshape")], peak, "fp16") == 0.0


def test_every_jetson_has_published_rates():
    assert set(PEAKS) == {name for name, kind in DEVICES.items() if kind.boards}
    for name, peak in PEAKS.items():
        assert (peak.int8 > 0) == DEVICES[name].int8
        assert peak.fp32 < peak.fp16


def test_measured_beside_predicted(prices):
    result = profile_model(find_model("road"), ["cpu"], seconds=0.01)
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p99"]
    assert list(result["predicted_ms"]) == ["cpu"]
    assert all(row["measured_us"] > 0 and row["predicted_us"] > 0 for row in result["operators"])


def test_int8_is_not_predicted_by_prices_of_fp32(prices, tmp_path):
    result = profile_model(int8_model(tmp_path / "q.onnx"), ["cpu", "nano"], seconds=0)
    assert result["predicted_ms"] == {}
    assert any("say nothing of INT8" in note for note in result["notes"])
    assert "INT8, which Nano cannot calculate" in result["predictions"]["nano"]["why"]


def test_the_page_shows_everything_and_loads_nothing(prices, tmp_path):
    result = profile_model(find_model("road"), seconds=0.01)
    text = write_profile(result, tmp_path / "page").read_text(encoding="utf-8")
    assert text.count("<tr>") == 3 + len(result["layers"]) + len(result["operators"]) + len(DEVICES) - 1
    assert "prediction, not measured" in text
    assert not re.search(r"<script|https?://|src=", text)
    widths = [float(width) for width in re.findall(r'width="([\d.]+)%" height="11"', text)]
    assert max(widths) == 100.0 and min(widths) >= 0.0
