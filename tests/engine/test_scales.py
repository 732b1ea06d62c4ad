"""A scale that is far off is told by itself, whether or not the few answers show it."""
from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from jetracer.engine.onnx_graph import Graph
from jetracer.engine.scales import ALLOWED, Scale, excess, wrong_scales

from .tiny_models import CARD, HEIGHT, WIDTH, road_model
from .tiny_probes import tiny_probes

PROBES = tiny_probes()
RANDOM = np.random.default_rng(4)
VALUES = {"normal": RANDOM.normal(0, 1, 20_000), "one side": np.maximum(RANDOM.normal(0, 1, 20_000), 0),
          "long tails": RANDOM.standard_t(4, 20_000)}


def quantised(times=1.0, kind=np.uint8, raw=True, bad=0.0):
    """The mean colour through Q/DQ: 0 to 255, so that the right step is 1 (u8) or 2 (s8)."""
    step = (1.0 if kind == np.uint8 else 255 / 127) * times
    nodes = [helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
             helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
             helper.make_node("Mul", ["mean", "bad"], ["x"]),
             helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["q"]),
             helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["aim"])]
    info = helper.make_tensor_value_info
    if raw:
        constants = [numpy_helper.from_array(np.array(step, np.float32), "step"),
                     numpy_helper.from_array(np.array(0, kind), "zero")]
    else:
        types = (TensorProto.FLOAT, TensorProto.UINT8 if kind == np.uint8 else TensorProto.INT8)
        constants = [helper.make_tensor(name, type_, [], [value])
                     for name, type_, value in zip(("step", "zero"), types, (step, 0))]
    constants.append(numpy_helper.from_array(np.array(1.0 + bad, np.float32), "bad"))
    graph = helper.make_graph(nodes, "g", [info("image", TensorProto.UINT8, [1, HEIGHT, WIDTH, 3])],
                              [info("aim", TensorProto.FLOAT, [1, 3])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    return model.SerializeToString()


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_a_right_scale_passes_and_one_four_times_off_does_not(kind, raw):
    assert wrong_scales(quantised(kind=kind, raw=raw, bad=1e-3), CARD, PROBES) == ()
    for times in (4.0, 0.25):
        why = wrong_scales(quantised(times, kind, raw), CARD, PROBES)
        assert len(why) == 1 and "the scale of x makes" in why[0] and "calibrate it again" in why[0]


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("low", [0, -127])
def test_noise_beside_the_best_scale(values, low):
    high = 255 if low == 0 else 127
    reach = max(abs(values.min()), values.max()) if low else values.max() - min(values.min(), 0)
    step = reach / high
    zero = 0 if low else round(-min(values.min(), 0) / step)
    right = excess(Scale(step, zero, low, high), values)
    assert 0.99 <= right <= ALLOWED, "all that occurs, as min-max calibration has it"
    assert excess(Scale(4 * step, zero, low, high), values) > ALLOWED
    assert excess(Scale(step / 8, zero, low, high), values) > ALLOWED


def test_a_tensor_with_nothing_in_it():
    assert excess(Scale(1.0, 0, -128, 127), np.zeros(10)) == 1.0
    on_grid = np.arange(-127, 128) * 0.5
    assert excess(Scale(0.5, 0, -128, 127), on_grid) < 1.0


def test_models_without_scales_and_with_what_is_no_number(tmp_path):
    assert wrong_scales(road_model(tmp_path / "road.onnx").read_bytes(), CARD, PROBES) == ()
    assert wrong_scales(quantised(bad=float("nan")), CARD, PROBES) == ("x is not a number",)
    for times in (0.0, -1.0, float("nan")):
        assert "is no single constant number" in wrong_scales(quantised(times), CARD, PROBES)[0]


@pytest.mark.parametrize("values", [
    np.array([1.5, -2.5], np.float32), np.array([3, 250], np.uint8), np.array([-3, 100], np.int8),
    np.array([-70000, 5], np.int32),
])
def test_constants_are_read_as_onnx_reads_them(values):
    raw = numpy_helper.from_array(values, "c")
    listed = helper.make_tensor("c", raw.data_type, values.shape, values.tolist())
    for tensor in (raw, listed):
        graph = Graph(onnx.ModelProto(graph=onnx.GraphProto(initializer=[tensor])).SerializeToString())
        np.testing.assert_array_equal(graph.constant("c"), values)
        assert graph.constant("d") is None
