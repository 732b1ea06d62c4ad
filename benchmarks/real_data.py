"""Real pictures, as they come: imported, checked, trained on and judged, beside the mean and NVIDIA's recipe.

A fifth of each set, its end, is held out: nothing is trained or chosen on it. What is left is what `jetracer train
road` and NVIDIA's recipe are given. All models are judged as files in the engine that drives.
"""
from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from benchmarks.measure import ROOT, progress, table, verdict, working_folder
from jetracer.core.types import Aim
from jetracer.data.check import check
from jetracer.data.convert import convert
from jetracer.data.formats.base import read, write
from jetracer.data.sample import Sample
from jetracer.data.split import split

REAL = Path(os.environ.get("JETRACER_REAL_DATA", ROOT.parent / "shared" / "data"))
HELD_OUT = 0.2
ROUNDS, QUICK_ROUNDS = 200, 5
MOST_ERROR, MOST_TIME = 0.8, 0.25  # of NVIDIA's recipe
THEIRS, OURS = "NVIDIA's recipe", "road_net from road"


class Recipe(NamedTuple):
    """`start` empty: trained as NVIDIA does. `epochs` 0: as `jetracer train road` does unless told."""

    net: str
    size: int
    start: str = ""
    epochs: int = 0


class Case(NamedTuple):
    path: str
    camera: str  # for `jetracer train road`
    recipes: Dict[str, Recipe]


# epochs: as many as fit into ten minutes; NVIDIA's notebook says no number
CASES = {
    "JetRacer, clicked": Case("jetracer_fabo/xy", "", {
        THEIRS: Recipe("resnet18", 224, epochs=20),
        f"{THEIRS}, lite0 128 px": Recipe("efficientnet_lite0", 128, epochs=15),
        OURS: Recipe("road_net", 224, "road"),
        "road_net from nothing": Recipe("road_net", 224, "none"),
        "lite0 128 px from ImageNet": Recipe("efficientnet_lite0", 128, "imagenet", 20),
    }),
    "Donkey, driven": Case("donkey_track", "none", {
        THEIRS: Recipe("resnet18", 224, epochs=5),
        OURS: Recipe("road_net", 224, "road"),
        "road_net from nothing": Recipe("road_net", 224, "none"),
    }),
}


def measure(quick: bool, road: str) -> Dict[str, Any]:
    """Raises nothing where torch or the pictures are missing: {"skipped": why}."""
    del road
    try:
        import torch  # noqa: F401
    except ImportError:
        return {"skipped": "it trains, and needs torch: pip install -e '.[train]'"}
    missing = [case.path for case in CASES.values() if not (REAL / case.path).is_dir()]
    if missing:
        return {"skipped": f"no recorded pictures {', '.join(missing)}; say where they are: JETRACER_REAL_DATA=FOLDER"}
    with working_folder() as folder:
        return {"cases": {name: measure_case(case, Path(folder) / case.path.replace("/", "-"), quick)
                          for name, case in CASES.items()}}


