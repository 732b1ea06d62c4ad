"""The quantised graph: what is in it, that the runtimes take it as INT8, and that it answers as the float one does."""
from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from onnx import numpy_helper  # noqa: E402

from jetracer.core.errors import ConfigError, ModelError, UnknownName  # noqa: E402
from jetracer.optimize.int8.calibrators import calibrate  # noqa: E402
from jetracer.optimize.int8.graph import Graph, tidy  # noqa: E402
from jetracer.optimize.int8.quantise import quantise, step_of  # noqa: E402
from jetracer.optimize.int8.rewrite import weight_scales  # noqa: E402
from jetracer.optimize.int8.scheme import layers  # noqa: E402
from jetracer.optimize.int8.table import Range, Table  # noqa: E402
from tests.optimize.int8.nets import Net, answer, bytes_in, pictures, residual_net  # noqa: E402

ANSWERS = {"aim": (1, 2)}


@pytest.fixture(scope="module")
def model():
    return residual_net()


@pytest.fixture(scope="module")
def table(model):
    return calibrate(model, (frame[None] for frame in pictures(24)), "minmax")


def kinds(model):
    return Counter(node.op_type for node in model.graph.node)


def origin(graph, tensor):
    """What a tensor is in the float model, and whether it was rounded."""
    if tensor not in graph.maker or graph.maker[tensor].op_type != "DequantizeLinear":
        return tensor
    return f"{graph.maker[graph.maker[tensor].input[0]].input[0]}, rounded"


def weights_of(made, layer):
    """(numbers, scales) of a layer's weights."""
    graph = Graph(made)
    node = graph.maker[next(one for one in graph.nodes if one.output[0] == layer).input[1]]
    return graph.constant(node.input[0]), graph.constant(node.input[1])


