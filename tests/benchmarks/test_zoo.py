"""The zoo's nets become files that run; torchvision's too, where it is installed."""
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from benchmarks import zoo  # noqa: E402
from benchmarks.torchvision_models import torchvision_models  # noqa: E402
from jetracer.core.errors import DeviceError  # noqa: E402
from jetracer.engine.load import load_engine  # noqa: E402
from jetracer.export.onnx import random_pictures  # noqa: E402


def check(name, folder):
    path = zoo.write(name, folder)
    assert [file.name for file in folder.iterdir()] == [f"{name}.onnx"]
    pictures = random_pictures(2, 1, zoo.NETS[name].size_px)
    with load_engine(path) as engine:
        answers = [np.concatenate([out.ravel() for out in engine.infer({"image": one[None]}).values()])
                   for one in pictures]
    assert np.isfinite(answers).all()
    assert np.abs(answers[0] - answers[1]).max() > 1e-4, "a net that has faded says the same of every picture"
    written = path.stat().st_mtime_ns
    assert zoo.write(name, folder).stat().st_mtime_ns == written


def test_a_net_of_ours(tmp_path):
    check("mobilenet_v3_small", tmp_path)


def test_a_net_of_torchvisions(tmp_path):
    try:
        torchvision_models(install=False)
    except DeviceError as error:
        pytest.skip(str(error))
    check("shufflenet_v2_x1_0", tmp_path)


def test_twenty_nets_judge_and_are_all_there():
    assert len(zoo.JUDGES) == 20
    assert set(zoo.JUDGES) < set(zoo.NETS)
