"""The drive loop: a frame in, one step out, at an even rate.

    camera -> perception -> controller -> arbiter -> guard -> sinks
"""
from __future__ import annotations

import math
from typing import Callable, Optional, Sequence

from jetracer.camera.base import Camera
from jetracer.control.arbiter import Arbiter
from jetracer.control.base import Controller, usable
from jetracer.core.clock import Clock
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout
from jetracer.core.rate import Rate
from jetracer.core.types import Command, Frame, Scene, Step
from jetracer.perception.base import Perception
from jetracer.safety.client import Guard
from jetracer.teleop.base import Teleop

# Well inside the guard's command timeout, so that the pilot stays heard while the camera is silent, and longer than
# the period of a camera of 20 Hz.
READ_TIMEOUT_S = 0.06
CAMERA_PATIENCE_S = 10.0


class Driver:
    """One turn: what does the frame mean, what should the wheels do, what did the guard let through."""

    def __init__(self, perception: Perception, controller: Controller, arbiter: Arbiter,
                 teleop: Teleop, guard: Guard, clock: Clock) -> None:
        self.perception, self.controller, self.arbiter = perception, controller, arbiter
        self.teleop, self.guard, self.clock = teleop, guard, clock
        self._last_s: Optional[float] = None

    def turn(self, frame: Frame, fresh: bool = True, lost: bool = False) -> Step:
        """Act on `frame`. With `fresh=False` it was acted on before: nothing is known, only the pilot is heard.

        With `lost` the camera is known to fail: the guard need not wait until the picture is old.
        """
        clock = self.clock
        start_s = clock.now_s()
        scene = self.perception.perceive(frame) if fresh else Scene(frame.t_s)
        perceived_s = clock.now_s()
        pilot = self.teleop.poll()
        dt_s = 0.0 if self._last_s is None else start_s - self._last_s
        wanted = self.arbiter.choose(pilot, self.controller.decide(scene, dt_s), usable(scene))
        decided_s = clock.now_s()
        decision = self.guard.send(wanted, -math.inf if lost else frame.t_s, pilot, scene.confidence)
        sent = decision.command
        # a trim sets wheels straight that are askew: where they point is the command without it
        self.controller.sent(Command(sent.steering - pilot.trim, sent.throttle), decision.t_s)
        self._last_s = start_s
        sections_s = {"perceive": perceived_s - start_s, "decide": decided_s - perceived_s,
                      "guard": clock.now_s() - decided_s}
        return Step(frame, scene, pilot, wanted, decision, start_s, sections_s)


def run(driver: Driver, camera: Camera, sinks: Sequence[Callable[[Step], None]], until: Callable[[Step], bool],
        rate: Optional[Rate] = None) -> None:
    """Drive until `until(step)`, at the camera's own rate or, with `rate`, at that one.

    A silent camera does not end the drive at once: the guard stops the car, the pilot stays heard, and the camera
    has `CAMERA_PATIENCE_S` to come back. Raises CameraEnded at the end of a recording, GuardLost, CameraError.
    """
    frame, fresh, lost = camera.read(CAMERA_PATIENCE_S), True, False
    while True:
        step = driver.turn(frame, fresh, lost)
        for sink in sinks:
            sink(step)
        if until(step):
            return
        if rate is not None:
            rate.wait()
        try:
            frame, fresh, lost = camera.read(READ_TIMEOUT_S), True, False
        except CameraEnded:
            raise
        except CameraError as error:
            fresh, lost = False, lost or not isinstance(error, CameraTimeout)
            if step.t_s - frame.t_s > CAMERA_PATIENCE_S:
                raise