def fused(model, folder):
    """The kinds of node that ONNX Runtime runs in the end."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.optimized_model_filepath = 3, str(folder / "fused.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return kinds(onnx.load(str(folder / "fused.onnx")))


def test_for_the_cpu_every_layer_becomes_one_of_int8(model, table, tmp_path):
    found = fused(quantise(model, table, "cpu"), tmp_path)
    assert found["QLinearConv"] == 7
    assert found["QLinearAdd"] == 2
    assert found["QGemm"] == 2
    assert not {"Conv", "FusedConv", "Gemm", "Relu", "Clip", "Cast", "QuantizeLinear"} & set(found)


def test_for_the_cpu_the_bytes_go_in_as_they_are(model, table):
    made = quantise(model, table, "cpu")
    assert [node.op_type for node in made.graph.node][:2] == ["Transpose", "DequantizeLinear"]
    step = made.graph.node[1].input
    values = {entry.name: numpy_helper.to_array(entry) for entry in made.graph.initializer}
    assert values[step[1]] == np.float32(1 / 64) and values[step[2]] == 128 and values[step[2]].dtype == np.uint8


@pytest.mark.parametrize("normalisation", [{"mean": 127.5}, {"mean": [[[124.0]], [[116.0]], [[103.0]]]}])
def test_a_normalisation_that_is_no_step_is_kept_and_rounded(normalisation, tmp_path):
    model = residual_net(**normalisation)
    table = calibrate(model, (frame[None] for frame in pictures(8)), "minmax")
    made = quantise(model, table, "cpu")
    assert kinds(made)["Sub"] == kinds(made)["Cast"] == 1
    assert fused(made, tmp_path)["QLinearConv"] == 7


def test_for_tensorrt_activations_are_symmetric_and_biases_float(model, table):
    made = quantise(model, table, "tensorrt")
    graph = Graph(made)
    values = {entry.name: numpy_helper.to_array(entry) for entry in made.graph.initializer}
    assert [node.op_type for node in made.graph.node][:2] == ["Cast", "Transpose"]
    for node in graph.nodes:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and len(node.input) > 2:
            assert values[node.input[2]].dtype == np.int8 and not values[node.input[2]].any()
        if node.op_type in ("Conv", "Gemm"):
            assert values[node.input[2]].dtype == np.float32
            assert graph.maker[node.input[0]].op_type == graph.maker[node.input[1]].op_type == "DequantizeLinear"


def test_for_tensorrt_a_shortcut_is_quantised_and_the_sum_stays_in_its_convolution(model, table):
    graph = Graph(quantise(model, table, "tensorrt"))
    adds = {node.name: node for node in graph.nodes if node.op_type == "Add"}
    assert [origin(graph, name) for name in adds["sum"].input] == ["stem.relu, rounded", "two"]
    assert [origin(graph, name) for name in adds["sum2"].input] == ["four, rounded", "project"]  # the later one adds


def test_weights_have_a_scale_for_each_output_channel(model, table):
    for flavour in ("cpu", "tensorrt"):
        numbers, scales = weights_of(quantise(model, table, flavour), "two")
        real = next(numpy_helper.to_array(e) for e in model.graph.initializer if e.name == "two.w")
        assert scales.shape == (8,) and numbers.dtype == np.int8 and numbers.min() >= -127
        assert np.abs(numbers).reshape(8, -1).max(axis=1).tolist() == [127] * 8
        assert np.abs(numbers * scales[:, None, None, None] - real).max() <= scales.max() / 2 * 1.0001


def test_weights_of_7_bits_use_half_of_the_numbers(model, table):
    numbers, scales = weights_of(quantise(model, table, "cpu", weight_bits=7), "two")
    whole, _ = weights_of(quantise(model, table, "cpu"), "two")
    assert np.abs(numbers).max() == 63 and np.abs(whole / 127 * 63 - numbers).max() <= 1.0
    assert scales.shape == (8,)


def test_weights_on_the_grid_stay_where_they_are():
    random = np.random.default_rng(0)
    numbers = random.integers(-127, 128, (4, 3, 3, 3))
    numbers[:, 0, 0, 0] = 127
    weight = (numbers * np.float32(0.013)).astype(np.float32)
    assert (np.rint(weight / weight_scales(weight, 0)[:, None, None, None]) == numbers).all()


@pytest.mark.parametrize(("flavour", "most"), [("cpu", 0.06), ("tensorrt", 0.08)])
def test_it_answers_as_the_float_one_does(model, table, flavour, most):
    made, frames = quantise(model, table, flavour), pictures(20, seed=9)
    floats = np.array([answer(model, frame) for frame in frames])
    rounded = np.array([answer(made, frame) for frame in frames])
    assert 0.0 < np.abs(floats - rounded).mean() <= most * floats.std()


def test_the_file_is_a_quarter_and_the_same_every_time(model, table):
    for flavour in ("cpu", "tensorrt"):
        made = quantise(model, table, flavour).SerializeToString(deterministic=True)
        assert made == quantise(model, table, flavour).SerializeToString(deterministic=True)
    assert quantise(model, table, "cpu").SerializeToString() != quantise(model, table, "tensorrt").SerializeToString()


@pytest.mark.parametrize("flavour", ["cpu", "tensorrt"])
def test_nothing_is_said_twice_and_every_layer_keeps_its_name(model, table, flavour):
    made = quantise(model, table, flavour)
    graph = Graph(made)
    own = {name for node in graph.nodes if node.op_type.endswith("quantizeLinear") for name in node.input}
    others = [(entry.data_type, tuple(entry.dims), numpy_helper.to_array(entry).tobytes())
              for name, entry in graph.stored.items() if name not in own]
    assert len(set(others)) == len(others)
    zeros = [node.input[2] for node in graph.nodes if node.op_type == "DequantizeLinear"]
    assert len(set(zeros)) == len(zeros), "ONNX Runtime replaces shared ones twice"
    named = {node.name: node.output[0] for node in tidy(model).graph.node}
    assert {node.name: node.output[0] for node in graph.nodes if node.name in layers(tidy(model))} == {
        name: named[name] for name in layers(tidy(model))}
    convolution = next(node for node in graph.nodes if node.name == "stem")
    assert sorted(entry.name for entry in convolution.attribute) == ["kernel_shape", "pads"]


def test_what_is_kept_stays_float(model, table, tmp_path):
    assert layers(tidy(model)) == ["stem", "one", "two", "three", "four", "project", "deep", "hidden", "aim"]
    made = quantise(model, table, "cpu", keep=["stem", "aim"])
    graph = Graph(made)
    weights = {node.name: graph.constant(node.input[1]) for node in graph.nodes if node.op_type in ("Conv", "Gemm")}
    assert {name for name, value in weights.items() if value is not None} == {"stem", "aim"}
    assert np.array_equal(weights["stem"], Graph(model).constant("stem.w"))
    assert kinds(made)["Cast"] == 1 and fused(made, tmp_path)["QLinearConv"] == 6
    between = quantise(model, table, "cpu", keep=["two", "sum2"])  # which ONNX Runtime would quantise by itself
    found = fused(between, tmp_path)
    assert (found["QLinearConv"], found["Conv"], found["QLinearAdd"], found["Add"]) == (6, 1, 0, 2)
    only = quantise(model, table, "tensorrt", keep=[name for name in layers(model) if name != "three"])
    assert kinds(only)["QuantizeLinear"] == 1
    with pytest.raises(UnknownName, match="did you mean 'stem'"):
        quantise(model, table, "cpu", keep=["sten"])
    with pytest.raises(ConfigError, match="No layer is left"):
        quantise(model, table, "cpu", keep=layers(model))


def test_norms_paddings_and_constants_are_folded_without_changing_an_answer():
    net = Net()
    pixels = net.node("Identity", [bytes_in(net)], "same")
    amounts = net.node("Cast", [net.store("pads", np.array([0, 0, 0, 0, 0, 0, 1, 1], np.float32))], "amounts", to=7)
    padded = net.node("Pad", [pixels, amounts], "padded")
    conv = net.conv(padded, "conv", 3, 4, stride=2, pads=0)
    given = [net.store(name, np.array(value, np.float32)) for name, value in (
        ("gamma", [1, 2, 3, 4]), ("beta", [4, 3, 2, 1]), ("middle", [0, 1, 0, 1]), ("var", [1, 2, 1, 2]))]
    net.node("BatchNormalization", [conv, *given], "norm")
    model = net.model({"norm": (1, 4, 8, 8)})
    made = tidy(model)
    assert kinds(made) == {"Cast": 1, "Transpose": 1, "Sub": 1, "Mul": 1, "Conv": 1}
    for frame in pictures(3):
        assert answer(made, frame) == pytest.approx(answer(model, frame), abs=1e-4)


def test_a_bias_without_weights_still_fits():
    net = Net()
    x = net.conv(bytes_in(net), "dead", 3, 2)
    net.stored[-2].CopyFrom(numpy_helper.from_array(np.full((2, 3, 3, 3), 1e-12, np.float32), "dead.w"))
    net.stored[-1].CopyFrom(numpy_helper.from_array(np.array([0.5, -3.0], np.float32), "dead.b"))
    net.conv(x, "out", 2, 2)
    model = net.model({"out": (1, 2, 16, 16)})
    table = calibrate(model, (frame[None] for frame in pictures(4)), "minmax")
    frame = pictures(1)[0]
    assert answer(quantise(model, table, "cpu"), frame) == pytest.approx(answer(model, frame), abs=0.05)


@pytest.mark.parametrize("low,high", [(0.0, 6.0), (-1.3, 2.2), (0.0, 0.0), (0.5, 2.0), (-3.0, -1.0), (0.0, 5.9999)])
def test_a_step_holds_its_range_and_zero_exactly(low, high):
    step = step_of(Range(low, high), "cpu")
    ends = [(number - step.zero) * step.scale for number in (0, 255)]
    assert ends[0] <= min(low, 0.0) + step.scale / 2 and ends[1] >= max(high, 0.0) - step.scale
    assert ends[1] <= max(high, 0.0) + (step.scale / 2 if low < 0 else 1e-9) and 0 <= step.zero <= 255
    assert step_of(Range(low, high), "tensorrt").scale == pytest.approx(max(abs(low), abs(high)) / 127, abs=1e-9)


def test_a_table_of_another_model_is_refused(model):
    with pytest.raises(ModelError, match="calibrate this one anew"):
        quantise(model, Table({"other": Range(0, 1)}), "cpu")


def test_a_model_that_cannot_be_quantised_says_why(model, table):
    with pytest.raises(ModelError, match="quantised already"):
        quantise(quantise(model, table, "cpu"), table, "cpu")
    with pytest.raises(UnknownName, match="did you mean 'tensorrt'"):
        quantise(model, table, "tensort")
    old = Net()
    old.conv(bytes_in(old), "out", 3, 2)
    with pytest.raises(ModelError, match="opset 11, INT8 needs 13"):
        tidy(old.model({"out": (1, 2, 16, 16)}, opset=11))
