"""`make gpu`: a model in parts, with the TensorRT that is installed running its own and ONNX Runtime the rest."""
from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from jetracer.core.errors import ModelError
from jetracer.engine.cuda import Cuda
from jetracer.engine.devices import device, device_here
from jetracer.engine.hybrid import HybridEngine
from jetracer.engine.hybrid_build import build_hybrid
from jetracer.engine.tensorrt_base import adapter_for, import_tensorrt
from jetracer.graph.extract import take_apart, write_parts
from jetracer.graph.view import load_model
from tests.engine.test_hybrid import gridded_model, images
from tests.engine.tiny_probes import tiny_probes

pytestmark = pytest.mark.gpu


def test_parts_drive_on_this_gpu(tmp_path):
    try:
        trt = import_tensorrt()
        cuda = Cuda()
        cuda.open()
    except ModelError as error:
        pytest.skip(str(error))
    version = adapter_for(trt).version[:2]
    model, path = gridded_model(tmp_path / "road.onnx", "MaxPool"), tmp_path / "road.hybrid"
    write_parts(take_apart(load_model(model), version), model, path, version)
    kind = device_here() if device_here().newest else device("x86-gpu")
    result = build_hybrid(path, kind, trt, cuda, "auto", probes=tiny_probes)
    print(f"\n| {cuda.name} | TensorRT {trt.__version__} | {len(result.plan.parts)} parts | {result.reports[-1]} |")
    cuda.close()
    assert result.why_not == ""
    whole = onnxruntime.InferenceSession(str(model))
    with HybridEngine(path) as engine:
        for image in images():
            for name, wanted in zip(("aim", "confidence"), whole.run(None, {"image": image})):
                np.testing.assert_allclose(engine.infer({"image": image})[name], wanted, atol=2e-2)
