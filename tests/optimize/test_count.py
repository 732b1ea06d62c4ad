"""Multiply-accumulates against the formula, torch's own counter and fvcore; parameters against the nets themselves."""
from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from jetracer.core.errors import ModelCorrupt, ModelError  # noqa: E402
from jetracer.export.onnx import export_road  # noqa: E402
from jetracer.models.backbones import BACKBONES, make_net  # noqa: E402
from jetracer.models.norms import fold  # noqa: E402
from jetracer.models.road_net import RoadNet, parameters  # noqa: E402
from jetracer.optimize.count import count_layers, not_counted  # noqa: E402
from jetracer.optimize.optimised import optimised, read_fixed, read_graph, unknown  # noqa: E402
from jetracer.optimize.profile import macs_of  # noqa: E402

PICTURE, ROAD_NETS = 32, 112  # px


def exported(net, path, *shape, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net.eval(), (torch.zeros(*shape),), str(path), opset_version=13, dynamo=False, **options)
    return path


def by_torch(net, *shape):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(torch.zeros(*shape))
    return counter.get_total_flops()


def test_the_articles_mnist_net(tmp_path):
    """Two convolutions of 3x3 and two dense layers. The article adds its four right figures up to 1,060,400."""
    net = nn.Sequential(nn.Conv2d(1, 5, 3), nn.Conv2d(5, 5, 3), nn.Flatten(), nn.Linear(5 * 24 * 24, 128),
                        nn.Linear(128, 10))
    layers = count_layers(read_graph(exported(net, tmp_path / "mnist.onnx", 1, 1, 28, 28)))
    counted = [layer.flops for layer in layers if layer.macs]
    assert counted == [60_840, 259_200, 737_280, 2_560]
    assert sum(counted) == 1_059_880 == 1_060_400 - 520


CASES = {
    "stride and padding": (nn.Conv2d(3, 8, 5, stride=2, padding=2), (1, 3, 33, 47)),
    "dilation": (nn.Conv2d(4, 8, 3, dilation=3), (1, 4, 20, 20)),
    "groups": (nn.Conv2d(12, 24, 3, padding=1, groups=3), (1, 12, 9, 9)),
    "by the channel": (nn.Conv2d(16, 16, 3, groups=16), (1, 16, 9, 9)),
    "transposed": (nn.ConvTranspose2d(6, 10, 4, stride=2, padding=1, groups=2), (1, 6, 9, 9)),
    "one dimension": (nn.Conv1d(3, 8, 5), (1, 3, 40)),
    "dense": (nn.Linear(30, 7), (1, 30)),
    "matrix product": (nn.Linear(30, 7), (1, 5, 30)),
}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_layer_is_counted_as_torch_does(case, tmp_path):
    net, shape = CASES[case]
    layers = count_layers(read_graph(exported(net, tmp_path / "one.onnx", *shape)))
    assert sum(layer.flops for layer in layers) == by_torch(net, *shape)
    assert sum(layer.params for layer in layers) == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name", BACKBONES.names)
def test_our_nets_as_torch_and_fvcore_count_them(name, tmp_path):
    torch.manual_seed(0)
    net = make_net(name).eval()
    with torch.no_grad():
        for weight in net.parameters():  # biases that are all 0 would be stored once, and counted once
            weight.add_(0.01 * torch.randn_like(weight))
    seen = ROAD_NETS if isinstance(net, RoadNet) else PICTURE
    path = tmp_path / "net.onnx"
    export_road(net, path, 2 * seen if isinstance(net, RoadNet) else seen)
    macs = macs_of(path)
    assert 2 * macs == pytest.approx(by_torch(net, 1, 3, seen, seen), rel=1e-3)
    assert macs == pytest.approx(by_fvcore(net, seen), rel=1e-3)
    fold(net, seen)
    stored = parameters(net) + sum(buffer.numel() for buffer in net.buffers())  # the road net's grid is a buffer
    assert sum(layer.params for layer in count_layers(read_fixed(path))) == stored


def by_fvcore(net, size):
    analysis = pytest.importorskip("fvcore.nn", reason="needs fvcore: pip install fvcore").FlopCountAnalysis
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = analysis(net, torch.zeros(1, 3, size, size)).unsupported_ops_warnings(False).by_operator()
    return sum(found.get(kind, 0) for kind in ("conv", "linear", "addmm", "matmul", "bmm", "einsum"))


@pytest.mark.parametrize("level", ["basic", "extended", "all"])
def test_what_onnx_runtime_makes_of_a_graph_multiplies_as_much(level, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "net.onnx"
    export_road(make_net("mobilenet_v3_small"), path, 64)
    graph = optimised(path, level)
    assert unknown(graph) == []
    assert sum(layer.macs for layer in count_layers(graph)) == pytest.approx(macs_of(path), rel=0.06), (
        "channels are filled up to whole blocks")


def test_the_rest_is_counted_as_documented(tmp_path):
    net = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.Softmax(dim=1))
    layers = {layer.op: layer for layer in count_layers(read_graph(exported(net, tmp_path / "n.onnx", 1, 4, 6, 6)))}
    values = 4 * 3 * 3
    assert [layers[op].other_flops for op in ("MaxPool", "Relu", "Softmax")] == [4 * values, values, 5 * values]
    assert layers["MaxPool"].bytes == 4 * (4 * 36 + values)
    assert layers["Relu"].macs == 0


def test_shapes_that_the_graph_calculates_itself(tmp_path):
    class Turning(nn.Module):
        def forward(self, x):
            sides = x.shape
            return (x.reshape(sides[0], sides[1] * sides[2], -1) @ x.reshape(sides[0], -1, sides[1] * sides[2]))

    path = exported(Turning(), tmp_path / "t.onnx", 2, 3, 4, 5, input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    assert macs_of(path) == 12 * 5 * 12, "of one picture"


def test_quantised_weights_are_parameters(tmp_path):
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    stored = [numpy_helper.from_array(value, name) for name, value in (
        ("w", np.ones((4, 3, 1, 1), np.int8)), ("scale", np.ones(4, np.float32)), ("zero", np.zeros(4, np.int8)))]
    nodes = [helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["real"], axis=0),
             helper.make_node("Conv", ["x", "real"], ["y"])]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [value("x", 1, [1, 3, 5, 5])], [value("y", 1, [1, 4, 5, 5])], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(tmp_path / "q.onnx"))
    quantise, conv = count_layers(read_graph(tmp_path / "q.onnx"))
    assert (quantise.params, conv.params, conv.macs) == (0, 12, 300)


def test_what_cannot_be_counted_is_said(tmp_path):
    net = nn.LSTM(4, 4)
    path = tmp_path / "lstm.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net.eval(), (torch.zeros(1, 1, 4),), str(path), opset_version=13, dynamo=False)
    assert "(LSTM) is not counted" in not_counted(read_graph(path))[0]
    free = exported(nn.Conv2d(3, 4, 3), tmp_path / "free.onnx", 1, 3, 8, 8, input_names=["x"],
                    dynamic_axes={"x": {2: "high"}})
    with pytest.raises(ModelError, match="Side 2 of the input 'x'"):
        read_graph(free)
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelCorrupt, match="is no ONNX model"):
        read_graph(tmp_path / "bad.onnx")
