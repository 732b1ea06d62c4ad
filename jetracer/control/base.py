"""A controller turns what a picture means into what the wheels should do."""
from __future__ import annotations

import math
from abc import ABC, abstractmethod

from jetracer.core.registry import Registry
from jetracer.core.types import Command, Scene

CONTROLLERS = Registry("controller", {
    "pursuit": "jetracer.control.pursuit:PurePursuit",
    "aim": "jetracer.control.aim:AimPD",
})


class Controller(ABC):
    """The loop calls `decide`, lets the guard have the last word, and tells what that was by `sent`.

    Built as `Class(config: ControlConfig, camera: Optional[CameraModel], clock: Clock)`.
    """

    needs_camera = False  # whether it cannot do without the camera's geometry

    @abstractmethod
    def decide(self, scene: Scene, dt_s: float) -> Command:
        """What the wheels should do; `dt_s` seconds passed since the last call (0 at the first).

        Always finite and in [-1, 1]. Where the scene says nothing usable: no throttle, steering fades out.
        """

    def sent(self, command: Command, t_s: float) -> None:
        """`command` is what really went to the motors at `t_s` (monotonic), whoever wanted it."""
        del command, t_s  # a controller without a memory of motion has no use for it

    def reset(self) -> None:
        """Forget the past, as before the first frame."""
        return


def usable(scene: Scene, confidence_floor: float = 0.0) -> bool:
    """True where the scene says where to drive: a finite aim and a finite confidence above the floor."""
    if scene.aim is None or not math.isfinite(scene.confidence) or scene.confidence <= confidence_floor:
        return False
    return math.isfinite(scene.aim.x) and math.isfinite(scene.aim.y) and math.isfinite(scene.t_s)


class Coast:
    """Steering without sight: hold the last angle and let it fade, a bend does not end with a frame."""

    def __init__(self, fade_s: float) -> None:
        self._fade_s = fade_s
        self._steering = 0.0

    def remember(self, steering: float) -> None:
        self._steering = steering

    def command(self, dt_s: float) -> Command:
        """No throttle, and the remembered steering after another `dt_s`."""
        if dt_s > 0.0 and math.isfinite(dt_s):
            self._steering *= math.exp(-dt_s / self._fade_s)
        return Command(self._steering, 0.0)
