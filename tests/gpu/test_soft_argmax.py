"""`make gpu`: the soft-argmax aim's kernel, and its plugin in the TensorRT that is installed."""
from __future__ import annotations

import ctypes

import numpy as np
import pytest

from jetracer.core.errors import ModelError
from jetracer.engine.build_plan import Settings
from jetracer.engine.kernel import Kernel
from jetracer.engine.soft_argmax import KERNEL, KERNEL_NAME, THREADS, soft_argmax
from jetracer.engine.tensorrt_base import adapter_for, import_tensorrt
from jetracer.engine.tensorrt_native import Execution
from tests.engine.test_soft_argmax import SHAPES, heat_model, heat_of, wanted

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_on_this_gpu(shape, cuda):
    heat, aim = cuda.host_array(shape, np.float32), cuda.host_array((*shape[:2], 2), np.float32)
    np.copyto(heat, heat_of(shape))
    places = cuda.device_memory(heat.nbytes), cuda.device_memory(aim.nbytes)
    cuda.upload(places[0], heat)
    Kernel(KERNEL, KERNEL_NAME).launch(shape[0] * shape[1], THREADS, (
        ctypes.c_uint64(places[0]), ctypes.c_uint64(places[1]), ctypes.c_int(shape[2]), ctypes.c_int(shape[3]),
        ctypes.c_float(2.0)), cuda.stream)
    cuda.download(aim, places[1])
    cuda.wait()
    np.testing.assert_allclose(aim, soft_argmax(np.array(heat), 2.0), atol=1e-5)


def test_the_plugin_in_this_tensorrt(cuda):
    try:
        adapter = adapter_for(import_tensorrt())
    except ModelError as error:
        pytest.skip(str(error))
    if adapter.version < (10,):
        pytest.skip("plugins in Python came with TensorRT 10")
    settings = Settings("fp32", strongly_typed=adapter.version >= (11,))
    built = adapter.optimise(adapter.parse(heat_model().SerializeToString(), settings), settings)
    with Execution(adapter, cuda, built.plan) as execution:
        for seed in range(8):
            image = np.random.default_rng(seed).normal(0, 1, (1, 3, 12, 20)).astype(np.float32)
            np.copyto(execution.host["image"], image)
            np.testing.assert_allclose(execution.run()["aim"], wanted(image), atol=2e-3)
    print(f"\n| {cuda.name} | TensorRT {adapter.trt.__version__} | the plugin SoftArgmaxAim agrees |")
