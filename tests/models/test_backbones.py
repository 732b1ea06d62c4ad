"""The nets have their papers' sizes and the names of those whose weights they read."""
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.core.errors import ModelError, ModelNotFound, UnknownName  # noqa: E402
from jetracer.models.backbones import BACKBONES, AimNet, make_net, start_from  # noqa: E402
from jetracer.models.road_net import normalise  # noqa: E402

# published for 1000 classes: torchvision's model pages; PilotNet, for one output: "about 250 thousand"
PARAMETERS = {
    "efficientnet_lite0": 4_652_008, "mobilenet_v2": 3_504_872, "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856, "resnet18": 11_689_512, "resnet34": 21_797_672,
}


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_net_has_as_many_parameters_as_published(name):
    net = BACKBONES.get(name)(1000)
    assert sum(p.numel() for p in net.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", BACKBONES.names)
def test_every_net_says_where_to_drive_and_how_sure_it_is(name):
    size = 112 if name == "road_net" else 128
    aim, logit = make_net(name).eval()(torch.zeros(2, 3, size, size))
    assert aim.shape == (2, 2)
    assert logit.shape == (2, 1)


@pytest.mark.parametrize(("name", "entries"), [
    ("resnet18", ["conv1.weight", "layer2.0.downsample.1.running_var", "layer4.1.bn2.bias", "fc.weight"]),
    ("mobilenet_v2", ["features.1.conv.0.0.weight", "features.2.conv.3.bias", "classifier.1.bias"]),
    ("mobilenet_v3_small", ["features.1.block.1.fc1.weight", "features.12.1.weight", "classifier.3.weight"]),
    ("efficientnet_lite0", ["_conv_stem.weight", "_blocks.1._expand_conv.weight", "_fc.bias"]),
])
def test_entries_are_called_as_elsewhere(name, entries):
    assert set(entries) <= set(BACKBONES.get(name)(2).state_dict())


def nvidia_file(tmp_path, outputs=2):
    """What `torch.save(model.state_dict(), ...)` of NVIDIA's notebook writes."""
    net = BACKBONES.get("resnet18")(outputs).eval()
    torch.save(net.state_dict(), tmp_path / "road_following_model.pth")
    return net, str(tmp_path / "road_following_model.pth")


@torch.no_grad()
def test_weights_of_nvidias_notebook_see_the_same_in_our_normalisation(tmp_path):
    torch.manual_seed(0)
    theirs, path = nvidia_file(tmp_path, outputs=3)
    net = make_net("resnet18").eval()
    assert start_from(net, "resnet18", path) == "from road_following_model.pth: all layers"
    pixels = torch.randint(0, 256, (1, 3, 224, 224)).float()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    wanted = theirs((pixels / 255 - mean[:, None, None]) / std[:, None, None])
    converted = (torch.cat(net(normalise(pixels)), 1) - wanted).abs().max()
    net.load_state_dict({f"backbone.{key}": value for key, value in theirs.state_dict().items()})
    as_it_was = (torch.cat(net(normalise(pixels)), 1) - wanted).abs().max()
    assert converted < 0.2 * as_it_was  # what is left comes from the border, where padding stands for another grey


def test_a_last_layer_of_another_size_starts_anew(tmp_path):
    _, path = nvidia_file(tmp_path)
    assert start_from(make_net("resnet18"), "resnet18", path).endswith("all but fc, which starts anew")


def test_weights_that_do_not_fit_are_refused_with_the_next_step(tmp_path):
    _, path = nvidia_file(tmp_path)
    with pytest.raises(ModelError, match=r"another net .* choose it with --net"):
        start_from(make_net("resnet34"), "resnet34", path)
    with pytest.raises(ModelError, match="does not fit road_net"):
        start_from(make_net("road_net"), "road_net", path)
    with pytest.raises(ModelNotFound, match="no weights"):
        start_from(make_net("resnet18"), "resnet18", str(tmp_path / "none.pth"))
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    torch.save(make_net("road_net"), tmp_path / "whole.pth")
    for name in ("torn.pth", "whole.pth"):
        with pytest.raises(ModelError, match=r"save them again with: torch\.save") as caught:
            start_from(make_net("resnet18"), "resnet18", str(tmp_path / name))
        assert len(str(caught.value).splitlines()) == 1
    torch.save({"engine": bytearray(b"trt"), "input_names": ["input_0"]}, tmp_path / "trt.pth")
    with pytest.raises(ModelError, match="TensorRT engine of torch2trt"):
        start_from(make_net("resnet18"), "resnet18", str(tmp_path / "trt.pth"))


def test_a_net_of_ours_goes_on_where_it_was(tmp_path):
    net = make_net("pilotnet")
    torch.save({"net": net.state_dict()}, tmp_path / "last.pth")
    again = make_net("pilotnet")
    assert start_from(again, "pilotnet", str(tmp_path / "last.pth")) == "from last.pth"
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), again.state_dict().values()))


def test_nothing_to_start_from_is_said():
    assert start_from(make_net("pilotnet"), "pilotnet", "") == "from random weights"
    assert "nobody trained pilotnet" in start_from(make_net("pilotnet"), "pilotnet", "imagenet")


def test_wrong_names_are_told_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'resnet18'"):
        make_net("resnet81")


def test_a_backbone_becomes_a_road_net():
    assert isinstance(make_net("pilotnet"), AimNet)
