"""Training a road net on pictures that somebody labelled or drove.

    folder/train.json     what is trained on what, written first: the same call goes on, another one is refused
    folder/last.pth       the training after its last whole epoch; best.pth, at the end, the weights to keep
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence

import torch
from torch import nn

from jetracer.core.config import write_text
from jetracer.core.errors import ConfigError, ModelError
from jetracer.data.sample import Note
from jetracer.models.backbones import make_net, start_from
from jetracer.models.norms import settle
from jetracer.train import checkpoint
from jetracer.train.config import RoadConfig
from jetracer.train.ddp import ALONE, Team
from jetracer.train.fit import Watch, fit, unwatched
from jetracer.train.metrics import as_tensor
from jetracer.train.pictures import PictureSet, from_samples, with_junk
from jetracer.train.sets import Sets, gather

SUMMARY = "train.json"
MOMENTUM = 0.1  # of norms, torch's default
SETTLED_BY = 256  # pictures that give the norms of an exported net their statistics again


@dataclass(frozen=True)
class Trained:
    """A net and all that is to be said about it."""

    net: nn.Module
    started: str  # what the weights started from, in words
    sets: Sets
    data: PictureSet  # trained on, spoilt pictures included
    left_out: List[Note]
    history: List[Dict[str, float]]


def train_road(paths: Sequence[str], config: RoadConfig, folder: Path, team: Team = ALONE,
               watch: Watch = unwatched) -> Trained:
    """Train on the sets at `paths`; what is in `folder` already goes on. Raises ConfigError, DataError, ModelError."""
    torch.manual_seed(config.train.seed)
    net = make_net(config.net)
    sets = gather(paths, config)
    real, lost = from_samples(sets.train, config.size, config.pool)
    unseen, also_lost = from_samples(sets.val, config.size, config.pool)
    if not len(real) or not len(unseen):
        raise ConfigError(f"{len(real)} pictures are left to train on and {len(unseen)} to validate on, of "
                          f"{', '.join(paths)}; label or drive more, or part them otherwise: jetracer data split SET")
    started = start_from(net, config.net, config.source)
    if config.source == "road" or config.source.endswith(".onnx"):
        settle(net, as_tensor(real.pictures[:: max(1, len(real) // SETTLED_BY)]))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):  # some nets' norms follow so slowly that a short training is over before
            module.momentum = max(module.momentum, MOMENTUM)
    data = with_junk(real, config.junk, config.train.seed)
    if team.leads:
        remember(folder, {"net": config.net, "size": config.size, "start": started, "data": data.sha256,
                          "validation": unseen.sha256})
    result = fit(net, data, config.train, unseen, watch, folder, team)
    if team.leads:
        checkpoint.save(folder / checkpoint.BEST, {"net": result.net.state_dict()})
    return Trained(result.net.cpu(), started, sets, data, [*sets.left_out, *lost, *also_lost], result.history)


def remember(folder: Path, about: Dict[str, Any]) -> None:
    """Write down what is trained in `folder`. Raises ModelError when that was something else before."""
    path = folder / SUMMARY
    if path.exists() and (folder / checkpoint.LAST).exists():
        before = json.loads(path.read_text(encoding="utf-8"))["about"]
        changed = [name for name, value in about.items() if before.get(name) != value]
        if changed:
            raise ModelError(f"The training in {folder} has another {' and '.join(changed)}; "
                             "choose another --out, or delete that folder to begin anew.")
    write_text(path, json.dumps({"about": about}, indent=1) + "\n")


def conclude(folder: Path, **told: Any) -> None:
    """Add to the summary what came of it."""
    path = folder / SUMMARY
    known = json.loads(path.read_text(encoding="utf-8"))
    write_text(path, json.dumps({**known, **told}, indent=1) + "\n")
