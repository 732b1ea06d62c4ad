"""A net that ends in the soft-argmax aim is exported as one file that runs everywhere."""
from __future__ import annotations

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.export.onnx import difference, random_pictures, write_graph  # noqa: E402
from jetracer.models.soft_argmax import SoftArgmaxAim  # noqa: E402


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heat, self.aim = torch.nn.Conv2d(3, 1, 5, stride=4), SoftArgmaxAim(4.0)

    def forward(self, image):
        return self.aim(self.heat(image.to(torch.float32).permute(0, 3, 1, 2) / 255.0))[:, 0]


def test_it_is_one_node_with_its_function_and_answers_as_torch(tmp_path):
    net = Net().eval()
    write_graph(net, tmp_path / "heat.onnx", 32, ("aim",))
    model = onnx.load(str(tmp_path / "heat.onnx"))
    assert [node.op_type for node in model.graph.node if node.domain == "jetracer"] == ["SoftArgmaxAim"]
    assert [function.name for function in model.functions] == ["SoftArgmaxAim"]
    with torch.no_grad():
        worst = difference(tmp_path / "heat.onnx", 32, lambda image: net(torch.from_numpy(image[None]))[0].numpy())
    assert worst <= 1e-5 and np.ptp(random_pictures(2, 0, 32)) > 0
