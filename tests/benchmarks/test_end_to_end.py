"""The chain from PyTorch to an engine, with tiny nets in torchvision's place: one goes whole, one does not."""
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from benchmarks import end_to_end, zoo  # noqa: E402
from jetracer.export.onnx import write_graph  # noqa: E402


class Whole(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
                                       torch.nn.Flatten(), torch.nn.Linear(4, 5))

    def forward(self, image):
        return self.net(image.to(torch.float32).permute(0, 3, 1, 2) / 255.0)


class Dilated(Whole):
    """With a dilated pooling, which no TensorRT takes."""

    def __init__(self) -> None:
        super().__init__()
        self.net.insert(1, torch.nn.MaxPool2d(2, 1, dilation=2))


def exported(kind):
    def export(name, path, told):
        net = kind().eval()
        write_graph(net, path, 32, ("scores",))
        told.update(size_px=32, opset=13)
        return net

    return export


@pytest.mark.parametrize("kind, whole", [(Whole, True), (Dilated, False)])
def test_a_chain(kind, whole, monkeypatch):
    monkeypatch.setattr(end_to_end, "QUICK", ("tiny",))
    monkeypatch.setattr(end_to_end, "_export", exported(kind))
    result = end_to_end.measure(True, "road")
    one = result["nets"][0]
    assert result["whole"] == int(whole) and one["whole"] is whole and one["same"]
    if not whole:
        assert "the model" not in one["left"][0] and "(MaxPool) is dilated: TensorRT 8.2, 8.5" in one["left"][0]
        assert one["way"]["parts"] == ["onnx", "tensorrt", "onnx", "tensorrt"] and one["way"]["difference"] <= 1e-5
    text = end_to_end.show(result)
    assert f"{int(whole)} of 1 go end to end" in text and ("NO" in text) is not whole


def test_a_net_that_cannot_be_exported_is_named(monkeypatch):
    def refuse(name, path, told):
        raise RuntimeError("no such layer")

    monkeypatch.setattr(end_to_end, "QUICK", ("tiny",))
    monkeypatch.setattr(end_to_end, "_export", refuse)
    result = end_to_end.measure(True, "road")
    assert result["whole"] == 0 and "tiny: no such layer" in end_to_end.show(result)


def test_the_nets_are_torchvisions():
    assert len(end_to_end.NETS) == 15 and set(end_to_end.QUICK) < set(end_to_end.NETS)
    assert sum(name in zoo.NETS for name in end_to_end.NETS) == 13
