"""What the net is punished for."""
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from torch import nn  # noqa: E402

from jetracer.train.average import Average  # noqa: E402
from jetracer.train.losses import aim_loss, confidence_loss, road_loss, weighted_mean  # noqa: E402


def test_no_error_no_loss():
    aim = torch.rand(5, 2)
    assert aim_loss(aim, aim, torch.ones(5)).item() == 0.0


def test_frames_of_weight_zero_do_not_count():
    aim, wanted = torch.zeros(2, 2), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert aim_loss(aim, wanted, torch.tensor([1.0, 0.0])).item() == 0.0
    assert aim_loss(aim, wanted, torch.tensor([0.0, 1.0])).item() > 1.0


def test_a_batch_without_any_weight_has_no_loss_and_no_nan():
    assert weighted_mean(torch.rand(3), torch.zeros(3)).item() == 0.0


def test_sideways_errors_count_more_than_errors_of_height():
    zero, one = torch.zeros(1, 2), torch.ones(1)
    sideways = aim_loss(torch.tensor([[0.3, 0.0]]), zero, one)
    assert sideways > aim_loss(torch.tensor([[0.0, 0.3]]), zero, one)


def test_being_sure_of_the_wrong_thing_costs_most():
    wanted, one = torch.tensor([1.0]), torch.ones(1)
    costs = [confidence_loss(torch.tensor([[logit]]), wanted, one).item() for logit in (3.0, 0.0, -3.0)]
    assert costs == sorted(costs)


def test_road_loss_falls_when_aim_and_confidence_get_better():
    labels = torch.tensor([[0.5, 0.1, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
    bad = road_loss(torch.zeros(2, 2), torch.zeros(2, 1), labels)
    good = road_loss(torch.tensor([[0.5, 0.1], [0.9, 0.9]]), torch.tensor([[4.0], [-4.0]]), labels)
    assert good < 0.1 * bad


def test_the_average_trails_the_net():
    net = nn.Linear(1, 1)
    average = Average(net, decay=0.9)
    with torch.no_grad():
        net.weight.fill_(net.weight.item() + 1.0)
    before = average.net.weight.item()
    average.update(net)
    after_one = average.net.weight.item()
    for _ in range(200):
        average.update(net)
    assert before < after_one < net.weight.item()
    assert average.net.weight.item() == pytest.approx(net.weight.item(), abs=1e-3)
