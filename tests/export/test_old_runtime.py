"""What is exported runs on the original Nano's newest ONNX Runtime, 1.19.2 under Python 3.8, with the same answers.

All of it is measured by `make bench ARGS=old_runtime`; here every net in FP32, and four that have every operator of the
others but a pooling in every form. The models are made here, with torch; `.venv-3.8`, which `make pythons` makes, runs
them.
"""
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from benchmarks import old_runtime  # noqa: E402
from benchmarks.old_runtime import OLD, OPSETS, WITHIN, beside_old, fits, worst, write_models  # noqa: E402
from jetracer.core.errors import DeviceError  # noqa: E402
from jetracer.models.backbones import BACKBONES  # noqa: E402

IN_EVERY_FORM = ("pilotnet", "road_net", "mobilenet_v2", "mobilenet_v3_small")


@pytest.fixture(scope="module")
def old_python():
    if not old_runtime.PYTHON.exists():
        pytest.skip(f"there is no {old_runtime.PYTHON.parent.parent.name} with ONNX Runtime {OLD}: install Python 3.8 "
                    "and run `make pythons`")


@pytest.mark.parametrize("name", BACKBONES.names)
def test_every_net_answers_the_same_there(name, old_python, tmp_path):
    small = OPSETS[:1] if name in IN_EVERY_FORM else ()
    told = beside_old(tmp_path, write_models(name, tmp_path, small=small))
    for path in tmp_path.glob("*.onnx"):
        path.unlink()  # pytest keeps what is left
    assert told["python"].startswith("3.8.") and told["onnxruntime"] == OLD
    assert len(told["models"]) == len(OPSETS) + len(small) * (len(WITHIN) - 1)
    found = {" ".join(stem.split(".")[1:]): worst(answer) for stem, answer in told["models"].items()}
    assert not {form: one for form, one in found.items() if not fits(form, one)}


def test_the_benchmark(old_python, monkeypatch):
    monkeypatch.setattr(old_runtime, "QUICK", ("road_net",))
    result = old_runtime.measure(True, "road")
    assert result["goal_met"] and result["files"] == (len(OPSETS) + 1) * len(WITHIN)
    assert f"12 files on ONNX Runtime {OLD}" in old_runtime.show(result)


def test_what_fails_or_differs_there_is_told(monkeypatch, tmp_path):
    assert not fits("fp32 13", 2e-3) and not fits("int8-cpu 17", float("nan")) and fits("fp16 17", 2e-3)
    assert not fits("fp16 13", worst({"failed": "NotImplemented: no HardSwish"}))
    result = {"nets": {"net": {"fp32 13": 2e-3, "fp16 13": "NotImplemented: no HardSwish"}}, "files": 2,
              "onnxruntime": OLD, "python": "3.8.18", "goal_met": False}
    text = old_runtime.show(result)
    assert "net, fp16 13: NotImplemented: no HardSwish" in text and "NOT met" in text
    monkeypatch.setattr(old_runtime, "PYTHON", tmp_path / ".venv-3.8" / "bin" / "python")
    with pytest.raises(DeviceError, match=r"no \.venv-3\.8 with ONNX Runtime 1\.19\.2.*make pythons"):
        old_runtime.beside_old(tmp_path, 96)
