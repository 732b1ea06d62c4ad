"""The values that flow from folder to folder. All immutable, all carry monotonic time.

Signs: steering +1 is full right, throttle +1 is full forward, image x grows right and y down.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Mapping, Optional, Tuple

if TYPE_CHECKING:
    import numpy as np

MANUAL, ASSISTED, AUTOMATIC = "manual", "assisted", "automatic"
MODES = (MANUAL, ASSISTED, AUTOMATIC)


@dataclass(frozen=True)
class Frame:
    """One picture. `image` is (H, W, 3) uint8 BGR; `t_s` is the monotonic time of exposure, as near as known."""

    image: np.ndarray
    t_s: float
    seq: int

    def age_s(self, now_s: float) -> float:
        return now_s - self.t_s


@dataclass(frozen=True)
class Command:
    """What the wheels should do: steering in [-1, 1] (+ right), throttle in [-1, 1] (+ forward)."""

    steering: float = 0.0
    throttle: float = 0.0


NEUTRAL = Command(0.0, 0.0)


@dataclass(frozen=True)
class Aim:
    """The point to drive to, in the image: x, y in [-1, 1] (x right, y down), NVIDIA's 2 * (px / width - 0.5)."""

    x: float
    y: float


@dataclass(frozen=True)
class Detection:
    """One object. `box` is (left, top, right, bottom) as fractions of the image in [0, 1]."""

    label: str
    confidence: float
    box: Tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """What a frame means. `t_s` is the frame's own time; `confidence` in [0, 1], 0 where nothing is known."""

    t_s: float
    aim: Optional[Aim] = None
    detections: Tuple[Detection, ...] = ()
    confidence: float = 0.0


@dataclass(frozen=True)
class Pilot:
    """What the human (or the script in a human's place) asks for. `arm` is the explicit gesture that arms the car.

    `record` asks for this drive to be kept, `undo`, once per press, for its last seconds to be thrown away.
    Whoever drives, `trim` is added to the steering and `limit` is the most throttle; `command` is without the trim.
    """

    command: Command = NEUTRAL
    deadman: bool = False
    estop: bool = False
    mode: str = MANUAL
    t_s: float = 0.0
    arm: bool = False
    record: bool = False
    undo: bool = False
    trim: float = 0.0
    limit: float = 1.0


@dataclass(frozen=True)
class Stop:
    """Why the safety gate changed a command; `reason` is a name from `safety/reasons.py`."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Decision:
    """What was really sent to the motors at `t_s`, and every reason that made it differ from what was wanted."""

    command: Command = NEUTRAL
    stops: Tuple[Stop, ...] = ()
    armed: bool = False
    t_s: float = 0.0


@dataclass(frozen=True)
class Step:
    """One turn of the drive loop: the one record that recorder, display, web and report read.

    `sections_s` maps a section's name (perceive, decide, guard) to the seconds it took.
    """

    frame: Frame
    scene: Scene
    pilot: Pilot
    wanted: Command
    decision: Decision
    t_s: float
    sections_s: Mapping[str, float] = field(default_factory=dict)
