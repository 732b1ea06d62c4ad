"""The shipped road model from nothing: pictures from the simulator, training, validation, export.

    python -m jetracer.export.make_model            about forty minutes on two cores
    python -m jetracer.export.make_model --quick    a few minutes, to see that it works

Tracks for training, validation and evaluation come from seed ranges that do not overlap (`sim/track.py`).
Data sets are kept under `build/road` and made again only when their configuration changes.
"""
from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, List, Optional

import torch

from jetracer.car.model import LOOKAHEAD_M
from jetracer.engine.card import ModelCard, ModelInput, write_card
from jetracer.export.onnx import export_road
from jetracer.models.road_net import PIXEL_MEAN, PIXEL_SCALE, RoadNet, macs, parameters
from jetracer.sim.track import EVALUATION_FIRST_SEED, TRAINING_SEEDS, VALIDATION_SEEDS
from jetracer.train.amp import bfloat16_pays
from jetracer.train.config import TrainConfig
from jetracer.train.fit import Progress, fit
from jetracer.train.labels import LabelConfig
from jetracer.train.metrics import predict, scores
from jetracer.train.progress import Bar, Say
from jetracer.train.road_data import DataConfig, RoadData, make
from jetracer.train.summary import by_surface

SHIPPED = Path(__file__).resolve().parent.parent / "models" / "road.onnx"


@dataclass(frozen=True)
class Recipe:
    """How much of everything goes into a model."""

    tracks: int = 640
    validation_tracks: int = 60
    views: int = 6  # cameras and looks per track, with 10 pictures each
    epochs: int = 12
    processes: int = 2
    threads: int = 1  # of torch: more only help where nothing else runs
    bfloat16: bool = field(default_factory=bfloat16_pays)
    lookahead_m: float = LOOKAHEAD_M
    cache: Path = Path("build/road")
    out: Path = SHIPPED

    @property
    def training(self) -> DataConfig:
        label = LabelConfig(lookahead_m=self.lookahead_m)
        return DataConfig(first_seed=TRAINING_SEEDS.start, tracks=self.tracks, views=self.views, label=label)

    @property
    def validation(self) -> DataConfig:
        return replace(self.training, first_seed=VALIDATION_SEEDS.start, tracks=self.validation_tracks)


QUICK = Recipe(tracks=100, validation_tracks=20, epochs=6)


def make_model(recipe: Recipe, say: Say, command: str = "") -> Dict[str, float]:
    """Run the recipe and write the model. Returns its scores on the validation tracks."""
    data = data_set("training", recipe.training, recipe, say)
    unseen = data_set("validation", recipe.validation, recipe, say)
    config = TrainConfig(epochs=recipe.epochs, threads=recipe.threads, amp="bf16" if recipe.bfloat16 else "fp32")
    torch.manual_seed(config.seed)
    net = fit(RoadNet(), data, config, watch=Bar(say, "training")).net
    say(f"net           {parameters(net)} parameters, {macs(net) / 1e6:.1f} million multiply-adds\n")
    seen = predict(net, unseen)
    metrics = scores(seen, unseen.labels)
    for name, value in metrics.items():
        say(f"{name:<22}{value:10.3f}\n")
    say(by_surface(seen, unseen))
    metrics["export_difference"] = export_road(net, recipe.out)
    write_card(recipe.out, road_card(net, data, recipe, metrics, command))
    say(f"written       {recipe.out} ({recipe.out.stat().st_size / 1e6:.2f} MB)\n")
    return metrics


def data_set(name: str, config: DataConfig, recipe: Recipe, say: Say) -> RoadData:
    """Made or found."""
    bar = Bar(say, f"{name} data")
    folder = make(config, recipe.cache, recipe.processes, lambda done, of: bar(Progress(done, of)))
    data = RoadData.open(folder)
    say(f"{name:<13} {len(data)} pictures of {config.tracks} tracks in {folder}\n")
    return data


def road_card(
    net: RoadNet, data: RoadData, recipe: Recipe, metrics: Dict[str, float], command: str
) -> ModelCard:
    """What the file says about itself."""
    first, last = recipe.training.seeds[0], recipe.training.seeds[-1]
    return ModelCard(
        task="road",
        name="road",
        precision="fp32",
        input=ModelInput(),
        outputs={
            "aim": f"point of the centre line {recipe.lookahead_m:g} m from the rear axle, x right, y down",
            "confidence": "0 to 1, how sure that the car stands on a lane and looks along it",
        },
        normalisation={"mean": PIXEL_MEAN, "scale": PIXEL_SCALE, "folded": True},
        trained={
            "frames": len(data),
            "tracks": recipe.tracks,
            "seeds": [first, last],
            "validation_seeds": [recipe.validation.seeds[0], recipe.validation.seeds[-1]],
            "evaluation_first_seed": EVALUATION_FIRST_SEED,
            "hash": data.sha256,
            "lookahead_m": recipe.lookahead_m,
            "epochs": recipe.epochs,
            "bfloat16": recipe.bfloat16,
            "parameters": parameters(net),
            "macs": macs(net),
            "source": "simulation only",
        },
        metrics={key: round(value, 6) for key, value in metrics.items()},
        created_by=command,
    )


def parse(arguments: Optional[List[str]] = None) -> Recipe:
    """Command line -> recipe."""
    base = QUICK if "--quick" in (sys.argv[1:] if arguments is None else arguments) else Recipe()
    about = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser("python -m jetracer.export.make_model", description=about)
    parser.add_argument("--quick", action="store_true", help="a small model in a few minutes")
    parser.add_argument(
        "--bfloat16", action=argparse.BooleanOptionalAction, default=base.bfloat16,
        help="train in 16 bits; by default where the CPU can",
    )  # fmt: skip
    for name in ("tracks", "validation_tracks", "views", "epochs", "processes", "threads"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(base, name))
    parser.add_argument("--lookahead-m", type=float, default=base.lookahead_m)
    parser.add_argument("--cache", type=Path, default=base.cache, help="where pictures are kept")
    parser.add_argument("--out", type=Path, default=base.out)
    chosen = vars(parser.parse_args(arguments))
    chosen.pop("quick")
    return replace(base, **chosen)


def main() -> int:
    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    command = shlex.join(["python", "-m", "jetracer.export.make_model", *sys.argv[1:]])
    make_model(parse(), say, command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
