"""A car on the kernel's own drivers: adapter, chips, camera and pad, and `jetracer drive` in processes of its own."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Optional

from jetracer.core.errors import GuardError
from jetracer.core.types import MANUAL, MODES
from jetracer.safety.client import GuardClient
from jetracer.safety.protocol import Status
from jetracer.teleop.pads import XBOX
from tests.hil import vivid
from tests.hil.adapter import Adapter
from tests.hil.uinput import UinputPad
from tests.hil.wire import NEUTRAL_US, Wire

KIT = "nvidia-jetracer"
PACK_V = 11.4
STICK = (0.5, 0.6)  # steering, throttle
CAPTURE = (320, 180)  # the smallest that vivid has: its test pattern costs processor time of the guest
# The null model sees a road straight ahead: a network would take many times longer here than on a car. Real time,
# because a collection of Python's garbage alone takes longer here than the guard waits for a command.
OPTIONS = ("--camera", "usb", "--camera.capture_width", str(CAPTURE[0]), "--camera.capture_height", str(CAPTURE[1]),
           "--road", "null", "--teleop", "gamepad", "--realtime", "--headless", "--film", "false",
           "--record.pictures", "none")  # fmt: skip
START_S = 60.0
PRIORITY = 80  # real time; the guard has 60
SMOOTHING_S = 0.6  # after which the pulses stand still
TRIES = 3  # an emulated core that stands still for a tenth of a second has the guard stop the car, rightly


class Drive:
    """`jetracer drive` on a bus; what it says on standard error is in `log`."""

    def __init__(self, bus: int, folder: Path) -> None:
        self.mode = MANUAL
        self._log = folder / "drive.log"
        os.environ["JETRACER_RUNTIME_DIR"] = str(folder)
        command = [sys.executable, "-m", "jetracer.cli.main", "drive", "--kit", KIT, "--bus", str(bus), *OPTIONS,
                   "--runs", str(folder / "runs")]  # fmt: skip
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._client = GuardClient(folder / "guard.sock", timeout_s=2.0)
        until(lambda: self.ended or self._driving(), START_S)
        if self.ended:
            raise RuntimeError(f"The drive did not start: {self.log}")

    def _driving(self) -> bool:
        """Whether it sends commands to its guard."""
        try:
            self._client.open()
            return self._client.status().owned
        except GuardError:
            return False

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def log(self) -> str:
        return self._log.read_text()

    def status(self) -> Status:
        return self._client.status()

    def end(self) -> None:
        """End it as Ctrl-C does; kill what does not end."""
        if not self.ended:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Rig:
    """Everything plugged in; `driving` brings the car into motion from whatever state a fault left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wire = Wire()
        self.wire.board.set_battery(PACK_V, 0.8)
        _stand_outside()
        self.adapter = Adapter(self.wire.transfer)
        self.bus = self.adapter.plug()
        vivid.plug()
        self.pad = UinputPad()
        self.drive: Optional[Drive] = None

    def close(self) -> None:
        self.end_drive()
        self.pad.unplug()
        self.adapter.unplug()
        vivid.unload()

    def end_drive(self) -> None:
        if self.drive is not None:
            self.drive.end()
            self.drive = None

    def driving(self, mode: str = MANUAL) -> Drive:
        """The car drives with the stick held; in `mode`, manual or assisted."""
        if self.drive is not None and self.drive.ended:
            self.drive = None
        vivid.plug()
        if self.drive is None:
            self.rest()
            self.drive = Drive(self.bus, self.folder)
        for _ in range(TRIES):
            self._arm(self.drive, mode)
            self.push(STICK[0] if mode == MANUAL else 0.0)  # who steers in assisted mode takes over
            time.sleep(SMOOTHING_S)
            if self.wire.pulses()[1] > NEUTRAL_US + 50 and self.drive.status().armed:
                return self.drive
        raise RuntimeError(f"The car does not keep driving: {self.drive.status()}")

    def push(self, steering: float = STICK[0], throttle: float = STICK[1]) -> None:
        self.pad.push(XBOX, steering, throttle)

    def rest(self) -> None:
        """All let go."""
        self.push(0.0, 0.0)
        self.pad.press(XBOX.deadman, False)

    def new_pad(self) -> None:
        self.pad = UinputPad()

    def _arm(self, drive: Drive, mode: str) -> None:
        until_s = time.monotonic() + START_S
        self.rest()
        while drive.mode != mode:
            time.sleep(0.2)
            self.pad.tap(XBOX.mode)
            drive.mode = MODES[(MODES.index(drive.mode) + 1) % len(MODES)]
        time.sleep(0.2)
        self.pad.press(XBOX.deadman)
        while not drive.status().armed:
            if time.monotonic() > until_s or drive.ended:
                raise RuntimeError(f"The car cannot be armed: {drive.status().decision.stops}; {drive.log}")
            self.pad.tap(XBOX.arm)
            time.sleep(0.1)


def _stand_outside() -> None:
    """This process is the world around the car's computer: chips and hands that wait for no program of the car."""
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    # with one slow core a drive may need more of it than the share that real-time programs are granted
    Path("/proc/sys/kernel/sched_rt_runtime_us").write_text("-1")


def until(condition: Callable[[], bool], within_s: float) -> None:
    """Wait for what has no other way to tell. Raises TimeoutError."""
    until_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until_s:
            raise TimeoutError("It did not happen.")
        time.sleep(0.02)
