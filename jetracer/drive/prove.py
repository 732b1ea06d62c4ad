"""The parity gate for ONNX files: what was made from a model in FP32 and shall drive in its place."""
from __future__ import annotations

from pathlib import Path
from typing import Optional

from jetracer.drive.probes import road_probes
from jetracer.engine.build import card_of
from jetracer.engine.explain import Explanation, explain
from jetracer.engine.load import sha256_of
from jetracer.engine.onnx_run import run_onnx
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.parent import find_parent
from jetracer.engine.parity import Parity, Probes, compare, limits_for
from jetracer.engine.proof import write_proof
from jetracer.engine.scales import wrong_scales


def explain_model(model: Path, probes: Optional[Probes] = None) -> Explanation:
    """At which operator an ONNX file in FP16 or INT8 loses its points. Raises ModelError with the next step."""
    card = card_of(model)
    parent = find_parent(model, card)
    return explain(parent.read_bytes(), card_of(parent), model.read_bytes(), card, run_onnx, probes or road_probes())


def prove(model: Path, parent: Optional[Path] = None, probes: Optional[Probes] = None) -> Parity:
    """Compare an ONNX file in FP16 or INT8 with its parent in FP32, and write what came out at its end.

    The last step of whatever makes such a file: changed afterwards it does not drive. `parent` is by default the one
    that its card names. Passed or not, the record is written; see `Parity.why`. Raises ModelError with the next step.
    """
    with OnnxEngine(model) as candidate:
        parent = parent or find_parent(model, candidate.card)
        limits = limits_for(candidate.card.precision)
        with OnnxEngine(parent) as reference:
            parity = compare(reference, candidate, probes or road_probes(), limits)
    parity = parity.but(wrong_scales(model.read_bytes(), candidate.card, probes or road_probes()))
    write_proof(model, parity.record(parent_sha256=sha256_of(parent)))
    return parity
