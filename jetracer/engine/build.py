"""`jetracer build`: a model into an engine file, by the plan; goes on where a build before it was cut off."""
from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from jetracer.core.config import write_bytes
from jetracer.core.errors import ConfigError, JetRacerError, ModelError
from jetracer.core.registry import Registry
from jetracer.engine.build_plan import BuildPlan, make_plan
from jetracer.engine.card import ModelCard
from jetracer.engine.devices import DeviceKind, for_gpu, free_memory_mb
from jetracer.engine.engine_file import EngineHeader, read_engine, write_engine
from jetracer.engine.explain import Explanation, explain, run_tensorrt
from jetracer.engine.float_input import with_float_input
from jetracer.engine.load import home, sha256_of
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.parent import find_parent
from jetracer.engine.parity import Probes, compare, limits_for
from jetracer.engine.scales import wrong_scales
from jetracer.engine.tensorrt_base import Adapter, BuildStopped, Built, Network, Report, Watch, adapter_for
from jetracer.engine.tensorrt_native import Execution, Trial, execute_once

_TICK_S = 0.2
CASTS = Registry("cast", {"fp16": "jetracer.optimize.fp16:for_build"})


class Result(NamedTuple):
    plan: BuildPlan
    header: EngineHeader
    reports: Tuple[Report, ...]  # none when the same engine was there already


def unwatched(phase: str, done: int, total: int) -> bool:
    return True


def card_of(model: Path) -> ModelCard:
    """The card of an ONNX model that ONNX Runtime can load, which every engine is compared with. Raises ModelError."""
    if model.suffix != ".onnx":
        raise ModelError(f"{model} is no ONNX file: engines are built from those; see: jetracer export --help")
    with OnnxEngine(model) as engine:
        return engine.card


def engine_place(model: Path) -> Path:
    """Where its engine goes."""
    return home(model) / f"{model.stem}.engine"


def build_engine(model: Path, kind: DeviceKind, trt: Any, cuda: Any, precision: str = "auto", dla: bool = False,
                 out: Optional[Path] = None, force: bool = False, watch: Watch = unwatched,
                 probes: Optional[Callable[[], Probes]] = None) -> Result:
    """Build on this computer's GPU. `trt` is TensorRT's module, `cuda` open.

    `watch` hears of progress and ends the build by False: BuildStopped. `probes` gives the pictures on which the engine
    is compared with its model in FP32; without them, or where it does not agree, the engine is written and does not
    drive. Raises ModelError with the next step.
    """
    adapter = adapter_for(trt)
    card = card_of(model)
    plan = _planned(model, card, kind, adapter, cuda, precision, dla, out)
    parent = find_parent(model, card)
    check_place(plan.engine)
    data = model.read_bytes()
    header = make_header(plan, data, card, trt.__version__, cuda)
    there = None if force else _same(plan.engine, header)
    if there is not None:
        return Result(plan, there, ())
    header, made, reports = make(adapter, cuda, plan, header, _readable(plan, data), watch)
    if probes is not None:
        record, report = _prove(adapter, cuda, made, header, parent, probes())
        header = replace(header, parity=record)
        reports.append(report)
    write_engine(plan.engine, header, made)
    return Result(plan, header, tuple(reports))


def make(adapter: Adapter, cuda: Any, plan: BuildPlan, header: EngineHeader, model: bytes, watch: Watch
         ) -> Tuple[EngineHeader, bytes, List[Report]]:
    """Parse, optimise, execute: (the header with the engine's sum, the engine, the steps' reports)."""
    network = adapter.parse(model, plan.settings)
    built = _optimise(adapter, network, plan, watch)
    ran = execute_once(adapter, cuda, built.plan)
    header = replace(header, plan_sha256=hashlib.sha256(built.plan).hexdigest())
    return header, built.plan, [network.report, built.report, ran]


def explain_build(model: Path, kind: DeviceKind, trt: Any, cuda: Any, probes: Probes, precision: str = "auto",
                  dla: bool = False) -> Explanation:
    """At which operator the engine that `build_engine` makes loses its points; builds a cut one for each place asked.

    Raises ModelError with the next step.
    """
    adapter = adapter_for(trt)
    card = card_of(model)
    plan = _planned(model, card, kind, adapter, cuda, precision, dla, None)
    parent = find_parent(model, card)
    return explain(parent.read_bytes(), card_of(parent), _readable(plan, model.read_bytes()), card,
                   run_tensorrt(adapter, cuda, plan.settings), probes)


