"""The `.pth` of NVIDIA's notebooks as a model that drives here: their net to the letter, in a file with a card.

    torch.save(model.state_dict(), "road_following_model.pth")      ResNet-18 or -34, two outputs per category

It was trained on pixels in 0..1 less ImageNet's mean, by its deviation, and on BGR read as RGB (`color` "bgr"; JetBot's
notebook trains on RGB). All of this is kept in the graph, so its answers are those of the notebook.
"""
from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import numpy as np
import torch
from torch import nn

from jetracer.core.errors import ConfigError, ModelError
from jetracer.engine.card import COLORS, ModelCard, ModelInput, write_card
from jetracer.engine.load import sha256_of
from jetracer.export.onnx import agree, write_graph
from jetracer.models.backbones import BACKBONES, IMAGENET_MEAN, IMAGENET_STD, OWN, read_state
from jetracer.models.norms import fold
from jetracer.models.road_net import PICTURE_PX


class NotebookGraph(nn.Module):
    """uint8 (1,S,S,3) -> aim (1,2): one category's x and y."""

    def __init__(self, net: nn.Module, category: int) -> None:
        super().__init__()
        self.net, self.first = net, 2 * category
        self.register_buffer("mean", 255.0 * torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("scale", 1.0 / (255.0 * torch.tensor(IMAGENET_STD)[:, None, None]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        pixels = image.to(torch.float32).permute(0, 3, 1, 2)
        return self.net((pixels - self.mean) * self.scale)[:, self.first : self.first + 2]


def export_nvidia(source: Path, path: Path, category: int = 0, color: str = "bgr", size_px: int = PICTURE_PX,
                  command: str = "", any_batch: bool = False) -> Dict[str, Any]:
    """Write `source` as the ONNX model `path`; a JSON-ready account. Raises ConfigError, ModelError, ModelNotFound.

    `any_batch`: it takes several pictures at once, too.
    """
    if color not in COLORS:
        raise ConfigError(f"color = {color!r}: choose one of {', '.join(COLORS)}.")
    name, net = notebook_net(source)
    outputs = len(list(net.parameters())[-1])
    if not 0 <= 2 * category < outputs:
        raise ConfigError(f"{source} has {outputs} outputs, x and y for each category: "
                          f"there is no category {category}.")
    as_it_was = NotebookGraph(deepcopy(net), category)
    fold(net, size_px)
    write_graph(NotebookGraph(net, category), path, size_px, ("aim",), any_batch=any_batch)
    worst = agree(path, size_px, lambda image: answer(as_it_was, image))
    write_card(path, ModelCard(
        task="road", name=source.stem, precision="fp32", input=ModelInput(width=size_px, height=size_px, color=color),
        outputs={"aim": "where a human clicked: x right, y down"},
        normalisation={"mean": IMAGENET_MEAN, "std": IMAGENET_STD, "folded": True},
        trained={"net": name, "category": category, "categories": outputs // 2},
        parents=(f"{source.name} {sha256_of(source)}",), metrics={"export_difference": worst}, created_by=command,
    ))  # fmt: skip
    return {"model": str(path), "net": name, "category": category, "categories": outputs // 2, "color": color,
            "export_difference": worst}


def notebook_net(source: Path) -> Tuple[str, nn.Module]:
    """(its name, the net of a `.pth`). Raises ModelError, ModelNotFound."""
    state = read_state(source)
    name = recognised(state, source)
    outputs = len(state[list(state)[-1]])
    if outputs % 2:
        raise ModelError(f"{source} has {outputs} outputs, not x and y for each category: it follows no road.")
    net = BACKBONES.get(name)(outputs).eval()
    net.load_state_dict(state)
    return name, net


@torch.no_grad()
def answer(graph: NotebookGraph, image: np.ndarray) -> np.ndarray:
    """(2,) aim of one picture (S,S,3) by torch."""
    return graph(torch.from_numpy(image[None]))[0].numpy()


def recognised(state: Mapping[str, torch.Tensor], source: Path) -> str:
    """The name of the net whose weights these are. Raises ModelError."""
    for name in BACKBONES.names:
        if name != OWN and set(BACKBONES.get(name)(2).state_dict()) == set(state):
            return name
    known = ", ".join(name for name in BACKBONES.names if name != OWN)
    raise ModelError(f"{source} holds the weights of no net known here ({known}; first entry {next(iter(state))!r}); "
                     "train one of these, in the notebook or with: jetracer train road SET")
