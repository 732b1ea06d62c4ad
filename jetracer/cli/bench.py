"""`jetracer bench MODEL...`: how fast models and engines are beside each other, in turns, on this computer.

A ratio says how many times as fast a model is as the first. Each is measured as it would drive, with one thread.
"""
from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np

from jetracer.cli.parser import Parser
from jetracer.core.errors import EngineRefused
from jetracer.engine.base import ENGINES, Engine
from jetracer.engine.interleave import interleave
from jetracer.engine.load import find_model, load_engine

NOISY = 1.25  # a spread from which on the computer is not at rest


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    result = measure(options.models, options.engine, options.seconds)
    print(told(result))
    if options.json:
        print(json.dumps(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer bench", description=__doc__)
    add = parser.add_argument
    add("models", metavar="MODEL", nargs="+", help="what drives: ONNX files, engines, a shipped model's name")
    add("--engine", metavar="NAME", action="append", default=[],
        help=f"run every model on this engine; more than once: on each of them; {', '.join(ENGINES.names)}")
    add("--seconds", type=float, default=4.0, help="for all of them together (4)")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def measure(models: List[str], engines: List[str], seconds: float) -> Dict[str, Any]:
    """{"models": [{name, engine, precision, latency_ms, ratio, spread, size_bytes, note}], "notes"}"""
    with ExitStack() as opened:
        rows: Dict[str, Dict[str, Any]] = {}
        runs: Dict[str, Callable[[], Any]] = {}
        for model in models:
            for name in engines or [""]:
                engine, note = _open(model, name)
                opened.enter_context(engine)
                title = _title(model, name, rows)
                runs[title] = _run(engine)
                rows[title] = {"name": title, "engine": ENGINES.name_of(engine), "precision": engine.precision,
                               "size_bytes": _size(model), "note": note}
        for title, latency in interleave(runs, seconds).items():
            rows[title].update(latency.as_json(), spread=round(latency.spread, 2))
    return {"models": list(rows.values()), "notes": _notes(rows)}


def _open(model: str, name: str) -> Any:
    """(the engine, a note); what is not proven to be right may be measured but not drive."""
    if name:
        return ENGINES.create(name, *([] if name == "null" else [find_model(model)])), ""
    try:
        return load_engine(model), ""
    except EngineRefused as error:
        if find_model(model).suffix != ".onnx":
            raise
        return ENGINES.create("onnx", find_model(model)), str(error)


def _title(model: str, name: str, taken: Dict[str, Any]) -> str:
    title = f"{model} ({name})" if name else model
    number = 2
    while title in taken:  # the same twice: what differs then is noise
        title, number = f"{model} #{number}", number + 1
    return title


def _size(model: str) -> int:
    path = Path(model) if model == "null" else find_model(model)
    return path.stat().st_size if path.is_file() else 0


def _run(engine: Engine) -> Callable[[], Any]:
    wanted = engine.card.input
    picture = np.random.default_rng(0).integers(0, 256, wanted.shape).astype(wanted.dtype)
    if picture.dtype == np.float32:
        picture = picture / np.float32(255.0)
    return lambda: engine.infer({wanted.name: picture})


def _notes(rows: Dict[str, Dict[str, Any]]) -> List[str]:
    notes = [f"{row['name']}: {row['note']}" for row in rows.values() if row["note"]]
    worst = max(rows.values(), key=lambda row: row["spread"])
    if worst["spread"] >= NOISY:
        notes.append(f"This computer is not at rest: {worst['name']} took {worst['spread']:.2f} times as long in some "
                     "rounds as in others. The ratios hold, the milliseconds may not; end what else runs.")
    return notes


def told(result: Dict[str, Any]) -> str:
    width = max(len(row["name"]) for row in result["models"])
    lines = [f"{'':<{width}}  {'p50 ms':>8} {'p99 ms':>8} {'ratio':>6} {'MB':>7}  engine, precision"]
    for row in result["models"]:
        took = row["latency_ms"]
        lines.append(f"{row['name']:<{width}}  {took['p50']:8.2f} {took['p99']:8.2f} {row['ratio']:5.2f}x "
                     f"{row['size_bytes'] / 1e6:7.2f}  {row['engine']}, {row['precision']}")
    return "\n".join([*lines, *(f"Note: {note}" for note in result["notes"])])
