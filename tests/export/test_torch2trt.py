"""A `.pth` for a notebook's TRTModule, by torch2trt's stand-ins of 0.4 and 0.5; no GPU, so on the CPU."""
from __future__ import annotations

import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.cli.main import main  # noqa: E402
from jetracer.core.errors import ConfigError, ModelError  # noqa: E402
from jetracer.engine.devices import DEVICES  # noqa: E402
from jetracer.engine.torch2trt_module import read_torch2trt  # noqa: E402
from jetracer.export.torch2trt import Torch2TrtConfig, as_notebook, export_torch2trt, installed  # noqa: E402
from jetracer.models.backbones import BACKBONES  # noqa: E402
from tests.export import fake_torch2trt as fake  # noqa: E402

SIZE = 32
ORIN, NANO = DEVICES["orin-nano"], DEVICES["nano"]
INT8 = Torch2TrtConfig("int8", size_px=SIZE, device="cpu")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("notebook") / "road_following_model.pth"
    torch.save(BACKBONES.get("resnet18")(2).eval().state_dict(), path)
    return path


@pytest.fixture(params=[fake.Calibrator04, fake.Calibrator05], ids=["0.4", "0.5"])
def version(request, monkeypatch):
    monkeypatch.setattr(fake, "DatasetCalibrator", request.param)
    return request.param


def pictures(count, seed, most=256):
    return list(np.random.default_rng(seed).integers(0, most, (count, SIZE, SIZE, 3), np.uint8))


def convert(source, target, config, calibrate, cache="", kind=ORIN, compare=None):
    return export_torch2trt(source, target, kind, fake.torch2trt, calibrate, compare or pictures(2, 9), config,
                            str(cache))


def test_fp16_takes_halves_and_is_a_module_that_torch2trt_reads(saved, tmp_path):
    target = tmp_path / "road_following_model_trt.pth"
    told = convert(saved, target, Torch2TrtConfig(size_px=SIZE, device="cpu"), [])
    found = read_torch2trt(target)
    assert found.plan == b"a plan" and found.inputs == ("input_0",)
    assert told["net"] == "resnet18" and 0.0 < told["aim_px"]["max"] < 1.0 and not fake.asked


def preprocess(picture):
    """Of the notebook: to_tensor, less the mean, by the deviation; (3,S,S)."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return (picture.transpose(2, 0, 1) / 255.0 - mean[:, None, None]) / std[:, None, None]


def test_int8_calibrates_on_the_pictures_as_the_notebook_sees_them(saved, tmp_path, version):
    chosen = pictures(3, 1)
    told = convert(saved, tmp_path / "x.pth", INT8, chosen)
    assert told["calibrated"] == 3 and not told["cache"]
    for values, picture in zip(fake.asked, chosen):
        np.testing.assert_array_equal(values.reshape(1, 3, SIZE, SIZE), as_notebook(INT8)(picture))
        np.testing.assert_allclose(values.reshape(3, SIZE, SIZE), preprocess(picture), atol=1e-6)
    convert(saved, tmp_path / "x.pth", Torch2TrtConfig("int8", "rgb", SIZE, "cpu"), chosen)
    turned = np.ascontiguousarray(chosen[0][..., ::-1])
    np.testing.assert_array_equal(fake.asked[0].reshape(1, 3, SIZE, SIZE), as_notebook(INT8)(turned))
    np.testing.assert_allclose(fake.asked[0].reshape(3, SIZE, SIZE), preprocess(turned), atol=1e-6)


def test_the_cache_is_written_once_and_then_handed_on(saved, tmp_path, version):
    cache = tmp_path / "ranges.cache"
    convert(saved, tmp_path / "x.pth", INT8, pictures(3, 1), cache)
    assert len(fake.asked) == 3 and cache.read_bytes().startswith(fake.HEADER)
    convert(saved, tmp_path / "x.pth", INT8, pictures(3, 1), cache)
    assert not fake.asked  # not one picture was looked at again
    assert fake.DatasetCalibrator is version  # torch2trt is as it was


def test_what_aims_elsewhere_is_not_written(saved, tmp_path):
    """Calibrated on grey alone, all else is cut off."""
    grey = [np.full((SIZE, SIZE, 3), 118, np.uint8)]
    with pytest.raises(ModelError, match=r"aims elsewhere: .* Nothing was written"):
        convert(saved, tmp_path / "x.pth", INT8, grey)
    assert not (tmp_path / "x.pth").exists()


def test_what_cannot_be_is_told(saved, tmp_path):
    with pytest.raises(ConfigError, match="Nano has no INT8; convert with --precision fp16"):
        convert(saved, tmp_path / "x.pth", INT8, pictures(1, 1), kind=NANO)
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="PyTorch sees none here"):
            convert(saved, tmp_path / "x.pth", Torch2TrtConfig(size_px=SIZE), [])
    torch.save(BACKBONES.get("resnet18")(3).state_dict(), tmp_path / "odd.pth")
    with pytest.raises(ModelError, match="3 outputs, not x and y"):
        convert(tmp_path / "odd.pth", tmp_path / "x.pth", INT8, pictures(1, 1))


@pytest.mark.parametrize("tensorrt, words", [("11.4.0", "ended with TensorRT 10, here is 11.4.0: build what drives"),
                                             ("10.3.0", "torch2trt cannot be imported")])
def test_what_is_not_installed_is_told(tensorrt, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", ModuleType("tensorrt"))
    sys.modules["tensorrt"].__version__ = tensorrt
    monkeypatch.setitem(sys.modules, "torch2trt", None)
    with pytest.raises(ModelError, match=words):
        installed()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_on_the_command_line(saved, tmp_path, precision, monkeypatch, capsys):
    pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")
    monkeypatch.setattr("jetracer.export.torch2trt.installed", lambda: fake.torch2trt)
    monkeypatch.setattr("jetracer.export.torch2trt.Torch2TrtConfig", partial(Torch2TrtConfig, device="cpu"))
    monkeypatch.setattr("jetracer.engine.devices.device_here", lambda: ORIN)
    monkeypatch.setattr("jetracer.optimize.int8.frames.COMPARED", 16)
    monkeypatch.setattr("jetracer.optimize.int8.frames.LEAST", 8)
    target = tmp_path / "x_trt.pth"
    assert main(["export", "torch2trt", str(saved), "--size", str(SIZE), "--precision", precision, "--frames", "16",
                 "--out", str(target)]) == 0
    told = capsys.readouterr().out
    assert target.exists() and f"resnet18 in {precision.upper()}" in told and "on 16 other pictures" in told.lower()
    assert len(list(tmp_path.glob("x_trt.pth.*-*.cache"))) == (precision == "int8")
