"""A drive as a service: it waits for what is not there (yet), and tells systemd that it turns and how the car is."""
from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from typing import Callable, ContextManager, Iterator, TypeVar

from jetracer.camera.base import Camera
from jetracer.core.clock import Clock
from jetracer.core.errors import CameraEnded, CameraError, ConfigError, DeviceError
from jetracer.core.notify import Notifier
from jetracer.core.types import Step
from jetracer.drive.config import DriveConfig
from jetracer.drive.loop import CAMERA_PATIENCE_S
from jetracer.drive.panel import fault_of

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
_ARM_THEMSELVES = ("auto", "script")
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Herald:
    """A sink of the drive loop: tells systemd its turns, whether the car is armed, and the last fault."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._said, self._fault = "", ""

    def __call__(self, step: Step) -> None:
        self._notifier.turn(step.t_s)
        decision = step.decision
        self._fault = fault_of(decision.stops) or self._fault
        said = f"armed, {step.pilot.mode}" if decision.armed else "in neutral, not armed"
        if self._fault:
            said += f"; last fault: {self._fault}"
        if said != self._said:
            self._said = said
            self._notifier.status(said)


@contextmanager
def patiently(start: Callable[[], ContextManager[T]], notifier: Notifier, clock: Clock) -> Iterator[T]:
    """What `start()` gives; where a device is missing, tried again with growing pauses for as long as it takes."""
    waiting = _Waiting(notifier)
    pause_s = FIRST_PAUSE_S
    with ExitStack() as stack:
        while True:
            try:
                parts = stack.enter_context(start())
                break
            except DeviceError as error:
                waiting(error)
            clock.sleep_until(clock.now_s() + pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        yield parts


def first_picture(camera: Camera, notifier: Notifier) -> None:
    """Wait for it: a camera opens itself again until it works. Raises CameraEnded."""
    waiting = _Waiting(notifier)
    while True:
        try:
            camera.read(CAMERA_PATIENCE_S)
            return
        except CameraEnded:
            raise
        except CameraError as error:
            waiting(error)


def check_pilot(config: DriveConfig) -> None:
    """A service that starts at boot must not move by itself. Raises ConfigError."""
    if config.teleop.partition(":")[0] in _ARM_THEMSELVES and not config.bus.startswith("sim:"):
        raise ConfigError(f"teleop = {config.teleop} arms the car by itself, and a service starts when nobody looks; "
                          "choose a pilot that is a human, such as gamepad.")


class _Waiting:
    """Says once what is waited for, to systemd and to the journal."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier, self._said = notifier, ""

    def __call__(self, error: Exception) -> None:
        if str(error) != self._said:
            self._said = str(error)
            self._notifier.status(f"waiting: {error}")
            _log.warning("waiting: %s", error)
