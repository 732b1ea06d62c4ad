"""`jetracer data`: data sets of every kind: read, checked, looked at, labelled, split, and written for others."""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from jetracer.cli.parser import Parser
from jetracer.core.errors import ConfigError, DeviceError
from jetracer.core.types import Frame
from jetracer.data.formats.base import FORMATS, read, recognised

WRITABLE = [name for name in FORMATS.names if name != "session"]  # sessions are recorded
FOUND = ("duplicates", "near_duplicates", "blank", "blurred")
SHOWN = 6  # lines of a list, without --json


def main(arguments: List[str]) -> int:
    parser = _parser()
    options, options.rest = parser.parse_known_args(arguments)
    if options.rest and options.run is not _convert:
        parser.refuse(options.rest)
    result = options.run(options)
    if result is None:
        return 0
    if options.json:
        print(json.dumps(result))
    else:
        print(told(result))
    return 1 if result.get("unknown") and not result["changed"] else 0


def _parser() -> Parser:
    parser = Parser(prog="jetracer data", description=__doc__,
                                     epilog=f"Formats: {', '.join(FORMATS.names)}; recognised by what a folder holds.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, run: Callable, words: str, source: str = "SET") -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=words, description=words)
        one.set_defaults(run=run)
        one.add_argument("source", metavar=source, nargs="+" if name == "import" else None)
        one.add_argument("--json", action="store_true", help="one JSON object on the last line")
        return one

    _conversions(verb)
    verb("check", _check, "what is wrong with a set: copies, blank, blurred, odd labels, imbalance, leaks")
    one = verb("stats", _stats, "a set at a glance: plots, and one HTML page")
    one.add_argument("--out", metavar="FOLDER", help="where to; default: NAME-stats")
    one = verb("split", _split, "training and validation apart by session, written down in split.json")
    one.add_argument("--share", type=float, default=0.2, help="that validates (0.2)")
    one.add_argument("--seed", type=int, default=0, help="which sessions those are")
    one = verb("movie", _movie, "a film of a set with its labels, and a model's aims in blue")
    one.add_argument("film", metavar="FILM.mp4")
    one.add_argument("--road", metavar="MODEL", help="a shipped name or an .onnx file")
    one = verb("label", _label, "click aims in the browser; every click is on the disk at once", "FOLDER")
    one.add_argument("--road", metavar="MODEL", default="road", help="proposes aims; null: none (road)")
    one.add_argument("--host", default="127.0.0.1", help="address to serve at; this machine alone unless changed")
    one.add_argument("--port", type=int, default=8890, help="0: any that is free")
    for name in ("delete", "undelete"):
        one = verb(name, _delete, "take pictures out of use; the files stay" if name == "delete" else
                   "bring deleted pictures back")
        one.add_argument("names", nargs="*", metavar="PICTURE")
        one.add_argument("--found" if name == "delete" else "--all", **(
            {"choices": FOUND, "help": "what `check` finds"} if name == "delete" else {"action": "store_true"}))
    return parser


def _conversions(verb: Callable) -> None:
    for name, words in (("import", "make a labelled set of JetRacer's own from any other; several become one"),
                        ("export", "write a set for other programs")):
        one = verb(name, _convert, words)
        one.add_argument("target", metavar="FOLDER")
        one.add_argument("--from", dest="source_format", metavar="FORMAT", default="", choices=("", *FORMATS.names),
                         help="of SET; default: recognised by what it holds")
        one.add_argument("--fill", choices=("aim", "command"), default="",
                         help="made from the other where it is missing, by the geometry of car and camera")
        one.add_argument("--camera", metavar="FILE", help="for --fill: what `jetracer calibrate camera` wrote, or sim; "
                                                          "the car too is told, such as --car.wheelbase_m 0.17")
        one.add_argument("--throttle", type=float, default=0.2, help="of commands made from aims (0.2)")
        if name == "export":
            one.add_argument("--to", required=True, metavar="FORMAT", choices=WRITABLE)
        else:
            one.set_defaults(to="labelled")


def _convert(options: argparse.Namespace) -> Dict[str, Any]:
    from jetracer.data.convert import convert

    if not options.fill and (options.camera or options.rest):
        raise ConfigError(f"{options.rest[0] if options.rest else '--camera'} goes with --fill only.")
    sources = options.source if isinstance(options.source, list) else [options.source]
    return convert(sources, options.target, options.to, options.source_format, _fill(options))


def _fill(options: argparse.Namespace) -> Optional[Callable]:
    from jetracer.core.config import override
    from jetracer.data.targets import Geometry, camera_of, with_aims, with_commands

    if not options.fill:
        return None
    geometry = override(Geometry(camera_of(options.camera)), options.rest)
    if options.fill == "aim":
        return lambda samples: with_aims(samples, geometry)
    return lambda samples: with_commands(samples, geometry, options.throttle)


def _check(options: argparse.Namespace) -> Dict[str, Any]:
    from jetracer.data.check import check

    return check(read(options.source))


def _stats(options: argparse.Namespace) -> Dict[str, Any]:
    from jetracer.data.stats import stats

    return stats(read(options.source), Path(options.out or f"{Path(options.source).resolve().name}-stats"))


def _split(options: argparse.Namespace) -> Dict[str, Any]:
    from jetracer.data.split import split, write_split

    data = read(options.source)
    one = split(data.alive, options.share, options.seed)
    path, part = write_split(one, data.path), len(one.val) / len(data.alive)
    far = not 0.5 <= part / one.share <= 2.0
    return {**data.summary(), "by": one.by, "train": len(one.train), "val": len(one.val), "written": str(path),
            "advice": [f"{part:.0%} validate, not {one.share:.0%}: whole sessions allow no better; record more, "
                       "or try another --seed."] if far else []}


def _movie(options: argparse.Namespace) -> Dict[str, Any]:
    from jetracer.data.film import film

    data, guess = read(options.source), _guesser(options.road)
    problem = film(data.alive, Path(options.film), guess and (lambda image: guess(image)[0]))
    if problem:
        raise DeviceError(f"No film was made: {problem}.")
    return {**data.summary(), "film": options.film}


def _label(options: argparse.Namespace) -> None:
    from jetracer.data.label_server import serve
    from jetracer.data.labelling import Labelling

    labelling = Labelling(options.source, _guesser(options.road))
    try:
        serve(labelling, options.host, options.port, lambda address: print(
            f"Label {options.source} at {address} (Ctrl-C ends it; every click is saved at once)", flush=True))
    except KeyboardInterrupt:
        print(f"{sum(sample.aim is not None for sample in labelling.samples)} of {len(labelling.samples)} labelled")


def _guesser(road: Optional[str]) -> Optional[Callable]:
    """A function from picture to (aim, confidence), or None without a model."""
    if road in (None, "null"):
        return None
    from jetracer.engine.load import load_engine
    from jetracer.perception.road import RoadFollower

    engine = load_engine(road)
    engine.open()
    follower = RoadFollower(engine)

    def guess(image: Any) -> Any:
        scene = follower.perceive(Frame(image, 0.0, 0))
        return scene.aim, scene.confidence

    return guess


def _delete(options: argparse.Namespace) -> Dict[str, Any]:
    root, deleted = Path(options.source), options.verb == "delete"
    names = set(options.names)
    if deleted and options.found:
        found = _check(options)[options.found]
        names |= {entry[-1] if isinstance(entry, list) else entry for entry in found}
    elif not deleted and options.all:
        names = {sample.name for sample in read(root).samples if sample.deleted}
    elif not names:
        raise ConfigError(f"Which pictures? Name them, or use {'--found KIND' if deleted else '--all'}.")
    changed = FORMATS.get(recognised(root))().set_deleted(root, names, deleted) if names else set()
    return {**read(root).summary(), "changed": sorted(changed), "unknown": sorted(names - changed)}


def told(result: Dict[str, Any]) -> str:
    """The account in lines: numbers first, lists with their length and beginning, advice last."""
    lines = []
    for name, value in result.items():
        if name == "advice" or value in (None, "", []):
            continue
        if isinstance(value, list) and not isinstance(value[0], (int, float)):
            lines.append(f"{name:<16} {len(value)}")
            lines += [f"    {_entry(entry)}" for entry in value[:SHOWN]]
            lines += [f"    and {len(value) - SHOWN} more; all with --json"] if len(value) > SHOWN else []
        else:
            lines.append(f"{name:<16} {words(value)}")
    return "\n".join([*lines, *(f"-> {line}" for line in result.get("advice", ()))])


def words(value: Any) -> str:
    """A figure, or several with their names; without histograms, which are for plots and --json."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {words(part)}" for name, part in value.items() if not isinstance(part, list))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _entry(entry: Any) -> str:
    if isinstance(entry, dict):
        return f"{entry['path']}: {entry['why']}"
    return "  =  ".join(map(str, entry)) if isinstance(entry, (list, tuple)) else str(entry)
