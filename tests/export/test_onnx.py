"""The exported file does exactly what the net does."""
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.core.errors import ModelError  # noqa: E402
from jetracer.export import onnx as exporting  # noqa: E402
from jetracer.export.onnx import OPSET, as_trained, difference, export_road, folded, random_pictures  # noqa: E402
from jetracer.models.backbones import make_net, start_from  # noqa: E402
from jetracer.models.road_net import RoadNet  # noqa: E402


@pytest.fixture(scope="module")
def net() -> RoadNet:
    """A net whose batch norms have seen something, so that folding them matters."""
    torch.manual_seed(0)
    net = RoadNet().train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(8, 3, 112, 112) * 0.7 + 0.2)
    return net.eval()


@pytest.fixture(scope="module")
def path(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "road.onnx"
    assert export_road(net, path) <= 1e-4
    return path


def test_torch_and_onnx_runtime_agree(net, path):
    assert difference(path, 224, lambda image: as_trained(net, image), frames=12, seed=9) <= 1e-4


def test_the_graph_takes_camera_bytes_and_casts_before_it_transposes(path):
    model = onnx.load(str(path))
    entry = model.graph.input[0].type.tensor_type
    assert entry.elem_type == onnx.TensorProto.UINT8
    assert [side.dim_value for side in entry.shape.dim] == [1, 224, 224, 3]
    assert [node.op_type for node in model.graph.node[:3]] == ["Cast", "Transpose", "AveragePool"]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert [output.name for output in model.graph.output] == ["aim", "confidence"]
    assert path.stat().st_size <= 2_000_000


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v3_small", "pilotnet", "resnet18"])
def test_every_net_becomes_a_file_that_is_read_back_to_the_same_net(name, tmp_path):
    torch.manual_seed(0)
    net = make_net(name).train()
    with torch.no_grad():
        net(torch.randn(4, 3, 96, 96) * 0.7 + 0.2)
    file = tmp_path / "model.onnx"
    assert export_road(net.eval(), file, 96) <= 1e-4
    graph = onnx.load(str(file)).graph
    assert [node.op_type for node in graph.node[:2]] == ["Cast", "Transpose"]
    left = {node.op_type for node in graph.node}
    assert not left & {"BatchNormalization", "Constant", "Shape", "Gather"}  # all that can be is computed already
    assert [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim] == [1, 96, 96, 3]
    again = make_net(name)
    assert start_from(again, name, str(file)) == "from model.onnx"
    assert difference(file, 96, lambda image: as_trained(again, image), frames=2) <= 1e-4


def test_a_file_of_another_net_is_refused(path):
    with pytest.raises(ModelError, match=r"does not fit pilotnet; choose .* with --net"):
        start_from(make_net("pilotnet"), "pilotnet", str(path))


def test_folding_leaves_the_net_itself_alone(net):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    folded(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_file_that_differs_is_refused(net, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "PARITY", -1.0)
    with pytest.raises(ModelError, match="differs from the net"):
        export_road(net, tmp_path / "road.onnx")
    assert not (tmp_path / "road.onnx").exists()


def test_random_pictures_repeat_and_outputs_are_in_range(net):
    pictures = random_pictures(8, seed=1)
    assert np.array_equal(pictures, random_pictures(8, seed=1))
    for picture in pictures:
        out = as_trained(net, picture)
        assert np.abs(out[:2]).max() <= 1.0
        assert 0.0 <= out[2] <= 1.0
