"""The road net: shapes, size, and heads that know where things are."""
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.models.road_net import (  # noqa: E402
    PICTURE_PX,
    POOLED_PX,
    RoadNet,
    RoadNetConfig,
    SoftArgmax,
    cell_centres,
    macs,
    normalise,
    parameters,
)


def test_outputs_are_an_aim_and_one_logit_for_every_picture():
    aim, logit = RoadNet().eval()(torch.zeros(3, 3, POOLED_PX, POOLED_PX))
    assert aim.shape == (3, 2)
    assert logit.shape == (3, 1)


def test_the_net_is_small_enough_for_the_package_and_for_the_car():
    net = RoadNet()
    assert parameters(net) <= 480_000
    assert macs(net) <= 40e6


def test_counting_leaves_the_net_as_it_was():
    net = RoadNet().train()
    macs(net)
    assert net.training
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("blocks", [(0, 1, 1), (1, 1, 2)])
def test_every_configuration_runs(blocks):
    aim, _ = RoadNet(RoadNetConfig(8, (16, 16, 24), blocks)).eval()(torch.zeros(1, 3, POOLED_PX, POOLED_PX))
    assert torch.isfinite(aim).all()


def test_black_middle_and_white_pixels_become_small_numbers():
    pixels = torch.tensor([0, 128, 255], dtype=torch.uint8)
    assert normalise(pixels).tolist() == [-2.0, 0.0, 127 / 64]


def test_a_sharp_peak_in_the_map_is_its_cells_middle():
    head = SoftArgmax(1, 14)
    with torch.no_grad():
        head.score.weight.fill_(1.0)
        head.score.bias.zero_()
    features = torch.zeros(1, 1, 14, 14)
    features[0, 0, 3, 10] = 1000.0  # row 3, column 10
    x, y = head(features)[0].tolist()
    assert x == pytest.approx(cell_centres(14)[10].item(), abs=1e-6)
    assert y == pytest.approx(cell_centres(14)[3].item(), abs=1e-6)


def test_a_cell_of_the_map_lies_where_its_convolutions_look():
    """The gradient of a cell through plain averaging layers has its middle where `cell_centres` says."""
    picture = torch.zeros(1, 1, POOLED_PX, POOLED_PX, requires_grad=True)
    kernel = torch.ones(1, 1, 3, 3)
    seen = torch.nn.functional.conv2d(picture, torch.ones(1, 1, 5, 5), stride=2)
    seen = torch.nn.functional.conv2d(seen, kernel, stride=2, padding=1)
    seen = torch.nn.functional.conv2d(seen, kernel, stride=2, padding=1)
    assert seen.shape[-1] == 14
    seen[0, 0, 7, 5].backward()
    weight = picture.grad[0, 0].sum(0)
    middle = (weight * torch.arange(POOLED_PX)).sum() / weight.sum()
    expected = 2.0 * (2.0 * middle + 0.5) / PICTURE_PX - 1.0
    assert cell_centres(14)[5].item() == pytest.approx(expected.item(), abs=1e-5)
