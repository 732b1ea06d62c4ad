"""Road nets of known kinds to measure compression on, trained once in simulation and kept in `build/bench/nets`.

    python -m benchmarks.road_nets [NET ...]

All learn from the same rendered pictures of 112 px, from random weights; none is the shipped model. Their tracks are of
the training seeds, so that `evaluate` drives all of them on tracks that they never saw.
"""
from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Optional, Sequence

import torch

from benchmarks.measure import ROOT, progress
from jetracer.engine.card import ModelCard, ModelInput, write_card
from jetracer.export.onnx import export_road
from jetracer.models.backbones import make_net
from jetracer.models.road_net import PIXEL_MEAN, PIXEL_SCALE
from jetracer.sim.track import TRAINING_SEEDS
from jetracer.train.config import TrainConfig
from jetracer.train.fit import Progress, fit
from jetracer.train.road_data import PICTURE_PX, DataConfig, RoadData, make

NETS = ("resnet18", "mobilenet_v2", "mobilenet_v3_small")
FOLDER = ROOT / "build" / "bench" / "nets"
DATA = DataConfig(first_seed=TRAINING_SEEDS.start, tracks=50, views=3)
TRAIN = TrainConfig(epochs=8, batch=32, peak_rate=2e-3, average_decay=0.98)
EPOCHS = {"mobilenet_v3_small": 40}  # in eight it answers little but the mean


class Net(NamedTuple):
    """A trained net: PyTorch's weights, and the file that drives."""

    weights: Path
    model: Path


def trained(name: str, threads: int = 1) -> Net:
    """Made where it is not there yet; what was cut off goes on after its last whole epoch."""
    folder = FOLDER / name
    net = Net(folder / "weights.pth", folder / f"{name}.onnx")
    if net.weights.exists():
        return net
    data = RoadData.open(make(DATA, FOLDER / "data", processes=2))
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(TRAIN.seed)
    config = replace(TRAIN, epochs=EPOCHS.get(name, TRAIN.epochs), threads=threads)
    found = fit(make_net(name), data, config, None, lambda now: _tell(name, now), folder)
    export_road(found.net, net.model, PICTURE_PX)
    write_card(net.model, _card(name, data))
    torch.save(found.net.state_dict(), net.weights)
    return net


def _tell(name: str, now: Progress) -> None:
    if now.step % 20 == 0:
        progress(f"{name}: step {now.step} of {now.steps}, loss {now.loss:.4f}")


def _card(name: str, data: RoadData) -> ModelCard:
    aim = f"point of the centre line {DATA.label.lookahead_m:g} m from the rear axle, x right, y down"
    return ModelCard(
        task="road", name=name, precision="fp32", input=ModelInput(width=PICTURE_PX, height=PICTURE_PX),
        outputs={"aim": aim, "confidence": "0 to 1, how sure that the car stands on a lane and looks along it"},
        normalisation={"mean": PIXEL_MEAN, "scale": PIXEL_SCALE, "folded": True},
        trained={"hash": data.sha256, "net": name, "epochs": EPOCHS.get(name, TRAIN.epochs),
                 "source": "simulation only"},
        created_by=f"python -m benchmarks.road_nets {name}",
    )


def main(names: Optional[Sequence[str]] = None) -> int:
    for name in names or sys.argv[1:] or NETS:
        progress(f"{name}: {trained(name).model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
