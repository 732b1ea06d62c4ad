"""The parity gate: does an engine answer as its model does in FP32? What does not must not drive.

Two engines are asked about the same pictures. What is compared is what decides where the car goes: the aim in pixels
of a picture 224 wide and high and in degrees of steering, the other outputs by their own spread. Closed: all that
cannot be compared, or is no number, or does not change with the picture, fails.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from jetracer.core.errors import JetRacerError, ModelError
from jetracer.engine.base import Engine
from jetracer.engine.card import ModelCard

SIZE_PX = 224  # an aim's error is told in pixels of a picture this wide and high
_LEAST = 0.1  # of an output's size: the spread of one that hardly moves, whose rounding would be large beside it
_STILL = 0.02  # an output that moves less than this share of its model's own movement is constant

Answers = Dict[str, np.ndarray]  # by output, (pictures, values)


@dataclass(frozen=True)
class Probes:
    """What engines are compared on; made by `drive/probes.py`, as the simulator is beyond this folder's sight.

    `prepare(card)` gives what turns a picture into that model's input; `steering_deg(one, other)` how far apart the
    front wheels would be for two aims (2,).
    """

    pictures: Tuple[np.ndarray, ...]  # (H, W, 3) uint8 BGR
    driving: int  # so many, the first, are what a car sees; the others are what it should never see
    prepare: Callable[[ModelCard], Callable[[np.ndarray], np.ndarray]]
    steering_deg: Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Limits:
    """How far an engine may be from its model in FP32, over the pictures that a car sees.

    Aims are in pixels of 224 and degrees of the front wheels. Another output's error is told in parts of its own
    spread, the standard deviation of the model's answers or a tenth of their size, because its unit is not known here.
    """

    precision: str
    aim_px: float  # in the mean
    aim_max_px: float
    steering_deg: float  # in the mean
    steering_max_deg: float
    spread: float  # of any output, in the mean
    spread_max: float
    cosine: float  # of all answers of an output less the model's mean, at least


# The measure is the model itself: the shipped one is wrong by 2.8 px of 224 at the median. FP32 differs by the order of
# its sums alone (TensorRT's TF32 keeps 10 bits of a factor, as FP16 does). FP16 may cost a twentieth of that error in
# the mean, INT8 half of it; what INT8 costs at most is much more, for where the model itself is torn between two places
# its rounding decides. So INT8 is held by its mean, and by each of its scales: see `engine/scales.py`.
LIMITS = {limits.precision: limits for limits in (
    Limits("fp32", 0.05, 0.25, 0.02, 0.2, 0.002, 0.02, 0.9999),
    Limits("fp16", 0.15, 1.0, 0.05, 0.5, 0.01, 0.1, 0.9995),
    Limits("int8", 1.5, 28.0, 0.5, 8.0, 0.1, 3.0, 0.97),
)}


class Parity(NamedTuple):
    """What came out. `why` tells what failed, one sentence each; none when it passed."""

    precision: str
    probes: int
    why: Tuple[str, ...]
    outputs: Dict[str, Dict[str, Optional[float]]]  # max_abs, mean_abs, cosine, spread by output; None is no number
    aim_px: Optional[Dict[str, float]] = None  # mean, max; None without an aim
    steering_deg: Optional[Dict[str, float]] = None
    box_px: Optional[Dict[str, float]] = None

    @property
    def passed(self) -> bool:
        return not self.why

    def strain(self, limits: Limits) -> float:
        """Its worst figure in parts of what is allowed, above 1 where it fails; infinite where one is missing."""
        shares = [share for one in self.outputs.values() for share in (
            one["mean_abs"] / one["spread"] / limits.spread, one["max_abs"] / one["spread"] / limits.spread_max,
            (1.0 - one["cosine"]) / (1.0 - limits.cosine))]
        for found, mean, most in ((self.aim_px, limits.aim_px, limits.aim_max_px),
                                  (self.steering_deg, limits.steering_deg, limits.steering_max_deg)):
            shares += [found["mean"] / mean, found["max"] / most] if found else []
        worst = float(np.max(shares, initial=0.0))
        return worst if worst > 1.0 or self.passed else math.inf

    def but(self, faults: Sequence[str]) -> Parity:
        """The same with what else was found wrong."""
        return self._replace(why=(*self.why, *faults))

    def __str__(self) -> str:
        """One line for a person."""
        if self.why:
            return f"differs from the model in FP32: {'; '.join(self.why)}"
        found = [f"aim {self.aim_px['mean']:.2g} px of 224, at most {self.aim_px['max']:.2g}"] if self.aim_px else []
        found += [f"steering {self.steering_deg['mean']:.2g} degrees, at most {self.steering_deg['max']:.2g}"
                  ] if self.steering_deg else []
        found += [f"{name} {figures['mean_abs']:.2g}" for name, figures in self.outputs.items()] if not found else []
        return f"agrees with the model in FP32 on {self.probes} pictures: {', '.join(found)}"

    def record(self, **hashes: str) -> Dict[str, Any]:
        """JSON-ready, with the hashes of what was compared; see `engine_file.may_drive` and `proof.why_not`."""
        return {"passed": self.passed, **hashes, **self._asdict(), "why": list(self.why)}


def limits_for(precision: str) -> Limits:
    if precision not in LIMITS:
        raise ModelError(f"Nothing is known about how far a model in {precision!r} may be from its parent; its card's "
                         f"precision must be one of {', '.join(LIMITS)}.")
    return LIMITS[precision]


def compare(reference: Engine, candidate: Union[Engine, Callable[[Answers], Answers]], probes: Probes, limits: Limits
            ) -> Parity:
    """Ask both about every picture. Both are open; a candidate that is a mere function takes the reference's inputs.

    Raises ModelError when the reference itself cannot be a measure. A candidate that raises does not pass.
    """
    wanted = _answers(reference.infer, reference.card, probes)
    for name, values in wanted.items():
        if not np.isfinite(values).all():
            raise ModelError(f"The model {reference.card.name!r} itself answers {name} with what is not a number: "
                             "nothing can be compared with it; train or export it again.")
    try:
        infer = candidate.infer if isinstance(candidate, Engine) else candidate
        card = candidate.card if isinstance(candidate, Engine) else reference.card
        found = _answers(infer, card, probes)
    except (JetRacerError, RuntimeError, ValueError) as error:
        return Parity(limits.precision, len(probes.pictures), (f"it does not run: {error}",), {})
    return judge(wanted, found, reference.card, probes, limits)


def _answers(infer: Callable[[Answers], Answers], card: ModelCard, probes: Probes) -> Answers:
    prepare = probes.prepare(card)
    rows: List[Answers] = []
    for picture in probes.pictures:
        answer = infer({card.input.name: prepare(picture)})
        rows.append({name: np.array(values, np.float64).reshape(-1) for name, values in answer.items()})
    whole = [name for name in rows[0] if all(row[name].shape == rows[0][name].shape for row in rows)]
    return {name: np.stack([row[name] for row in rows]) for name in whole}


def judge(wanted: Answers, found: Answers, card: ModelCard, probes: Probes, limits: Limits) -> Parity:
    """Answers beside answers. Only the card's outputs count."""
    why: List[str] = []
    outputs: Dict[str, Dict[str, Optional[float]]] = {}
    sound: List[str] = []
    for name in card.outputs:
        fault = _fault(name, wanted.get(name), found.get(name))
        if fault:
            why.append(fault)
            continue
        outputs[name] = _figures(wanted[name][:probes.driving], found[name][:probes.driving])
        why += _too_far(name, outputs[name], limits)
        sound.append(name)
    aim, boxes = card.output("aim"), card.output("boxes")
    aim_px = steering_deg = box_px = None
    if aim in sound:
        aim_px, steering_deg = _aim_errors(wanted[aim], found[aim], probes)
        why += _aim_too_far(aim_px, steering_deg, limits)
    if boxes in sound:
        box_px = _spread(np.abs(found[boxes] - wanted[boxes])[:probes.driving])
    return Parity(limits.precision, len(probes.pictures), tuple(why), outputs, aim_px, steering_deg, box_px)


