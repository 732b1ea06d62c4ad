"""The soft-argmax aim: one definition, and what computes it: torch, ONNX's function, TensorRT's plugin, the kernel."""
from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from jetracer.core.errors import ModelError
from jetracer.engine import kernel as kernels
from jetracer.engine.build_plan import Settings
from jetracer.engine.soft_argmax import DOMAIN, KERNEL, NAME, THREADS, middles, soft_argmax
from jetracer.engine.soft_argmax_plugin import register_plugins
from jetracer.engine.tensorrt_base import adapter_for
from jetracer.engine.tensorrt_native import Execution
from jetracer.graph.diagnose import diagnose
from jetracer.graph.mend import mend
from jetracer.graph.prove import agree
from jetracer.graph.soft_argmax import with_function
from jetracer.graph.view import view

from .fake_cuda import STREAM, FakeCuda
from .fake_tensorrt import fake_tensorrt

SHAPES = [(1, 1, 7, 9), (2, 3, 14, 14), (1, 2, 1, 300), (1, 1, 40, 1)]


def heat_of(shape, seed=0):
    return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


def heat_model(sharpness=2.0, function=True):
    """A convolution that makes two maps, and the aim of each."""
    nodes = [helper.make_node("Conv", ["image", "w"], ["heat"], "conv"),
             helper.make_node(NAME, ["heat"], ["aim"], "decode", domain=DOMAIN, sharpness=sharpness)]
    weights = np.random.default_rng(0).normal(0, 1, (2, 3, 1, 1)).astype(np.float32)
    graph = helper.make_graph(nodes, "heat", [helper.make_tensor_value_info("image", 1, [1, 3, 12, 20])],
                              [helper.make_tensor_value_info("aim", 1, [1, 2, 2])],
                              [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13),
                                                                  helper.make_opsetid(DOMAIN, 1)])
    return with_function(model) if function else model


def wanted(image, sharpness=2.0):
    weights = numpy_helper.to_array(heat_model().graph.initializer[0])[:, :, 0, 0]
    return soft_argmax(np.einsum("kc,nchw->nkhw", weights, image), sharpness)


