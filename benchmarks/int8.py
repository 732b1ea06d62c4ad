"""INT8 beside FP32: latency in turns on one core, size, how far the aim moves, and whether it still drives.

The nets are those of `road_nets.py` and the shipped model. INT8 is what `jetracer optimize int8 MODEL` makes of each:
calibrated on 1000 simulated pictures of training tracks, and repaired where 400 of validation tracks or the gate ask
for it. All that is told of it is measured on others: the aim on 1008 pictures of tracks that nothing was trained or
chosen on, and on recorded ones where they are at hand. `evaluate` drives both on the same tracks from the same starts
in the same light.
"""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

from benchmarks.measure import ROOT, progress, table, verdict, working_folder

REAL = Path(os.environ.get("JETRACER_REAL_DATA", ROOT.parent / "shared" / "data"))
REAL_SETS = {"JetRacer, clicked": "jetracer_fabo/xy", "Donkey, driven": "donkey_track"}
NETS = ("resnet18", "mobilenet_v2", "mobilenet_v3_small")
SHIPPED = "shipped road"
FIRST, OTHERS = "ONNX Runtime FP32", ("PyTorch FP32", "ONNX Runtime INT8", "OpenVINO FP32", "OpenVINO INT8")
SIMULATED = "simulated"
COMPARED, QUICK_FRAMES = 1008, 16
SECONDS, QUICK_SECONDS = 40.0, 1.0
TRACKS, DURATION_S = 12, 30.0
QUICK_TRACKS, QUICK_DURATION_S = 1, 2.0
MOST_SIZE, MOST_ERROR = 0.27, 0.2  # of FP32's; % of the picture's width
LEAST_SPEED = {"ONNX Runtime INT8": 2.6, "OpenVINO INT8": 3.4}  # of FP32 in ONNX Runtime, for ResNet-18


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """Raises nothing where a package is missing: {"skipped": why}."""
    try:
        import onnx  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        return {"skipped": f"it needs {error.name}: pip install -e '.[optimize]'"}
    data, unseen, real = _data(quick), _unseen(quick), _recorded(quick)
    judging = {SIMULATED: unseen, **real}
    with working_folder() as folder:
        return {"nets": {name: _net(name, model, weights, data, judging, Path(folder) / name.replace(" ", "-"), quick)
                         for name, model, weights in models(quick, road)},
                "calibrated": len(data.calibrate), "chosen": len(data.compare), "judged": len(unseen), "cpu": _cpu(),
                "missing": [] if real else [f"no recorded pictures in {REAL}: say where: JETRACER_REAL_DATA=FOLDER"]}


def models(quick: bool, road: str) -> List[Tuple[str, Path, Path]]:
    """(name, ONNX file, what its PyTorch net takes its weights from)"""
    from jetracer.engine.load import find_model

    own = [(SHIPPED, find_model(road), find_model(road))]
    if quick:
        return own
    from benchmarks.road_nets import trained

    return [*((name, trained(name).model, trained(name).weights) for name in NETS), *own]


def _data(quick: bool) -> Any:
    """What `--data sim` picks: the same for all nets."""
    from jetracer.optimize.int8.frames import pick

    progress("drawing the pictures that calibrate and those that repairs are chosen on")
    return pick("sim", QUICK_FRAMES, force=True) if quick else pick("sim")


def _unseen(quick: bool) -> Any:
    from jetracer.optimize.int8.frames import Picked, drawn
    from jetracer.sim.track import EVALUATION_FIRST_SEED

    progress("drawing the pictures that judge")
    frames = drawn(QUICK_FRAMES if quick else COMPARED, EVALUATION_FIRST_SEED)
    return Picked(tuple(frames), "simulated pictures of unseen tracks", {})


def _recorded(quick: bool) -> Dict[str, Any]:
    """The recorded sets that are at hand, whole; where there are clicks they are the right aims."""
    from jetracer.data.formats.base import read
    from jetracer.optimize.int8.frames import Frame, Picked

    found = {}
    for name, place in REAL_SETS.items():
        if (REAL / place).is_dir():
            samples = read(REAL / place).alive[:QUICK_FRAMES if quick else None]
            frames = [Frame(sample.picture.image, sample.name, sample.session, sample.aim) for sample in samples]
            found[name] = Picked(tuple(frames), name, {})
    return found


