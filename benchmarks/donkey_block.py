"""Donkey's loop with our parts: its `Vehicle`, a threaded camera part, the network, the same registers.

Donkey writes to the motors from the loop's own process; there is no guard. The motors are one part that the
loop runs, the quickest of the ways that Donkey knows: its templates use threads that write on and on.

    build/donkey/bin/python -m benchmarks.donkey_block PICTURES OUT ROAD HZ SECONDS
"""
from __future__ import annotations

import json
import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np

from benchmarks.measure import TURN, working_folder
from benchmarks.stand_ins import make_engine
from jetracer.camera.base import CameraConfig
from jetracer.camera.null import NullCamera
from jetracer.car.servo_esc import ServoEsc
from jetracer.core.types import Command, Frame
from jetracer.perception.road import RoadFollower
from jetracer.sim.board import Board

CAMERA_FPS = 60.0
WARM_UP_S = 1.5
THROTTLE = 0.2


class CameraPart:
    """As Donkey's own cameras: a thread keeps the newest picture, the loop takes whatever is there."""

    def __init__(self, camera: NullCamera) -> None:
        self._camera, self._running = camera, True
        self._frame: Frame = camera.read(1.0)
        self._stopped = threading.Event()

    def update(self) -> None:
        while self._running:
            self._frame = self._camera.read(1.0)
        self._stopped.set()

    def run_threaded(self) -> Tuple[np.ndarray, Frame]:
        return self._frame.image, self._frame

    def shutdown(self) -> None:
        self._running = False
        self._stopped.wait(2.0)


class PilotPart:
    """The network, with the same preparation of the picture as ours."""

    def __init__(self, perception: RoadFollower) -> None:
        self._perception = perception

    def run(self, _image: np.ndarray, frame: Frame) -> Tuple[float, float, float, float]:
        began_s = time.monotonic()
        scene = self._perception.perceive(frame)
        steering = scene.aim.x if scene.aim is not None else 0.0
        return steering, THROTTLE, began_s, time.monotonic() - began_s


class MotorPart:
    """Both channels in one transfer, as our own driver writes them; notes when."""

    def __init__(self, car: ServoEsc, board: Board) -> None:
        self.turns: List[tuple] = []
        self._car, self._board = car, board

    def run(self, steering: float, throttle: float, frame: Frame, began_s: float, perceive_s: float) -> None:
        self._car.apply(Command(steering, throttle))
        self.turns.append((frame.seq, frame.t_s, began_s, self._board.last_write_s, perceive_s,
                           float("nan"), float("nan")))


def drive_donkey(pictures: str, road: str, hz: float, seconds: float) -> List[tuple]:
    """Run the vehicle and return its turns after the warm-up."""
    from donkeycar.vehicle import Vehicle

    logging.disable(logging.INFO)  # its table of part times
    vehicle: Any = Vehicle()
    with working_folder() as folder:
        board = Board.create(str(Path(folder) / "board"))
        car = ServoEsc(board.bus())
        car.open()
        motors = MotorPart(car, board)
        engine = make_engine(road)
        camera = NullCamera(CameraConfig(name="null", fps=CAMERA_FPS), images=list(np.load(pictures)))
        vehicle.add(CameraPart(camera), outputs=["cam/image_array", "cam/frame"], threaded=True)
        vehicle.add(PilotPart(RoadFollower(engine)), inputs=["cam/image_array", "cam/frame"],
                    outputs=["pilot/angle", "pilot/throttle", "pilot/began", "pilot/took"])
        vehicle.add(motors, inputs=["pilot/angle", "pilot/throttle", "cam/frame", "pilot/began",
                                    "pilot/took"])
        vehicle.start(rate_hz=hz, max_loop_count=round(hz * (WARM_UP_S + seconds)))
    return motors.turns[round(hz * WARM_UP_S):]


def main() -> int:
    pictures, out, road, hz, seconds = sys.argv[1:]
    turns = drive_donkey(pictures, road, float(hz), float(seconds))
    np.save(out, np.array(turns, TURN))
    from donkeycar import __version__

    print(json.dumps({"version": __version__}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
