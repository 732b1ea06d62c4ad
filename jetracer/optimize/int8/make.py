"""From a model in FP32 to its two INT8 files: calibrate, quantise, compare on other frames, measure, recommend."""
from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple, Union

import numpy as np
import onnx
from onnx import ModelProto

from jetracer.core.errors import ModelError
from jetracer.drive.probes import road_probes
from jetracer.drive.prove import prove
from jetracer.engine.build import engine_place
from jetracer.engine.card import ModelCard
from jetracer.engine.load import sha256_of
from jetracer.engine.parity import Parity
from jetracer.optimize.base import Measures, Report
from jetracer.optimize.int8.calibrators import calibrate, finder
from jetracer.optimize.int8.frames import ENOUGH, SIM, Pick, Picked, pick
from jetracer.optimize.int8.graph import tidy
from jetracer.optimize.int8.manifest import Manifest, hash_of, read_manifest, write_manifest
from jetracer.optimize.int8.quantise import quantise
from jetracer.optimize.int8.repair import BUDGET
from jetracer.optimize.int8.scheme import scheme
from jetracer.optimize.int8.sensitivity_page import write_sensitivity
from jetracer.optimize.int8.table import Table
from jetracer.optimize.int8.trt_cache import read_cache, write_cache
from jetracer.optimize.int8.verdict import in_turns, recommend, weight_bits_here, why_slow
from jetracer.optimize.int8.within_budget import Budget, Within, within_budget
from jetracer.optimize.run import aim_errors, answers, apart, macs, read_model, write_child
from jetracer.perception.preprocess import Preprocess

FLAVOURS = {"cpu": "int8-cpu", "tensorrt": "int8-trt"}  # flavour -> what its file is called
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Int8Config:
    out: str = ""  # folder; empty: beside the model
    method: str = "percentile"
    frames: int = ENOUGH
    keep: Tuple[str, ...] = ()  # nodes left in float
    cache: str = ""  # a calibration to use instead of frames: our manifest, or TensorRT's cache
    budget: float = BUDGET  # % of the picture's width by which the aim's mean error may rise; else it is repaired
    sensitivity: bool = False  # measure every layer, whether needed or not
    force: bool = False
    command: str = ""
    seconds: float = 6.0  # of the measurement of latencies