def _planned(model: Path, card: ModelCard, kind: DeviceKind, adapter: Adapter, cuda: Any, precision: str, dla: bool,
             out: Optional[Path]) -> BuildPlan:
    free_mb, total_mb = cuda.memory_mb
    kind = for_gpu(kind, cuda.capability, total_mb)
    return make_plan(model, card, kind, adapter.version, out or engine_place(model), precision, dla,
                     free_memory_mb(kind, free_mb))


def _prove(adapter: Adapter, cuda: Any, plan: bytes, header: EngineHeader, parent: Path, probes: Probes
           ) -> Tuple[Dict[str, Any], Report]:
    """(the record for the header, the report): the plan itself, on the GPU, beside ONNX Runtime in FP32."""
    started_s = time.monotonic()
    with OnnxEngine(parent) as reference, Execution(adapter, cuda, plan) as execution:
        trial = Trial(execution, header.model_card("The model's card"))
        parity = compare(reference, trial, probes, limits_for(header.precision))
    parity = parity.but(wrong_scales(Path(header.model).read_bytes(), trial.card, probes))
    record = parity.record(plan_sha256=header.plan_sha256, model_sha256=header.model_sha256,
                           parent_sha256=sha256_of(parent))
    return record, Report("compare", time.monotonic() - started_s, str(parity))


def make_header(plan: BuildPlan, model: bytes, card: ModelCard, tensorrt: str, cuda: Any) -> EngineHeader:
    """All but the plan's sum."""
    return EngineHeader(
        model=str(plan.model), model_sha256=hashlib.sha256(model).hexdigest(),
        card=json.loads(card.to_json()), tensorrt=tensorrt, gpu=cuda.name, capability=cuda.capability,
        precision=plan.settings.precision, flags=plan.settings.flags, plan_sha256="",
    )


def _readable(plan: BuildPlan, model: bytes) -> bytes:
    """What this TensorRT can read of a model; where that is another file, it is left beside the engine."""
    if plan.settings.cast:
        model = _cast(plan)
    if plan.settings.float_input:
        model = with_float_input(model)
        write_bytes(plan.parsed, model)
    return model


def _cast(plan: BuildPlan) -> bytes:
    """The model in FP16, which is left beside the engine. Raises ModelError."""
    try:
        cast = CASTS.get("fp16")
    except ImportError as error:
        raise ModelError(f"TensorRT {plan.tensorrt[0]} needs a model in FP16, and {error.name} is missing to make one; "
                         "run: pip install 'jetracer[optimize]', or build with --precision fp32.") from error
    cast(plan.model, plan.parsed)
    return plan.parsed.read_bytes()


def _same(path: Path, wanted: EngineHeader) -> Optional[EngineHeader]:
    """The header of the engine that is there already, when it is what a build would make and was compared."""
    try:
        header, _plan = read_engine(path)
    except JetRacerError:  # none, a damaged one, another's: it is built anew
        return None
    return header if header.key == wanted.key and header.parity else None


def _optimise(adapter: Adapter, network: Network, plan: BuildPlan, watch: Watch) -> Built:
    """Timings are kept whatever happens, so that the next build need not measure them again."""
    cache = plan.timing_cache.read_bytes() if plan.timing_cache.is_file() else b""
    try:
        built = _watched(adapter, network, plan, cache, watch)
    except BuildStopped as stopped:
        write_bytes(plan.timing_cache, stopped.timing_cache)
        raise
    write_bytes(plan.timing_cache, built.timing_cache)
    return built


def _watched(adapter: Adapter, network: Network, plan: BuildPlan, cache: bytes, watch: Watch) -> Built:
    """TensorRT builds in a thread of its own, so that this one can hear of Ctrl-C.

    From TensorRT 10 on the build is then asked to end. Before, it cannot be: the thread ends with the process.
    """
    results: List[Any] = []
    stop = threading.Event()

    def heard(phase: str, done: int, total: int) -> bool:
        return watch(phase, done, total) and not stop.is_set()

    def work() -> None:
        try:
            results.append(adapter.optimise(network, plan.settings, cache, heard))
        except Exception as error:  # raised again below, in the thread that waits
            results.append(error)

    thread = threading.Thread(target=work, name="tensorrt", daemon=True)
    thread.start()
    try:
        thread.join(_TICK_S)
        while thread.is_alive():
            if not adapter.tells_progress:
                watch("", 0, 0)
            thread.join(_TICK_S)
    except KeyboardInterrupt:
        if not adapter.tells_progress:
            raise
        stop.set()
        thread.join()
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def check_place(path: Path) -> None:
    """Before minutes of work: can the engine be written there? Raises ConfigError."""
    folder = next(place for place in (path.parent, *path.parent.parents) if place.exists())
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{folder} cannot be written to; choose another place with --out FILE.engine")
