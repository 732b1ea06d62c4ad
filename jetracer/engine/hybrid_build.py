"""`jetracer build road.hybrid`: an engine for each part of TensorRT's, and the whole compared with its model."""
from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from jetracer.core.errors import EngineRefused
from jetracer.engine.build import check_place, make, make_header, unwatched
from jetracer.engine.build_plan import make_plan
from jetracer.engine.devices import DeviceKind, for_gpu, free_memory_mb
from jetracer.engine.engine_file import write_engine
from jetracer.engine.hybrid import Chain, Plan, fingerprint, may_drive, read_part, read_plan, write_plan
from jetracer.engine.load import sha256_of
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.parent import find_parent
from jetracer.engine.parity import Probes, compare, limits_for
from jetracer.engine.scales import wrong_scales
from jetracer.engine.tensorrt_base import Adapter, Report, Watch, adapter_for


class HybridResult(NamedTuple):
    path: Path
    plan: Plan
    reports: Tuple[Report, ...]

    @property
    def why_not(self) -> str:
        """Why it must not drive; empty when it may."""
        return may_drive(self.path, self.plan)


def build_hybrid(path: Path, kind: DeviceKind, trt: Any, cuda: Any, precision: str = "auto", watch: Watch = unwatched,
                 probes: Optional[Callable[[], Probes]] = None) -> HybridResult:
    """Build all parts on this computer's GPU; `trt` is TensorRT's module, `cuda` open.

    `probes` makes what the whole is compared with its model on; without, it is written and does not drive. Raises
    ModelError with the next step.
    """
    plan = read_plan(path)
    check_place(path)
    adapter = adapter_for(trt)
    reports: List[Report] = []
    used = "fp32"
    for part in plan.parts:
        if part.runs == "tensorrt":
            used, more = _build_part(path, plan, part, kind, adapter, cuda, precision, watch)
            reports += more
    if probes is not None:
        plan, report = _prove(path, plan, adapter, cuda, used, probes())
        reports.append(report)
    write_plan(path, plan)
    return HybridResult(path, plan, tuple(reports))


def _build_part(path: Path, plan: Plan, part: Any, kind: DeviceKind, adapter: Adapter, cuda: Any, precision: str,
                watch: Watch) -> Tuple[str, List[Report]]:
    """(the precision that was chosen, the reports)."""
    model = path.with_name(part.model)
    data = read_part(path, plan, part)
    card = plan.model_card(f"The card in {path}")
    card = replace(card, input=replace(card.input, dtype="float32"))  # where bytes come in is the parts' own matter
    free_mb, total_mb = cuda.memory_mb
    kind = for_gpu(kind, cuda.capability, total_mb)
    step = make_plan(model, card, kind, adapter.version, path.with_name(part.engine), precision,
                     free_mb=free_memory_mb(kind, free_mb))
    header = make_header(step, data, card, adapter.trt.__version__, cuda)
    header, made, reports = make(adapter, cuda, step, header, data, watch)
    write_engine(step.engine, header, made)
    return step.settings.precision, reports


def _prove(path: Path, plan: Plan, adapter: Adapter, cuda: Any, precision: str, probes: Probes) -> Tuple[Plan, Report]:
    """The plan with its record: the parts in a row, on the GPU, beside ONNX Runtime with the whole in FP32."""
    started_s = time.monotonic()
    whole = Path(plan.model)
    if sha256_of(whole) != plan.model_sha256:
        raise EngineRefused(f"{whole} is not the model that {path} was divided from; divide it again: "
                            f"jetracer doctor model {whole} --parts {path}")
    card = plan.model_card(f"The card in {path}")
    with OnnxEngine(find_parent(whole, card)) as reference, Chain(path, plan, adapter, cuda) as chain:
        parity = compare(reference, chain, probes, limits_for(precision))
    parity = parity.but(wrong_scales(whole.read_bytes(), card, probes))
    record = parity.record(plan_sha256=fingerprint(path, plan), model_sha256=plan.model_sha256)
    return replace(plan, parity=record), Report("compare", time.monotonic() - started_s, str(parity))
