"""One step of a drive painted over its picture: for the movie, and to see what the car thinks."""
from __future__ import annotations

import math
from typing import Tuple

import cv2
import numpy as np

from jetracer.core.types import AUTOMATIC, Aim, Command, Step

Color = Tuple[int, int, int]  # BGR

WHITE, GREY, SHADOW = (255, 255, 255), (170, 170, 170), (20, 20, 20)
GREEN, BLUE, AMBER, RED = (80, 220, 80), (255, 170, 60), (0, 180, 255), (40, 40, 215)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHIFT = 4  # cv2 takes sub-pixel places as integers in sixteenths


def overlay(image: np.ndarray, step: Step, scale: int = 2) -> np.ndarray:
    """A new picture, `scale` times as large, of (H, W, 3) uint8 `image` with what `step` says about it.

    Shown: the aim (green cross when sure, amber when not), steering and throttle as really sent (bars) and as
    wanted (white ticks), mode, frame age, and every stop in words.
    """
    height, width = image.shape[:2]
    canvas = cv2.resize(image, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)
    unit = max(1.0, min(canvas.shape[:2]) / 448.0)  # all sizes below are for a picture of 448 px
    _darken_edges(canvas, unit)
    if step.scene.aim is not None:
        _draw_aim(canvas, step.scene.aim, step.scene.confidence, unit)
    _draw_steering(canvas, step.wanted, step.decision.command, unit)
    _draw_throttle(canvas, step.wanted, step.decision.command, unit)
    _draw_header(canvas, step, unit)
    _draw_stops(canvas, step, unit)
    return canvas


def describe_stops(step: Step) -> Tuple[str, ...]:
    """Every stop of a step as words: "stale frame: 0.31 s old"."""
    return tuple(
        stop.reason.replace("_", " ") + (f": {stop.detail}" if stop.detail else "")
        for stop in step.decision.stops
    )


def _darken_edges(canvas: np.ndarray, unit: float) -> None:
    """A dark band at top and bottom, so that writing stays readable on any floor."""
    top, bottom = round(30 * unit), round(34 * unit)
    for band in (canvas[:top], canvas[-bottom:]):
        np.copyto(band, (band * 0.35).astype(np.uint8))


def _draw_aim(canvas: np.ndarray, aim: Aim, confidence: float, unit: float) -> None:
    height, width = canvas.shape[:2]
    center = ((aim.x + 1) / 2 * width, (aim.y + 1) / 2 * height)
    color = GREEN if confidence >= 0.5 else AMBER
    inner, outer = 5 * unit, 16 * unit
    for thickness, paint in ((round(5 * unit), SHADOW), (max(1, round(2 * unit)), color)):
        radius = round(10 * unit * 2**_SHIFT)
        cv2.circle(canvas, _fixed(center), radius, paint, thickness, cv2.LINE_AA, _SHIFT)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            start = (center[0] + dx * inner, center[1] + dy * inner)
            end = (center[0] + dx * outer, center[1] + dy * outer)
            cv2.line(canvas, _fixed(start), _fixed(end), paint, thickness, cv2.LINE_AA, _SHIFT)


def _draw_steering(canvas: np.ndarray, wanted: Command, sent: Command, unit: float) -> None:
    """A bar at the bottom that grows from the middle to the side the car steers to."""
    height, width = canvas.shape[:2]
    middle, y = width // 2, height - round(17 * unit)
    half, thick = round(width * 0.30), round(5 * unit)
    _bar(canvas, (middle - half, y - thick), (middle + half, y + thick), SHADOW)
    _bar(canvas, (middle, y - thick), (middle + round(sent.steering * half), y + thick), BLUE)
    _bar(canvas, (middle, y - thick), (middle, y + thick), GREY)
    tick = middle + round(_unit_range(wanted.steering) * half)
    _bar(canvas, (tick - 1, y - thick - 2), (tick + 1, y + thick + 2), WHITE)


def _draw_throttle(canvas: np.ndarray, wanted: Command, sent: Command, unit: float) -> None:
    """A bar at the right edge that grows up for forward and down for reverse."""
    height, width = canvas.shape[:2]
    x, middle = width - round(17 * unit), height // 2
    half, thick = round(height * 0.27), round(5 * unit)
    _bar(canvas, (x - thick, middle - half), (x + thick, middle + half), SHADOW)
    color = GREEN if sent.throttle >= 0 else AMBER
    _bar(canvas, (x - thick, middle), (x + thick, middle - round(sent.throttle * half)), color)
    _bar(canvas, (x - thick, middle), (x + thick, middle), GREY)
    tick = middle - round(_unit_range(wanted.throttle) * half)
    _bar(canvas, (x - thick - 2, tick - 1), (x + thick + 2, tick + 1), WHITE)


def _draw_header(canvas: np.ndarray, step: Step, unit: float) -> None:
    mode = step.pilot.mode if step.decision.armed else f"{step.pilot.mode}, disarmed"
    color = GREY if not step.decision.armed else GREEN if step.pilot.mode == AUTOMATIC else BLUE
    y, x = round(20 * unit), round(10 * unit)
    cv2.circle(canvas, (x + round(4 * unit), y - round(5 * unit)), round(5 * unit), color, -1, cv2.LINE_AA)
    _write(canvas, mode, (x + round(15 * unit), y), color, unit)
    text = f"sure {step.scene.confidence:.0%}   {step.frame.age_s(step.t_s) * 1000:.0f} ms"
    _write(canvas, text, (canvas.shape[1] - round(10 * unit) - _text_width(text, unit), y), WHITE, unit)


def _draw_stops(canvas: np.ndarray, step: Step, unit: float) -> None:
    """A red band for every reason that holds the car back."""
    top, thick = round(36 * unit), round(26 * unit)
    for number, words in enumerate(describe_stops(step)):
        y = top + number * (thick + 2)
        band = canvas[y : y + thick]
        np.copyto(band, (band * 0.2 + np.array(RED) * 0.8).astype(np.uint8))
        text = _shortened(words, canvas.shape[1] - 20 * unit, unit)
        _write(canvas, text, (round(10 * unit), y + round(18 * unit)), WHITE, unit)


def _write(canvas: np.ndarray, text: str, place: Tuple[int, int], color: Color, unit: float) -> None:
    # No outline of thicker letters below: OpenCV 5 sets thick letters wider apart than thin ones.
    cv2.putText(canvas, text, place, _FONT, 0.5 * unit, color, max(1, round(unit)), cv2.LINE_AA)


def _shortened(text: str, room_px: float, unit: float) -> str:
    if _text_width(text, unit) <= room_px:
        return text
    while len(text) > 1 and _text_width(text + "...", unit) > room_px:
        text = text[:-1]
    return text.rstrip() + "..."


def _text_width(text: str, unit: float) -> int:
    return cv2.getTextSize(text, _FONT, 0.5 * unit, max(1, round(unit)))[0][0]


def _bar(canvas: np.ndarray, corner: Tuple[int, int], other: Tuple[int, int], color: Color) -> None:
    cv2.rectangle(canvas, corner, other, color, -1)


def _unit_range(value: float) -> float:
    """`value` held to [-1, 1]; what is wanted may be anything, NaN included."""
    return 0.0 if math.isnan(value) else min(1.0, max(-1.0, value))


def _fixed(point: Tuple[float, float]) -> Tuple[int, int]:
    return round(point[0] * 2**_SHIFT), round(point[1] * 2**_SHIFT)