def _fault(name: str, wanted: Optional[np.ndarray], found: Optional[np.ndarray]) -> str:
    """What makes an output impossible to compare; empty when nothing does."""
    if wanted is None:
        return f"the model's own {name} has no fixed size: export it with one"
    if found is None:
        return f"it has no output {name} of a fixed size"
    if wanted.shape != found.shape:
        return f"{name} has {found.shape[1]} values instead of {wanted.shape[1]}"
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found).all(axis=1)).sum())
        return f"{name} is not a number in {bad} of {len(found)} pictures"
    still = found.std(axis=0) <= _STILL * wanted.std(axis=0)
    if still.any():
        return f"{name} does not change with the picture ({int(still.sum())} of {still.size} values)"
    return ""


def _figures(wanted: np.ndarray, found: np.ndarray) -> Dict[str, Optional[float]]:
    apart = np.abs(found - wanted)
    moves, least = float((wanted - wanted.mean(axis=0)).std()), _LEAST * float(np.sqrt(np.mean(wanted ** 2)))
    centre = wanted.mean(axis=0) if moves > least else 0.0
    return {"max_abs": float(apart.max()), "mean_abs": float(apart.mean()), "spread": max(moves, least, 1e-12),
            "cosine": _cosine(wanted - centre, found - centre)}


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / size if size > 0.0 else float(np.array_equal(one, other))


def _too_far(name: str, figures: Dict[str, Optional[float]], limits: Limits) -> List[str]:
    spread = figures["spread"]
    checks = [
        ("differs in the mean by", figures["mean_abs"] / spread, limits.spread, " of its spread"),
        ("differs by up to", figures["max_abs"] / spread, limits.spread_max, " of its spread"),
    ]
    why = [f"{name} {what} {value:.2g}{unit}, allowed {limit:g}" for what, value, limit, unit in checks
           if not value <= limit]
    if figures["cosine"] < limits.cosine:
        why.append(f"{name} points elsewhere: cosine {figures['cosine']:.4f}, at least {limits.cosine:g}")
    return why


def _aim_errors(wanted: np.ndarray, found: np.ndarray, probes: Probes) -> Tuple[Dict[str, float], Dict[str, float]]:
    wanted, found = wanted[:probes.driving, :2], found[:probes.driving, :2]
    px = np.hypot(*(found - wanted).T) * SIZE_PX / 2.0
    return _spread(px), _spread(np.array([probes.steering_deg(*pair) for pair in zip(wanted, found)]))


def _spread(values: np.ndarray) -> Dict[str, float]:
    return {"mean": float(values.mean()), "max": float(values.max())}


def _aim_too_far(px: Dict[str, float], deg: Dict[str, float], limits: Limits) -> List[str]:
    checks = [
        ("the aim is off in the mean by", px["mean"], limits.aim_px, "px of 224"),
        ("the aim is off by up to", px["max"], limits.aim_max_px, "px of 224"),
        ("the steering is off in the mean by", deg["mean"], limits.steering_deg, "degrees"),
        ("the steering is off by up to", deg["max"], limits.steering_max_deg, "degrees"),
    ]
    return [f"{what} {value:.3g} {unit}, allowed {limit:g}" for what, value, limit, unit in checks
            if not (math.isfinite(value) and value <= limit)]
