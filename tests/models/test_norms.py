"""Norms folded away and made again: what a net says stays the same."""
from __future__ import annotations

from copy import deepcopy

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

import numpy as np  # noqa: E402

from jetracer.engine.load import load_engine  # noqa: E402
from jetracer.models.backbones import make_net, start_from  # noqa: E402
from jetracer.models.norms import fold, pairs, settle, unfold  # noqa: E402
from jetracer.models.road_net import normalise  # noqa: E402


@torch.no_grad()
def told(net, pictures):
    return torch.cat(net.eval()(pictures), 1)


@pytest.fixture(params=["road_net", "mobilenet_v3_small"])
def net(request):
    """A net whose norms have seen something."""
    torch.manual_seed(0)
    net = make_net(request.param).train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(8, 3, 112, 112) * 0.7 + 0.2)
    return request.param, net.eval()


def test_every_norm_is_found_behind_its_convolution(net):
    _, net = net
    norms = [name for name, module in net.named_modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert sorted(norm for _, norm in pairs(net, 112)) == sorted(norms)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_folding_and_unfolding_change_nothing_that_is_said(net):
    name, net = net
    pictures = torch.randn(2, 3, 112, 112)
    folded, again = deepcopy(net), make_net(name)
    fold(folded, 112)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    unfold(again, 112, folded.state_dict())
    for one in (folded, again):
        assert torch.allclose(told(one, pictures), told(net, pictures), atol=1e-5)


def test_settled_norms_say_the_same_in_training_too(net):
    name, net = net
    pictures = torch.randn(32, 3, 112, 112)
    fold(folded := deepcopy(net), 112)
    unfold(again := make_net(name), 112, folded.state_dict())
    strange = torch.cat(deepcopy(again).train()(pictures), 1)
    settle(again, pictures)
    assert torch.allclose(told(again, pictures), told(net, pictures), atol=1e-4)
    wanted = told(net, pictures)
    if name == "road_net":  # the other has dropout
        assert (torch.cat(again.train()(pictures), 1) - wanted).abs().max() < 1e-3 < (strange - wanted).abs().max()


def test_the_shipped_model_is_read_back_to_what_it_says():
    net = make_net("road_net")
    assert start_from(net, "road_net", "road") == "from road.onnx"
    random = np.random.default_rng(0)
    with load_engine("road") as engine:
        for _ in range(4):
            picture = random.integers(0, 256, (1, 224, 224, 3), np.uint8)
            file = engine.infer({"image": picture})
            pixels = torch.from_numpy(picture).permute(0, 3, 1, 2).float()
            aim, logit = net.eval()(normalise(torch.nn.functional.avg_pool2d(pixels, 2)))
            assert np.allclose(aim.detach().clamp(-1, 1).numpy(), file["aim"], atol=1e-4)
            assert np.allclose(torch.sigmoid(logit).detach().numpy(), file["confidence"], atol=1e-4)