def _net(name: str, model: Path, weights: Path, data: Any, judging: Dict[str, Any], folder: Path, quick: bool
         ) -> Dict[str, Any]:
    """`data` makes the files, with repairs; `judging`: other pictures, on which no choice is made."""
    from time import monotonic

    from jetracer.optimize.int8.make import Int8Config, int8

    progress(f"{name}: calibrating, quantising and, where it has to be, repairing")
    began_s = monotonic()
    report = int8(str(model), data, Int8Config(out=str(folder), seconds=0.0))
    took_s = monotonic() - began_s
    progress(f"{name}: made in {took_s:.0f} s; judging")
    cpu, gpu = Path(report.files["cpu"]), Path(report.files["tensorrt"])
    return {
        "size": {"cpu": report.after.size_bytes / report.before.size_bytes,
                 "tensorrt": report.details["size_bytes_tensorrt"] / report.before.size_bytes},
        "made_s": round(took_s, 1),
        **{key: report.details[key] for key in ("parity", "weight_bits", "increase_percent", "repairs",
                                                "kept_float", "least_noise", "refused")},
        "judged": {which: _judged(model, {"cpu": cpu, "tensorrt": gpu}, pictures)
                   for which, pictures in judging.items()},
        "methods": _methods(model, data, judging[SIMULATED], report.details["weight_bits"]),
        "latency": _latencies(model, cpu, weights, judging[SIMULATED], QUICK_SECONDS if quick else SECONDS),
        "drives": _drives(model, cpu, report.details["parity"]["passed"], quick),
    }


def _judged(model: Path, files: Dict[str, Path], pictures: Any) -> Dict[str, Any]:
    """Errors of FP32 and INT8 on pictures that nothing was chosen on, and how far they lie apart."""
    import onnx

    from jetracer.optimize.int8.make import spread
    from jetracer.optimize.run import aim_errors, answers, apart, read_model

    graph, card = read_model(model)
    given = {"fp32": answers(graph, card, pictures.pictures()),
             **{name: answers(onnx.load(str(path)), card, pictures.pictures()) for name, path in files.items()}}
    return {"pictures": len(pictures),
            "error": {name: spread(aim_errors(card, one, pictures.aims())) for name, one in given.items()},
            "moved": {name: spread(2.24 * apart(card, given[name], given["fp32"])) for name in files}}


def _methods(model: Path, data: Any, unseen: Any, weight_bits: int) -> Dict[str, Dict[str, float]]:
    """How far the aim moves by each way to find ranges, from one look at the calibration frames; nothing repaired."""
    from jetracer.optimize.int8.calibrators import METHODS, finder, histograms
    from jetracer.optimize.int8.make import spread
    from jetracer.optimize.int8.quantise import quantise
    from jetracer.optimize.int8.table import Table
    from jetracer.optimize.run import answers, apart, read_model
    from jetracer.perception.preprocess import Preprocess

    graph, card = read_model(model)
    prepare, some = Preprocess(card), list(unseen.pictures())[::4]
    seen = histograms(graph, (prepare(picture) for picture in data.calibrate.pictures()))
    wanted, found = answers(graph, card, some), {}
    for method in METHODS:
        find = finder(method)
        made = quantise(graph, Table({name: find(one) for name, one in seen.items()}), "cpu", weight_bits=weight_bits)
        found[method] = spread(2.24 * apart(card, answers(made, card, some), wanted))
    return found


def _latencies(model: Path, cpu: Path, weights: Path, unseen: Any, seconds: float) -> Dict[str, Any]:
    """Of one picture, one thread, everything in turns; ratios are how many times as fast as FP32 in ONNX Runtime."""
    from contextlib import ExitStack
    from importlib.util import find_spec

    from jetracer.engine.base import ENGINES
    from jetracer.engine.cpu_build import LIBRARIES, TITLES
    from jetracer.engine.interleave import asking, interleave
    from jetracer.perception.preprocess import Preprocess

    pictures = [picture for picture, _ in zip(unseen.pictures(), range(8))]
    with ExitStack() as stack:
        runs: Dict[str, Callable[[], Any]] = {}
        for library, package in LIBRARIES.items():
            if find_spec(package):
                for kind, path in (("FP32", model), ("INT8", cpu)):
                    engine = stack.enter_context(ENGINES.create(library, path))
                    runs[f"{TITLES[library]} {kind}"] = asking(engine, Preprocess(engine.card), pictures)
        runs["PyTorch FP32"] = _torch(model, weights, pictures)
        return {name: one._asdict() for name, one in interleave(runs, seconds).items()}


def _torch(model: Path, weights: Path, pictures: Sequence[np.ndarray]) -> Callable[[], Any]:
    """The same net as it was trained, pixels in, run by PyTorch on one thread."""
    import itertools

    import torch

    from jetracer.export.onnx import RoadGraph
    from jetracer.models.backbones import make_net, start_from
    from jetracer.optimize.run import read_model
    from jetracer.perception.preprocess import Preprocess

    torch.set_num_threads(1)
    card = read_model(model)[1]
    name = card.trained.get("net", "road_net")
    net = make_net(name)
    start_from(net, name, str(weights))
    graph, prepare = RoadGraph(net).eval(), Preprocess(card)
    inputs = itertools.cycle([torch.from_numpy(np.array(prepare(picture))) for picture in pictures])

    def run() -> Any:
        with torch.inference_mode():
            return graph(next(inputs))
    return run