def measure_case(case: Case, folder: Path, quick: bool) -> Dict[str, Any]:
    """Import, check, hold out, train all, judge all on what was held out."""
    convert([str(REAL / case.path)], str(folder / "set"), "labelled")
    data = read(folder / "set")
    found = check(data)
    train, held_out = split(data.alive, HELD_OUT).apply(data.alive)
    if quick:
        train, held_out = train[:: max(1, len(train) // 16)], held_out[:4]
    write(train, folder / "train", "labelled")
    train, held_out = aimed(train), aimed(held_out)
    files, told = {}, {}
    for name, recipe in case.recipes.items():
        used = recipe._replace(epochs=1) if quick else recipe
        place, begun_s = folder / name.replace(" ", "-"), time.monotonic()
        if recipe.start:
            files[name], told[name] = ours(name, used, folder / "train", place, case.camera)
        else:
            files[name], told[name] = nvidia(name, used, train, place)
        told[name]["train_s"] = round(time.monotonic() - begun_s, 1)
    errors = {name: judge(file, held_out) for name, file in files.items()}
    mean = np.mean([(sample.aim.x, sample.aim.y) for sample in train], axis=0)
    errors["the mean of the labels"] = error_px(held_out, [Aim(*mean)] * len(held_out))
    times_ms = interleaved_ms(files, held_out, QUICK_ROUNDS if quick else ROUNDS)
    return {"train": len(train), "held_out": len(held_out), "driven": bool(case.camera),
            "found": {name: len(found[name]) for name in ("skipped", "duplicates", "near_duplicates", "outliers")},
            "models": {name: {**errors[name], "ms": times_ms.get(name), **told.get(name, {})} for name in errors}}


def aimed(samples: Sequence[Sample]) -> List[Sample]:
    """Driven samples get the aim that `--camera none` gives them: the steering itself."""
    return [replace(sample, aim=sample.aim or Aim(sample.command.steering, 0.0)) for sample in samples]


def nvidia(name: str, recipe: Recipe, train: Sequence[Sample], place: Path) -> Tuple[Path, Dict[str, Any]]:
    """The model's file, and how it came about."""
    from benchmarks import nvidia_recipe
    from jetracer.export.nvidia import export_nvidia

    place.mkdir()
    net, started = nvidia_recipe.train(
        recipe.net, recipe.size, train, recipe.epochs, os.cpu_count() or 1,
        lambda done, loss: progress(f"{name}: epoch {done} of {recipe.epochs}, loss {loss:.4f}"))
    weights = nvidia_recipe.save(net, place / "road_following_model.pth")
    export_nvidia(weights, place / "model.onnx", size_px=recipe.size)
    return place / "model.onnx", {"started": started, "epochs": recipe.epochs}


def ours(name: str, recipe: Recipe, data: Path, place: Path, camera: str) -> Tuple[Path, Dict[str, Any]]:
    """The same by `jetracer train road`."""
    from jetracer.export.road import make_road
    from jetracer.train.config import RoadConfig
    from jetracer.train.ddp import ALONE
    from jetracer.train.progress import Bar

    config = RoadConfig(recipe.net, recipe.start, recipe.size, camera=camera)
    if recipe.epochs:
        config = replace(config, train=replace(config.train, epochs=recipe.epochs))
    bar = Bar(lambda text: progress(text.strip()), name, live=False)
    told = make_road([str(data)], config, place, ALONE, bar)
    return Path(told["model"]), {name: told[name] for name in ("started", "epochs", "val_error_px")}


def judge(file: Path, held_out: Sequence[Sample]) -> Dict[str, float]:
    from jetracer.drive.frames import answers
    from jetracer.engine.load import load_engine

    with load_engine(file) as engine:
        return error_px(held_out, [scene.aim for _, scene in answers(engine, held_out)])


def error_px(samples: Sequence[Sample], aims: Sequence[Aim]) -> Dict[str, float]:
    """Mean distance, and mean distance sideways, in px of 224; 112 px sideways are full steering."""
    miss = 112.0 * np.array([(aim.x - sample.aim.x, aim.y - sample.aim.y) for sample, aim in zip(samples, aims)])
    return {"error_px": round(float(np.hypot(*miss.T).mean()), 2), "x_px": round(float(np.abs(miss[:, 0]).mean()), 2)}


def interleaved_ms(files: Dict[str, Path], samples: Sequence[Sample], rounds: int) -> Dict[str, float]:
    """Median time of one picture, camera's size to answer, in ONNX Runtime with one thread; the models take turns."""
    from jetracer.engine.load import load_engine
    from jetracer.perception.preprocess import Preprocess

    engines = {name: load_engine(file) for name, file in files.items()}
    ways = {name: Preprocess(engine.card) for name, engine in engines.items()}
    images = [sample.picture.image() for sample in samples]
    took: Dict[str, List[float]] = {name: [] for name in engines}
    for turn in range(rounds):
        for name, engine in engines.items():
            begun_s = time.perf_counter()
            engine.infer({engine.card.input.name: ways[name](images[turn % len(images)])})
            took[name].append(time.perf_counter() - begun_s)
    for engine in engines.values():
        engine.close()
    return {name: round(1e3 * float(np.median(values)), 3) for name, values in took.items()}


def show(result: Dict[str, Any]) -> str:
    if "skipped" in result:
        return f"  skipped: {result['skipped']}"
    return "\n\n".join(_shown(name, case) for name, case in result["cases"].items())


def _shown(name: str, case: Dict[str, Any]) -> str:
    models = case["models"]
    theirs, mine = models[THEIRS], models[OURS]
    key = "x_px" if case["driven"] else "error_px"
    rows = []
    for who, one in models.items():
        slower = one["ms"] / theirs["ms"] if one["ms"] else None
        rows.append([who, one["error_px"], one["x_px"], one[key] / theirs[key], one["ms"], slower, one.get("epochs"),
                     one.get("train_s")])
    found = ", ".join(f"{count} {what}" for what, count in case["found"].items())
    head = [f"{name} ({case['held_out']} held out)", "px", "px sideways", "of theirs", "ms", "of theirs", "epochs",
            "training s"]
    starts = "".join(f"  {who}: {one['started']}\n" for who, one in models.items() if "started" in one)
    met = mine[key] <= MOST_ERROR * theirs[key] and mine["ms"] <= MOST_TIME * theirs["ms"]
    goal = f"{OURS}: error <= {MOST_ERROR:g} and time <= {MOST_TIME:g} of {THEIRS}"
    return (f"{table(rows, head)}\n{starts}  {case['train']} pictures to train on; check found {found}\n"
            f"{verdict(goal, bool(met))}")
