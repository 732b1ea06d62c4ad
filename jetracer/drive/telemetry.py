"""Writes down every step while the car drives, without ever holding the loop up.

A run folder holds `steps.csv`, one line per step, and the pictures as `frames/<seq>.jpg`, which
`jetracer drive --camera replay:RUN/frames` sees again. Both grow while driving: a killed run can be read.
"""
from __future__ import annotations

import csv
import queue
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from jetracer.core.types import Aim, Command, Decision, Frame, Pilot, Scene, Step, Stop

STEP_COLUMNS = (
    "seq", "t_s", "frame_t_s", "sent_t_s", "aim_x", "aim_y", "confidence", "mode", "deadman", "estop",
    "pilot_steering", "pilot_throttle", "wanted_steering", "wanted_throttle", "steering", "throttle",
    "armed", "stops", "perceive_s", "decide_s", "guard_s", "picture",
)  # fmt: skip
TRUTH_COLUMNS = (
    "x_m", "y_m", "yaw_rad", "speed_mps", "lateral_m", "half_width_m", "s_m", "distance_m",
    "lap", "off_track", "collisions", "off_track_s",
)  # fmt: skip
TEXTS = {"mode", "stops"}

Row = Dict[str, Any]


class _Entry(NamedTuple):
    step: Step
    truth: Any


class Telemetry:
    """A sink of the drive loop. `truth`, asked at every step, is the simulated world's or missing.

    At most `frames_hz` pictures a second are kept, none with 0.
    A full queue or a full disk costs rows, never time: `dropped` counts, `error` says why.
    """

    def __init__(self, folder: Path, truth: Optional[Callable[[], Any]] = None, frames_hz: float = 30.0,
                 waiting: int = 64) -> None:
        self.folder = Path(folder)
        self.dropped = 0
        self.error: Optional[str] = None
        self._truth = truth
        self._frame_gap_s = 0.9 / frames_hz if frames_hz else float("inf")
        self._next_frame_s = float("-inf") if frames_hz else float("inf")
        self._queue: queue.Queue = queue.Queue(waiting)
        (self.folder / "frames").mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / "steps.csv").open("w", newline="", encoding="utf-8", buffering=1)
        self._rows = csv.writer(self._file)
        self._rows.writerow(STEP_COLUMNS + TRUTH_COLUMNS)
        self._thread = threading.Thread(target=self._work, name="telemetry", daemon=True)
        self._thread.start()

    def __call__(self, step: Step) -> None:
        """Take note of a step; returns at once, whatever the disk does."""
        try:
            self._queue.put_nowait(_Entry(step, self._truth() if self._truth else None))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is waiting and close the files. May be called again."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._file.close()

    def _work(self) -> None:
        for entry in iter(self._queue.get, None):
            try:
                self._write(entry)
            except OSError as error:
                self.dropped += 1
                self.error = self.error or f"cannot write to {self.folder}: {error.strerror or error}"

    def _write(self, entry: _Entry) -> None:
        frame = entry.step.frame
        picture = frame.t_s >= self._next_frame_s
        if picture:
            self._next_frame_s = frame.t_s + self._frame_gap_s
            self._save(frame)
        truth = [getattr(entry.truth, name, "") for name in TRUTH_COLUMNS]
        self._rows.writerow([_brief(value) for value in [*row_of(entry.step), int(picture), *truth]])

    def _save(self, frame: Frame) -> None:
        import cv2

        done, data = cv2.imencode(".jpg", frame.image, (cv2.IMWRITE_JPEG_QUALITY, 90))
        if done:
            picture_path(self.folder, frame.seq).write_bytes(data)


def picture_path(folder: Path, seq: int) -> Path:
    return Path(folder) / "frames" / f"{seq:07d}.jpg"


def row_of(step: Step) -> List[Any]:
    """The step as the values of STEP_COLUMNS but the last."""
    scene, pilot, decision = step.scene, step.pilot, step.decision
    aim = scene.aim
    return [
        step.frame.seq, step.t_s, step.frame.t_s, decision.t_s,
        aim.x if aim else "", aim.y if aim else "", scene.confidence,
        pilot.mode, int(pilot.deadman), int(pilot.estop), pilot.command.steering, pilot.command.throttle,
        step.wanted.steering, step.wanted.throttle, decision.command.steering, decision.command.throttle,
        int(decision.armed), "+".join(stop.reason for stop in decision.stops),
        *(step.sections_s.get(name, "") for name in ("perceive", "decide", "guard")),
    ]  # fmt: skip


def step_of(row: Row, image: Any) -> Step:
    """The step that a row came from, with its picture put back."""
    human, wanted, sent = (
        Command(row[f"{who}steering"], row[f"{who}throttle"]) for who in ("pilot_", "wanted_", ""))
    aim = None if row["aim_x"] is None else Aim(row["aim_x"], row["aim_y"])
    frame = Frame(image, row["frame_t_s"], int(row["seq"]))
    pilot = Pilot(human, bool(row["deadman"]), bool(row["estop"]), row["mode"], row["t_s"])
    stops = tuple(Stop(reason) for reason in row["stops"].split("+") if reason)
    decision = Decision(sent, stops, bool(row["armed"]), row["sent_t_s"])
    sections_s = {name: row[f"{name}_s"] or 0.0 for name in ("perceive", "decide", "guard")}
    scene = Scene(frame.t_s, aim, (), row["confidence"])
    return Step(frame, scene, pilot, wanted, decision, row["t_s"], sections_s)


def read_rows(folder: Path) -> List[Row]:
    """All rows of a run folder, numbers as floats, unknowns as None; a torn last line is left out."""
    rows = []
    with (Path(folder) / "steps.csv").open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        names = next(lines, [])
        for line in lines:
            if len(line) == len(names):
                values = zip(names, line)
                rows.append({name: text if name in TEXTS else _number(text) for name, text in values})
    return rows


def _number(text: str) -> Optional[float]:
    return float(text) if text else None


def _brief(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