def _drives(model: Path, cpu: Path, may: bool, quick: bool) -> Dict[str, Any]:
    """Closed loop: FP32 and INT8 on the same tracks, starts and lights; INT8 only where the gate lets it drive."""
    from benchmarks.episodes import drive
    from jetracer.drive.episode import EpisodeConfig

    tracks, duration_s = (QUICK_TRACKS, QUICK_DURATION_S) if quick else (TRACKS, DURATION_S)
    files = {"fp32": model, **({"int8": cpu} if may else {})}
    return {name: drive({name: EpisodeConfig(duration_s)}, str(path), tracks)[name] for name, path in files.items()}


def _cpu() -> str:
    from jetracer.engine.devices import cpu_name

    return cpu_name()


def increases(net: Dict[str, Any]) -> Dict[str, float]:
    """By how much the mean error of the aim grew in the worse of the two files, in % of the picture's width, by set."""
    known = {where: one["error"] for where, one in net["judged"].items() if one["error"]["fp32"]}
    return {where: max(error["cpu"]["mean_percent"], error["tensorrt"]["mean_percent"]) - error["fp32"]["mean_percent"]
            for where, error in known.items()}


def show(result: Dict[str, Any]) -> str:
    if "skipped" in result:
        return f"  skipped: {result['skipped']}"
    nets = result["nets"]
    parts = [f"  {result['cpu']}; {result['calibrated']} pictures calibrate, repairs are chosen on {result['chosen']}, "
             f"{result['judged']} others judge", _speeds(nets), _made(nets), _errors(nets), _ways(nets), _driven(nets),
             *(f"  {why}" for why in result["missing"])]
    return "\n\n".join([*parts, "\n".join(goals(nets))])


def _speeds(nets: Dict[str, Any]) -> str:
    rows = []
    for name, net in nets.items():
        took = net["latency"]
        rows.append([name, took[FIRST]["p50_ms"], *(took[one]["ratio"] if one in took else None for one in OTHERS),
                     net["size"]["cpu"], net["size"]["tensorrt"]])
    return table(rows, ["times as fast as", f"{FIRST} ms", *OTHERS, "size cpu", "size trt"])


def _made(nets: Dict[str, Any]) -> str:
    """What was done to each, and with what effect on the pictures that it was chosen on."""
    rows: List[List[Any]] = []
    for name, net in nets.items():
        for stage in net["repairs"]:
            kept = "yes" if stage["kept"] else "no"
            rows.append([f"{name}: {stage['name']}", stage["increase"], len(stage["refused"]), kept])
        rows.append([f"{name}: {len(net['kept_float'])} layers in float ({net['made_s']:.0f} s in all)",
                     net["increase_percent"], len(net["refused"]), "yes" if net["kept_float"] else "-"])
    return table(rows, ["made", "error, +% of width", "refused for", "kept"])


def _errors(nets: Dict[str, Any]) -> str:
    rows = []
    for name, net in nets.items():
        for where, one in net["judged"].items():
            for flavour in ("cpu", "tensorrt"):
                error, moved = one["error"], one["moved"][flavour]
                before, after = error["fp32"].get("mean_percent"), error[flavour].get("mean_percent")
                rows.append([f"{name}, {where}, {flavour}", before, after, moved["mean_percent"], moved["max_percent"],
                             moved["mean_px"]])
    return table(rows, ["aim, % of width", "error FP32", "INT8", "moved", "at most", "moved px"])


def _ways(nets: Dict[str, Any]) -> str:
    methods = list(next(iter(nets.values()))["methods"])
    rows = [[name, *(net["methods"][method]["mean_percent"] for method in methods)] for name, net in nets.items()]
    return table(rows, ["moved, % of width", *methods])


def _driven(nets: Dict[str, Any]) -> str:
    rows = [[f"{name}, {kind}", f"{one['faultless']}/{one['episodes']}", one["off_track_s"], one["collisions"]]
            for name, net in nets.items() for kind, one in net["drives"].items()]
    rows += [[f"{name}, int8", "refused", None, None] for name, net in nets.items() if "int8" not in net["drives"]]
    return table(rows, ["drives", "faultless", "off track s", "collisions"])


def goals(nets: Dict[str, Any]) -> List[str]:
    lines = []
    for runtime, least in LEAST_SPEED.items():
        ratio = nets.get("resnet18", {}).get("latency", {}).get(runtime, {}).get("ratio")
        lines.append(verdict(f"ResNet-18 in {runtime} >= {least} times as fast as {FIRST} (is "
                             f"{'-' if ratio is None else f'{ratio:.2f}'})", None if ratio is None else ratio >= least))
    for name, net in nets.items():
        drives = net["drives"]
        same = "int8" in drives and drives["int8"]["faultless"] >= drives["fp32"]["faultless"]
        size = net["size"]["cpu"]
        lines += [verdict(f"{name}: size <= {MOST_SIZE} (is {size:.4f})", size <= MOST_SIZE),
                  *(verdict(f"{name}, {where}: error of the aim grows by <= {MOST_ERROR} % of the width (is {by:+.2f})",
                            by <= MOST_ERROR) for where, by in increases(net).items()),
                  verdict(f"{name}: drives as well", same)]
    return lines