def unwatched(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def int8(model: str, data: Union[str, Pick] = SIM, config: Int8Config = Int8Config(), watch: Watch = unwatched
         ) -> Report:
    """Write MODEL.int8-cpu.onnx, MODEL.int8-trt.onnx, the manifest and a cache for TensorRT 8.x to 10.x.

    `data`: a data set, `sim`, or pictures that were picked. Raises ConfigError, DataError or ModelError.
    """
    source = Path(model)
    graph, card = read_model(source)
    finder(config.method)
    scheme(tidy(graph), "cpu", config.keep)  # a wrong name is told before minutes of work
    warm = Calibration.of(source, graph, card, data, config, watch)
    place = Path(config.out) if config.out else engine_place(source).parent
    budget = Budget(config.budget, config.sensitivity, config.method, frozenset(config.keep), warm.weight_bits)
    probes = road_probes()
    within = within_budget(graph, card, warm.manifest.table, warm.chosen, warm.compared, budget, probes, watch)
    warm = replace(warm, manifest=warm.manifest.within(within.keep, within.repairs, within.given, within.quiet))
    files = warm.write(place, config, within)
    results = {name: answers(onnx.load(str(path)), card, warm.compared.pictures())
               for name, path in {"fp32": source, **files}.items()}
    some = list(islice(warm.compared.pictures(), 8))
    latency = in_turns({"fp32": source, "int8": files["cpu"]}, some, config.seconds)
    parity = prove(files["cpu"], source, probes)
    report = _report(source, card, warm, files, results, latency, parity, within)
    if within.layers:
        page = write_sensitivity(place / f"{source.stem}.int8-layers", source.name, within.layers, within.keep)
        report = replace(report, files={**report.files, "sensitivity": str(page)})
    return report


@dataclass(frozen=True)
class Calibration:
    """All that the files are made of; `compared`: frames that did not calibrate."""

    source: Path
    graph: ModelProto
    card: ModelCard
    manifest: Manifest
    chosen: Picked
    compared: Picked
    weight_bits: int
    warning: str = ""

    @staticmethod
    def of(source: Path, graph: ModelProto, card: ModelCard, data: Union[str, Pick], config: Int8Config, watch: Watch
           ) -> Calibration:
        picked = pick(data, config.frames, config.force or bool(config.cache)) if isinstance(data, str) else data
        chosen, compared, warning = picked
        if not compared:
            raise ModelError(f"Of the {chosen.source} none is left to compare with; record another drive, or give "
                             f"--data {SIM}.")
        if config.cache:
            table, frames, warning = (*table_from(Path(config.cache), sha256_of(source)), "")
        else:
            table = calibrate(graph, _inputs(card, chosen), config.method,
                              lambda done: watch("calibrate", done, len(chosen)))
            frames = {"count": len(chosen), "sha256": hash_of(chosen.pictures()), "strata": chosen.strata}
        manifest = Manifest(source.name, sha256_of(source), table, config.cache or chosen.source, frames,
                            tuple(sorted(config.keep)), config.command)
        return Calibration(source, graph, card, manifest, chosen, compared, weight_bits_here(), warning)

    def write(self, place: Path, config: Int8Config, within: Within) -> Dict[str, Path]:
        """The quantised files, by flavour, each with a card; the manifest and the cache beside them."""
        files = {}
        for flavour, name in FLAVOURS.items():
            bits = self.weight_bits if flavour == "cpu" else 8
            made = quantise(within.model, within.table, flavour, within.keep, bits)
            files[flavour] = place / f"{self.source.stem}.{name}.onnx"
            about = {"flavour": flavour, "calibration": self.manifest.hash, "method": self.manifest.table.method,
                     "weight_bits": bits, "kept_float": sorted(within.keep), "repairs": within.repairs}
            write_child(files[flavour], made, self.source, replace(
                self.card, precision="int8", trained={**self.card.trained, "int8": about}, created_by=config.command))
        write_manifest(self.manifest, place / f"{self.source.stem}.int8.json")
        write_cache(self.manifest.table, place / f"{self.source.stem}.int8.cache")
        return files


def table_from(path: Path, model_sha256: str) -> Tuple[Table, Dict[str, Any]]:
    """The table of one of our manifests, and of which frames; or of a calibration cache of TensorRT.

    Raises ConfigError or DataError where it cannot be read, ModelError where the manifest is of another model.
    """
    if path.suffix != ".json":
        return read_cache(path), {}
    one = read_manifest(path)
    if one.model_sha256 != model_sha256:
        raise ModelError(f"{path} is the calibration of another {one.model} (SHA-256 {one.model_sha256[:12]}), and "
                         "ranges depend on the weights: calibrate this one with --data.")
    return one.table, one.frames


def _inputs(card: ModelCard, chosen: Picked) -> Iterator[np.ndarray]:
    prepare = Preprocess(card)
    return (prepare(picture) for picture in chosen.pictures())


def _report(source: Path, card: ModelCard, warm: Calibration, files: Dict[str, Path], results: Dict[str, Any],
            latency: Dict[str, Dict[str, float]], parity: Parity, within: Within) -> Report:
    errors = {name: spread(aim_errors(card, given, warm.compared.aims())) for name, given in results.items()}
    moved = {name: spread(2.24 * apart(card, results[name], results["fp32"])) for name in files}
    before = Measures(source.stat().st_size, macs(source), latency_ms=latency["fp32"], error=errors["fp32"])
    after = Measures(files["cpu"].stat().st_size, macs(files["cpu"]), latency_ms=latency["int8"], error=errors["cpu"])
    stem = warm.source.stem
    kept = {"manifest": files["cpu"].parent / f"{stem}.int8.json", "cache": files["cpu"].parent / f"{stem}.int8.cache"}
    verdict = recommend(latency, parity, why_slow(warm.graph, within.keep, warm.weight_bits))
    return Report(
        "int8", before, after, {name: str(path) for name, path in {**files, **kept}.items()},
        (*within.told(), *_notes(warm, moved), verdict["text"], *_next(files, kept, verdict["precision"])),
        {**within.details(), "moved": moved,
         "error_tensorrt": errors["tensorrt"], "size_bytes_tensorrt": files["tensorrt"].stat().st_size,
         "recommended": verdict["precision"], "why": verdict["text"], "parity": parity.record(),
         "frames": warm.manifest.frames, "compared": len(warm.compared), "method": warm.manifest.table.method,
         "calibration": warm.manifest.hash, "weight_bits": warm.weight_bits, "kept_float": sorted(within.keep)})


def spread(errors_px: np.ndarray) -> Dict[str, float]:
    """Mean and largest of distances in px of 224, also in % of the picture's width."""
    if not len(errors_px):
        return {}
    mean, most = float(errors_px.mean()), float(errors_px.max())
    return {"mean_px": round(mean, 4), "max_px": round(most, 4), "mean_percent": round(mean / 2.24, 4),
            "max_percent": round(most / 2.24, 4)}


def _notes(warm: Calibration, moved: Dict[str, Dict[str, float]]) -> List[str]:
    told = [f"{name}: the aim moves by {one['mean_px']:.2f} px of 224 in the mean ({one['mean_percent']:.2f} % of the "
            f"width), at most {one['max_px']:.2f}, on {len(warm.compared)} other {warm.compared.source}"
            for name, one in moved.items()]
    if warm.weight_bits == 7:
        told.append("this CPU has no VNNI: its weights are of 7 bits, whose sums do not overflow on it")
    return [*([warm.warning] if warm.warning else []), *told]


def _next(files: Dict[str, Path], kept: Dict[str, Path], precision: str) -> List[str]:
    use = f"drive with it: jetracer drive --road {files['cpu']}" if precision == "int8" else \
        "the files are kept: another device may gain by them"
    return [use, f"on a Jetson or a GPU with INT8: jetracer build {files['tensorrt']}",
            f"to keep the calibration: cp {kept['manifest']} calibration/int8/ (made again with --cache FILE)"]
