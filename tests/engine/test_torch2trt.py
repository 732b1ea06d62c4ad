"""torch2trt's `.pth` files, as its versions wrote them, read without PyTorch."""
from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from jetracer.core.errors import EngineRefused, ModelCorrupt, ModelError
from jetracer.engine.load import load_engine
from jetracer.engine.tensorrt_base import adapter_for
from jetracer.engine.torch2trt_module import open_torch2trt, read_torch2trt

from .fake_cuda import FakeCuda
from .fake_tensorrt import fake_tensorrt
from .test_tensorrt import settings_for
from .tiny_models import HEIGHT, WIDTH, nvidia_model

VERSION = "8.2.1.9"


@pytest.fixture
def cuda():
    return FakeCuda()


@pytest.fixture
def plan(tmp_path, cuda):
    adapter, settings = adapter_for(fake_tensorrt(VERSION, cuda)), settings_for(VERSION)
    data = nvidia_model(tmp_path / "net.onnx").read_bytes()
    return adapter.optimise(adapter.parse(data, settings), settings).plan


def state(plan, prefix="", new=False):
    entries = {"engine": bytearray(plan), "input_names": ["input_0"], "output_names": ["output_0"]}
    if new:
        entries.update(input_flattener={"schema": (0,), "size": 1}, output_flattener={"schema": 0, "size": 1})
    return OrderedDict((prefix + key, value) for key, value in entries.items())


def as_zip(path, content):
    """As torch.save from 1.6 on: protocol 2 in an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps(content, protocol=2))
        archive.writestr("net/version", "3\n")
    return path


def as_old(path, content):
    """As torch.save before 1.6: one pickle after the other."""
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, content, [])
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    return path


@pytest.mark.parametrize("save", [as_zip, as_old])
@pytest.mark.parametrize("prefix, new", [("", False), ("", True), ("model.trt.", True)])
def test_it_is_read_and_named(save, prefix, new, plan, tmp_path):
    module = read_torch2trt(save(tmp_path / "best_trt.pth", state(plan, prefix, new)))
    assert module.plan == plan and module.flattened == new
    assert (module.inputs, module.outputs, module.tensorrt) == (("input_0",), ("output_0",), "8.2.1")
    assert str(module).startswith("an engine that torch2trt built with TensorRT 8.2.1, ")


def test_what_torch_itself_saves(plan, tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
    torch.save(state(plan), tmp_path / "trt.pth")
    assert read_torch2trt(tmp_path / "trt.pth").plan == plan
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "weights.pth")
    assert read_torch2trt(tmp_path / "weights.pth") is None


def test_it_runs_through_the_adapter_and_never_drives(plan, tmp_path, cuda):
    path = as_zip(tmp_path / "best_trt.pth", state(plan))
    with open_torch2trt(path, fake_tensorrt(VERSION, cuda), cuda) as execution:
        execution.host["input_0"][:] = np.full((1, 3, HEIGHT, WIDTH), 0.5)
        np.testing.assert_allclose(execution.run()["output_0"], [[0.5, 0.5]], atol=1e-6)
    with pytest.raises(EngineRefused, match=r"TensorRT 8.2.1.*input_0 -> output_0.*must not drive"):
        load_engine(path)


@pytest.mark.parametrize("version, words", [
    ("11.4.0.106", r"torch2trt ended with TensorRT 10, here is 11\.4\.0\.106"),
    ("8.5.2.2", r"here is TensorRT 8\.5\.2\.2, which does not load it"),
])
def test_on_another_tensorrt_the_way_out_is_named(version, words, plan, tmp_path, cuda):
    path = as_zip(tmp_path / "best_trt.pth", state(plan))
    with pytest.raises(ModelError, match=f"{words}: export the network's weights"):
        open_torch2trt(path, fake_tensorrt(version, cuda), cuda)


class Evil:
    def __reduce__(self):
        return print, ("code of the file ran",)


def test_no_code_of_the_file_is_run(tmp_path, capsys):
    assert read_torch2trt(as_zip(tmp_path / "evil.pth", {"engine": Evil()})) is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [{}, {"engine": 7}, ["engine"], {"other": b"x"}])
def test_other_files_are_not_its(content, tmp_path, cuda):
    path = as_zip(tmp_path / "other.pth", content)
    assert read_torch2trt(path) is None
    with pytest.raises(ModelError, match="holds no engine of torch2trt's"):
        open_torch2trt(path, fake_tensorrt(VERSION, cuda), cuda)


def test_damaged_files(plan, tmp_path):
    path = as_zip(tmp_path / "cut.pth", {"engine": bytearray(plan)})
    with pytest.raises(ModelCorrupt, match="without the names"):
        read_torch2trt(path)
    as_old(path, state(plan))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelCorrupt, match="is damaged"):
        read_torch2trt(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/version", "3\n")
    with pytest.raises(ModelCorrupt, match="is damaged"):
        read_torch2trt(path)
