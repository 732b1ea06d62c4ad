"""Starts and ends the process of the simulated world."""
from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import List, Tuple

from jetracer.core.device import Device
from jetracer.core.errors import ConfigError, DeviceError
from jetracer.core.runtime import memory_dir
from jetracer.drive.config import DriveConfig
from jetracer.sim.camera import BOARD, FRAMES, SOCKET
from jetracer.sim.faults import Faults
from jetracer.sim.shared import SharedWorld

READY_S = 20.0
POLL_S = 0.005


class WorldProcess(Device):
    """`start` at once, `await_board` before the guard, `open` before the camera; `close` ends it."""

    def __init__(self, config: DriveConfig, folder: Path) -> None:
        self.folder = folder
        self._config = config
        self._process = None

    def start(self) -> None:
        Faults.parse(fault_names(self._config))  # a wrong name is told before anything runs
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jetracer.sim.server", *self._arguments()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )

    def await_board(self) -> str:
        """The path of the virtual board, once it is there."""
        self._await(self.folder / BOARD)
        return str(self.folder / BOARD)

    def open(self) -> None:
        self._await(self.folder / SOCKET)
        self.shared = SharedWorld.attach(str(self.folder / FRAMES))

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        if self._process is None:
            return
        self._process.kill()  # it keeps nothing that could be lost
        self._process.wait()
        self._process.stderr.close()
        self._process = None

    def _arguments(self) -> List[str]:
        config = self._config
        words = ["--dir", str(self.folder), "--seed", str(config.seed), "--fps", str(config.world.fps),
                 "--width", str(config.camera.width), "--height", str(config.camera.height),
                 "--look", config.world.look]
        if config.world.track_seed is not None:
            words += ["--track-seed", str(config.world.track_seed)]
        if config.world.car_seed is not None:
            words += ["--car-seed", str(config.world.car_seed)]
        if config.world.lifted:
            words += ["--lifted"]
        for fault in fault_names(config):
            words += ["--fault", fault]
        return words

    def _await(self, path: Path) -> None:
        give_up_s = time.monotonic() + READY_S
        while not path.exists():
            if self._process.poll() is not None:
                said = self._process.stderr.read().strip().splitlines()
                raise ConfigError(said[-1] if said else "The simulated world ended at once; try again with --debug.")
            if time.monotonic() > give_up_s:
                raise DeviceError(f"The simulated world was not ready within {READY_S:.0f} s; is the machine busy?")
            time.sleep(POLL_S)


def simulated(config: DriveConfig, stack: ExitStack) -> Tuple[WorldProcess, DriveConfig]:
    """Start the world's process, which ends with `stack`; the configuration with its bus and camera filled in.

    Its board is there, its camera not before `open`.
    """
    home = tempfile.TemporaryDirectory(prefix="jetracer-world-", dir=memory_dir())
    folder = Path(stack.enter_context(home))
    world = WorldProcess(config, folder)
    stack.callback(world.close)
    world.start()
    camera = replace(config.camera, name="sim", path=str(folder))
    return world, replace(config, camera=camera, bus=f"sim:{world.await_board()}")


def fault_names(config: DriveConfig) -> List[str]:
    return [text for text in config.world.fault.split(",") if text]