def test_the_definition():
    """One hot cell is its middle; an even map is the middle; two alike are between."""
    heat = np.full((1, 1, 4, 8), -100.0)
    heat[0, 0, 1, 6] = 100.0
    np.testing.assert_allclose(soft_argmax(heat)[0, 0], [middles(8)[6], middles(4)[1]], atol=1e-12)
    np.testing.assert_allclose(middles(4), [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(soft_argmax(np.zeros((1, 1, 4, 8)))[0, 0], 0.0, atol=1e-12)
    heat[0, 0, 1, 1] = 100.0
    np.testing.assert_allclose(soft_argmax(heat)[0, 0, 0], 0.0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_torch_and_its_export(shape, tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
    from jetracer.models.soft_argmax import SoftArgmaxAim

    heat = heat_of(shape)
    layer = SoftArgmaxAim(1.5).eval()
    np.testing.assert_allclose(layer(torch.from_numpy(heat)).numpy(), soft_argmax(heat, 1.5), atol=2e-6)
    path = tmp_path / "aim.onnx"
    torch.onnx.export(layer, (torch.from_numpy(heat),), str(path), opset_version=13, dynamo=False,
                      input_names=["heat"], output_names=["aim"])
    model = with_function(onnx.load(str(path)))
    assert [(node.domain, node.op_type) for node in model.graph.node] == [(DOMAIN, NAME)]
    answer = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"heat": heat})[0]
    np.testing.assert_allclose(answer, soft_argmax(heat, 1.5), atol=2e-6)


test_torch_and_its_export = pytest.mark.filterwarnings("ignore")(test_torch_and_its_export)  # of the legacy exporter


def test_its_gradients_reach_every_cell():
    torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
    from jetracer.models.soft_argmax import SoftArgmaxAim

    heat = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(SoftArgmaxAim(2.0), (heat,))


def test_onnx_runtime_runs_the_function():
    image = np.random.default_rng(1).normal(0, 1, (1, 3, 12, 20)).astype(np.float32)
    onnx.checker.check_model(heat_model())
    answer = onnxruntime.InferenceSession(heat_model().SerializeToString()).run(None, {"image": image})[0]
    np.testing.assert_allclose(answer, wanted(image), atol=1e-6)
    again = with_function(heat_model())
    assert len(again.functions) == 1


def test_for_tensorrt_8_it_is_written_out():
    model = heat_model()
    found = {(one.rule, one.node, one.refused) for one in diagnose(view(model))}
    assert found == {("operator", "decode", ("8.2", "8.5"))}
    mended = mend(model)
    assert mended.left == [] and agree(model, mended.model)[0]
    assert {node.op_type for node in mended.model.graph.node} <= {
        "Conv", "Constant", "Reshape", "Mul", "Softmax", "ReduceSum", "Concat"}


class CpuKernel:
    """Stands for the GPU's: the definition, on a stand-in's memory."""

    def __init__(self, cuda):
        self._cuda, self.runs = cuda, 0

    def launch(self, blocks, threads, arguments, stream):
        heat, aim, height, width, sharpness = arguments
        assert [type(one) for one in arguments] == [ctypes.c_uint64] * 2 + [ctypes.c_int] * 2 + [ctypes.c_float]
        assert threads == THREADS and stream == STREAM
        maps = self._cuda.device[heat.value].view(np.float32).reshape(1, blocks, height.value, width.value)
        self._cuda.device[aim.value].view(np.float32)[...] = soft_argmax(maps, sharpness.value).reshape(-1)
        self.runs += 1


@pytest.mark.parametrize("version", ["10.3.0.26", "10.16.0.1", "11.4.0.106"])
@pytest.mark.parametrize("function", [False, True])
def test_the_plugin_is_found_built_loaded_and_run(version, function):
    cuda = FakeCuda()
    trt = fake_tensorrt(version, cuda)
    kernel = CpuKernel(cuda)
    assert register_plugins(trt, kernel)
    adapter, settings = adapter_for(trt), Settings("fp32", strongly_typed=version.startswith("11"))
    model = heat_model(function=function).SerializeToString()
    built = adapter.optimise(adapter.parse(model, settings), settings)
    with Execution(adapter, cuda, built.plan) as execution:
        for seed in range(3):
            image = np.random.default_rng(seed).normal(0, 1, (1, 3, 12, 20)).astype(np.float32)
            np.copyto(execution.host["image"], image)
            np.testing.assert_allclose(execution.run()["aim"], wanted(image), atol=1e-6)
    assert kernel.runs == 1 + 3, "the first run of all is before the capture"


def test_adapters_from_10_on_make_it_known_once():
    trt = fake_tensorrt("10.3.0.26")
    adapter_for(trt)
    adapter_for(trt)
    assert [creator.plugin_namespace for creator in trt.get_plugin_registry().all_creators] == ["", DOMAIN]
    assert not register_plugins(fake_tensorrt("8.5.2.2"))
    with pytest.raises(ModelError, match="No importer registered for op: SoftArgmaxAim"):
        adapter = adapter_for(fake_tensorrt("8.5.2.2"))
        adapter.parse(heat_model().SerializeToString(), Settings("fp32"))


def test_a_real_registry_takes_it():
    """That of TensorRT for RTX, which has no layer for plugins; in a process of its own, for it cannot be undone."""
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install -e '.[tensorrt]'")
    program = (
        "import numpy as np, tensorrt_rtx as trt\n"
        "from jetracer.engine.soft_argmax_plugin import make_creators, register_plugins\n"
        "assert not register_plugins(trt)\n"
        "registry, kept = trt.get_plugin_registry(), make_creators(trt, None)\n"
        "for one in kept: assert registry.register_creator(one, one.plugin_namespace)\n"
        "for space in ('', 'jetracer'):\n"
        "    found = registry.get_creator('SoftArgmaxAim', '1', space)\n"
        "    value = np.array([2.5], np.float32)\n"
        "    field = trt.PluginField('sharpness', value, trt.PluginFieldType.FLOAT32)\n"
        "    made = found.create_plugin('', trt.PluginFieldCollection([field]), trt.TensorRTPhase.BUILD)\n"
        "    assert isinstance(made, trt.IPluginV3) and made.sharpness == 2.5 and made.clone().sharpness == 2.5\n"
        "    written = made.get_fields_to_serialize()\n"
        "    again = found.create_plugin('', written, trt.TensorRTPhase.RUNTIME)\n"
        "    assert again.sharpness == 2.5 and again.get_output_data_types([]) == [trt.DataType.FLOAT]\n"
        "print('taken')\n")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "taken", done.stderr


def test_the_function_is_one_that_a_real_parser_takes():
    trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install -e '.[tensorrt]'")
    from jetracer.engine.tensorrt_11 import TensorRT11

    adapter = TensorRT11(trt)
    for model in (heat_model(), mend(heat_model()).model):
        adapter.parse(model.SerializeToString(), Settings("fp32", strongly_typed=True))


AROUND = r"""
#include <cmath>
#include <cstddef>
#include <pthread.h>
#include <thread>
#include <vector>
struct Place { int x; };
static thread_local Place threadIdx, blockIdx;
static pthread_barrier_t barrier;
#define __global__
#define __shared__ static
#define __syncthreads() pthread_barrier_wait(&barrier)
%s
extern "C" void run(const float* heat, float* aim, int maps, int height, int width, float sharpness)
{
    for (int map = 0; map < maps; ++map) {
        pthread_barrier_init(&barrier, nullptr, %d);
        std::vector<std::thread> threads;
        for (int index = 0; index < %d; ++index)
            threads.emplace_back([=] {
                threadIdx.x = index; blockIdx.x = map;
                soft_argmax_aim(heat, aim, height, width, sharpness);
            });
        for (auto& thread : threads) thread.join();
        pthread_barrier_destroy(&barrier);
    }
}
"""


@pytest.fixture(scope="module")
def kernel_on_cpu(tmp_path_factory):
    """The kernel's own source, compiled for the CPU: its threads are threads, its barrier is a barrier."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler: sudo apt install g++")
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "kernel.cpp").write_text(AROUND % (KERNEL, THREADS, THREADS))
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-pthread", "-o", folder / "kernel.so", folder / "kernel.cpp"],
                   check=True)
    return ctypes.CDLL(str(folder / "kernel.so"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [0.1, 1.0, 50.0])
def test_the_kernel_computes_the_definition(shape, scale, kernel_on_cpu):
    heat = heat_of(shape, seed=4)
    aim = np.full((*shape[:2], 2), np.nan, np.float32)
    kernel_on_cpu.run(heat.ctypes.data_as(ctypes.c_void_p), aim.ctypes.data_as(ctypes.c_void_p),
                      shape[0] * shape[1], shape[2], shape[3], ctypes.c_float(scale))
    np.testing.assert_allclose(aim, soft_argmax(heat, scale), atol=3e-6)


def test_the_kernel_hands_on_what_is_not_a_number(kernel_on_cpu):
    heat = heat_of((1, 1, 4, 4))
    heat[0, 0, 2, 1] = np.nan
    aim = np.zeros((1, 1, 2), np.float32)
    kernel_on_cpu.run(heat.ctypes.data_as(ctypes.c_void_p), aim.ctypes.data_as(ctypes.c_void_p), 1, 4, 4,
                      ctypes.c_float(1.0))
    assert np.isnan(aim).all()


def test_cuda_s_compiler_takes_the_kernel(tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("needs CUDA's compiler: install the CUDA toolkit")
    (tmp_path / "kernel.cu").write_text(KERNEL)
    done = subprocess.run([nvcc, "-ptx", "-o", tmp_path / "kernel.ptx", tmp_path / "kernel.cu"], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert ".entry soft_argmax_aim(" in (tmp_path / "kernel.ptx").read_text()


def test_without_cuda_s_compiler_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(kernels, "_PLACES", ())
    monkeypatch.setattr(kernels, "find_library", lambda name: None)
    with pytest.raises(ModelError, match=r"libnvrtc\.so\) is not installed"):
        kernels.compile_cuda(KERNEL, "8.7")
