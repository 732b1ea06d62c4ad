"""An evaluation on one page: how the model drives and sees, and whether it is better than another one."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple, Union

import cv2
import numpy as np

from jetracer.core.config import write_text
from jetracer.data.page import Plot, write_page
from jetracer.data.paper import INK, PAPER, Color, text, width_of
from jetracer.drive.sight import EDGES

_WIDTH, _ROW, _LEFT, _RIGHT = 1400, 64, 300, 470  # px
_MARK: Dict[str, Color] = {"better": (60, 140, 40), "worse": (40, 60, 200), "no difference": (150, 140, 130)}
_OURS, _THEIRS = (180, 92, 30), (190, 180, 170)


def write_evaluation(result: Dict[str, Any], folder: Union[str, Path]) -> str:
    """Write index.html with its plots, and report.json, into `folder`; returns the page's path.

    `result` is what `drive/evaluate.py` or `drive/compare.py: evaluate_two` gives.
    """
    folder = Path(folder).expanduser()
    failed = [f"track {record['track']} seed {record['seed']}: survived {record['survival_s']} s, off track "
              f"{record['off_track_s']} s, {record['collisions']} collisions" for record in result["failed"]]
    page = write_page(folder, Path(result["config"]["road"]).name, "jetracer evaluate", _facts(result), _words(result),
                      list(_plots(result)), [("Episodes that were not faultless", failed)])
    write_text(folder / "report.json", json.dumps(result, indent=1) + "\n")
    return str(page)


def _facts(result: Dict[str, Any]) -> List[Tuple[str, Any]]:
    facts = [("of the episodes faultless", f"{result['success_rate']:.1%}"), ("episodes", result["episodes"]),
             ("s outside the lane, worst", result["off_track_s"]["max"]),
             ("m driven, median", result["distance_m"]["median"])]
    if result["open_loop"]:
        facts += [("px of aim error, median", f"{result['open_loop']['error_px']['median']:.1f}"),
                  ("degrees of it", f"{result['open_loop']['error_deg']['median']:.1f}")]
    return facts


def _words(result: Dict[str, Any]) -> List[str]:
    if "comparison" not in result:
        return []
    compared = result["comparison"]
    return [f"Beside {result['against']['config']['road']}: {compared['verdict']}.",
            f"{compared['pairs']} pairs of episodes on {compared['tracks']} tracks, the same for both. A difference "
            f"counts where its interval, which holds the truth in {compared['level']:.1%}, does not hold 0."]


def _plots(result: Dict[str, Any]) -> Iterator[Plot]:
    if "comparison" in result:
        yield Plot("differences", "This model less the other: green is better, red worse, grey no difference",
                   intervals(result["comparison"]["differences"]), wide=True)
    both = [result[name] if name else result for name in ("", "against") if not name or name in result]
    for name, unit in (("error_px", "px of 224"), ("error_deg", "degrees")):
        bins = [_by_steering(scores["open_loop"], name) for scores in both if scores["open_loop"]]
        if bins:
            yield Plot(name, f"Open loop: mean aim error, {unit}, by the right steering, -1 left"
                       + ("; the other model grey" if len(bins) > 1 else ""), paired_bars(bins))


def _by_steering(seen: Dict[str, Any], name: str) -> List[float]:
    return [row[name]["mean"] if row[name] else 0.0 for row in seen["by_steering"]]


def intervals(differences: Dict[str, Any]) -> np.ndarray:
    """A row per metric: the difference as a dot, its interval as a line, 0 in the middle; each in its own scale."""
    page = np.full((_ROW * len(differences) + 20, _WIDTH, 3), PAPER, np.uint8)
    middle, half = (_LEFT + _WIDTH - _RIGHT) // 2, (_WIDTH - _RIGHT - _LEFT) // 2
    cv2.line(page, (middle, 10), (middle, page.shape[0] - 10), INK, 1)
    for row, (name, found) in enumerate(differences.items()):
        y, color = 10 + _ROW * row + _ROW // 2, _MARK[found["verdict"]]
        scale = half / max(abs(found["low"]), abs(found["high"]), 1e-9)
        low, high, dot = (round(middle + scale * found[end]) for end in ("low", "high", "difference"))
        cv2.line(page, (low, y), (high, y), color, 6, cv2.LINE_AA)
        cv2.circle(page, (dot, y), 10, color, cv2.FILLED, cv2.LINE_AA)
        text(page, name, (20, y + 8), 0.8)
        text(page, f"{found['difference']:+g} ({found['low']:+g} to {found['high']:+g})",
             (_WIDTH - _RIGHT + 24, y + 8), 0.75)
    return page


def paired_bars(bins: Sequence[Sequence[float]]) -> np.ndarray:
    """This model's values by the bins of steering, the other's lighter beside them."""
    page = np.full((420, 960, 3), PAPER, np.uint8)
    top, base, step = 50, 370, 960 // len(bins[0])
    highest = max(*map(max, bins), 1e-9)
    for at in range(len(bins[0])):
        for number, values in enumerate(bins):
            left = at * step + 16 + number * (step - 32) // len(bins)
            right = left + (step - 32) // len(bins) - 6
            tip = base - round((base - top) * values[at] / highest)
            cv2.rectangle(page, (left, tip), (right, base), (_OURS, _THEIRS)[number], cv2.FILLED)
            words = f"{values[at]:.1f}"
            text(page, words, ((left + right - width_of(words, 0.62)) // 2, tip - 8), 0.62)
        words = f"{EDGES[at]:g} to {EDGES[at + 1]:g}"
        text(page, words, (at * step + (step - width_of(words, 0.62)) // 2, base + 32), 0.62)
    return page
