"""The peaks of the Jetsons beside what NVIDIA publishes of them, which is often sparse and with the accelerators."""
from __future__ import annotations

import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[optimize]'")

from jetracer.engine.devices import DEVICES
from jetracer.optimize.roofline import PEAKS, Peak, peak

ROUNDED = 0.03  # NVIDIA's totals have two or three digits


@pytest.mark.parametrize("found, published", [
    (PEAKS["nano"].fp16, 472),  # Jetson Nano: "472 GFLOPS"
    (PEAKS["tx2"].fp16, 1330),  # TX2: "1.33 TFLOPS"
    (PEAKS["xavier-nx"].fp32, 844.8),
    (PEAKS["xavier-agx"].fp16, 11_000),  # "11 TFLOPS", "22 TOPS" of its GPU; 32 with the accelerators
    (PEAKS["xavier-agx"].int8, 22_000),
    (PEAKS["orin-nano"].int8, 34_000 / 2),  # "34 TOPS" sparse, super mode
    (peak("8.7", 4, 0.625, 34.0).int8, 20_000 / 2),  # before it "20 (sparse), 10 (dense) INT8 TOPs"
    (peak("8.7", 8, 1.02, 102.0).int8, 67_000 / 2),  # 8 GB: "67 TOPS"
    (PEAKS["orin-nx"].int8, 58_000 - 20_000),  # "117 sparse, 58 dense"; its accelerator: "40 TOPS" sparse
    (peak("8.7", 8, 0.918, 102.4).int8, (100_000 - 40_000) / 2),  # 16 GB, no super mode: "100 TOPS", 2 accelerators
    (PEAKS["orin-agx"].int8, 108_000 / 2),  # "108 Sparse TOPS"
    (peak("8.7", 16, 1.3, 204.8).int8, 170_000 / 2),  # 64 GB: "170 sparse TOPs", "5.3 FP32 TFLOPS"
    (peak("8.7", 16, 1.3, 204.8).fp32, 5_300),
    (PEAKS["thor"].int8, 1_200_000 / 4),  # sparse FP4
    (peak("11.0", 20, 1.575, 273.0).int8, 2_070_000 / 4),  # T5000: "2070 TFLOPS" of sparse FP4
    (peak("11.0", 20, 1.575, 273.0).fp32, 8_064),
])
def test_a_peak_is_what_nvidia_says(found, published):
    assert found == pytest.approx(published, rel=ROUNDED)


def test_memory_is_no_faster_than_the_modules():
    """In GB/s; of a bus: bits / 8 x transfers in 1e9 a second."""
    bus = {"nano": (64, 3.2), "tx2": (128, 3.732), "xavier-nx": (128, 3.732), "xavier-agx": (256, 4.266),
           "orin-nano": (64, 6.4), "orin-nx": (128, 6.4), "orin-agx": (256, 6.4), "thor": (256, 8.533)}
    assert {name: one.memory for name, one in PEAKS.items()} == {
        name: pytest.approx(bits / 8 * rate, rel=0.002) for name, (bits, rate) in bus.items()}


def test_a_newer_generation_is_never_slower_in_half_precision():
    ordered = [PEAKS[name] for name in ("nano", "tx2", "xavier-nx", "xavier-agx")]
    assert [one.fp16 for one in ordered] == sorted(one.fp16 for one in ordered)
    for name, one in PEAKS.items():
        assert isinstance(one, Peak) and one.fp32 < one.fp16 and (one.int8 == 2 * one.fp16) == DEVICES[name].int8
