"""The camera of the simulated world: frames from shared memory, stamped by the world at exposure."""
from __future__ import annotations

import time
from pathlib import Path
from typing import Optional

from jetracer.camera.base import Camera, CameraConfig
from jetracer.core.clock import Clock
from jetracer.core.errors import CameraError, CameraTimeout
from jetracer.core.runtime import runtime_dir
from jetracer.core.types import Frame
from jetracer.sim.notices import Listener
from jetracer.sim.shared import SharedWorld

FRAMES, SOCKET, BOARD, TRUTH = "frames", "world.sock", "board", "truth.csv"  # the files in a world's folder


def world_dir() -> Path:
    """The folder of the simulated world when none is named."""
    return runtime_dir() / "world"


class SimCamera(Camera):
    """Attaches to the world in the folder `config.path`. Size and rate are the world's, not the
    configuration's."""

    def __init__(self, config: Optional[CameraConfig] = None, clock: Optional[Clock] = None) -> None:
        self._folder = Path(config.path) if config and config.path else world_dir()
        self._world: Optional[SharedWorld] = None
        self._listener: Optional[Listener] = None
        self._last_seq = -1

    def open(self) -> None:
        if self._world is not None:
            return
        listener = Listener(str(self._folder / SOCKET))
        try:
            self._world = SharedWorld.attach(str(self._folder / FRAMES))
        except CameraError:
            listener.close()
            raise
        self._listener = listener
        self._last_seq = -1

    def close(self) -> None:
        listener, self._listener = self._listener, None
        world, self._world = self._world, None
        if listener is not None:
            listener.close()
        if world is not None:
            world.close()

    def read(self, timeout_s: float) -> Frame:
        give_up_s = time.monotonic() + timeout_s
        while True:
            world, listener = self._world, self._listener
            if world is None or listener is None:
                raise CameraError("The simulated camera is closed; open it first.")
            newest = world.newest()
            if newest is not None and newest.seq > self._last_seq:
                self._last_seq = newest.seq
                return Frame(*newest)
            if not listener.wait(give_up_s - time.monotonic()):
                raise CameraTimeout(f"The simulated camera delivered no frame within {timeout_s:.2f} s.")
