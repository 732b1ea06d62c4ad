"""The simulated world as a process of its own:

    python -m jetracer.sim.server --dir DIR --seed 1 --fps 30 [--fault frozen@5]

Makes in DIR: board (the virtual I2C board, at once), frames and truth.csv, and at last world.sock, which
says that all is ready. Prints nothing. Ends on SIGTERM, or when its parent dies.
"""
from __future__ import annotations

import argparse
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, List, Optional

from jetracer.core.errors import JetRacerError
from jetracer.core.realtime import freeze_garbage
from jetracer.sim.board import Board

POWERED_S = 0.5  # before the world begins: long enough for the ESC to be armed, if a guard runs already
_LOOKS = ("random", "plain", "nose", "pattern")


def main(arguments: Optional[List[str]] = None) -> None:
    options = _parser().parse_args(arguments)
    parent = options.parent or os.getppid()
    stop: List[int] = []
    signal.signal(signal.SIGTERM, lambda signum, _frame: stop.append(signum))
    # Ctrl-C goes to all processes of a terminal's group. It is for the group's leader: when that is a
    # drive, the world has to stay until the car has stopped, and ends with its parent.
    leads = os.getpgrp() == os.getpid()
    signal.signal(signal.SIGINT, (lambda signum, _frame: stop.append(signum)) if leads else signal.SIG_IGN)
    path = Path(options.dir)
    path.mkdir(parents=True, exist_ok=True)
    board = Board.create(str(path / "board"))  # first: the guard can start on it while the rest is made
    try:
        _run(options, path, board, lambda: bool(stop) or os.getppid() != parent)
    except JetRacerError as error:
        raise SystemExit(str(error)) from error
    finally:
        board.close()


def _run(options: argparse.Namespace, path: Path, board: Board, stopped: Callable[[], bool]) -> None:
    from jetracer.sim.live import LiveWorld

    live = _make_live(options, path, board, LiveWorld)
    freeze_garbage()
    try:
        live.run(stopped)
    finally:
        live.close()


def _make_live(options: argparse.Namespace, path: Path, board: Board, live_world: Any) -> Any:
    """Build track, scenery and car from the options; numpy and OpenCV are loaded here."""
    from jetracer.sim.actuators import BatteryConfig
    from jetracer.sim.faults import Faults
    from jetracer.sim.sensor import Delivery, Sensor
    from jetracer.sim.track import generate
    from jetracer.sim.vehicle import Vehicle, VehicleConfig
    from jetracer.sim.world import World

    faults = Faults.parse(options.fault)
    delivery = Delivery(options.jitter_s, options.drop, options.repeat)
    track = generate(options.seed if options.track_seed is None else options.track_seed)
    camera = _camera(options.width, options.height)
    battery = BatteryConfig(charge=options.charge, brown_out_v=options.brown_out_v)
    build = VehicleConfig(lifted=options.lifted)
    if options.car_seed is not None:
        build = VehicleConfig.random(options.car_seed, options.lifted)
    vehicle = Vehicle(replace(build, battery=battery))
    renderer = _renderer(options, track, camera, build.chassis.max_steering_rad)
    world = World(track, board, camera, vehicle=vehicle, faults=faults, renderer=renderer)
    world.render()  # the first picture loads and allocates what the others need
    world.begin(time.monotonic(), POWERED_S)
    return live_world(world, Sensor(world, options.fps, delivery, options.seed), path)


def _renderer(options: argparse.Namespace, track: Any, camera: Any, max_steering_rad: float) -> Any:
    if options.look == "pattern":
        from jetracer.sim.pattern import PatternRenderer

        return PatternRenderer(options.width, options.height)
    import cv2
    import numpy as np

    from jetracer.sim.look import Look
    from jetracer.sim.render import Renderer
    from jetracer.sim.scenery import Scenery

    cv2.setNumThreads(1)  # the other cores belong to those who drive
    looks = {
        "random": Look.random(np.random.default_rng(options.seed)),
        "plain": replace(Look.plain(), noise=0.5),  # equal pictures of a standing car would count as a frozen sensor
        "nose": replace(Look.plain(), body="nose", wheel_step_rad=0.01, noise=1.5),
    }
    renderer = Renderer(Scenery(track, options.seed, ppm=options.ppm), camera, looks[options.look], seed=options.seed)
    renderer.prepare(max_steering_rad)
    return renderer


def _camera(width: int, height: int) -> Any:
    """SIM_CAMERA with another number of pixels; the field of view stays as wide."""
    from jetracer.camera.geometry import SIM_CAMERA

    return replace(SIM_CAMERA, lens=SIM_CAMERA.lens.resized(width, height))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jetracer.sim.server", description="The simulated world.")
    add = parser.add_argument
    add("--dir", required=True, help="folder for the board, the frames and the socket; made when missing")
    add("--seed", type=int, default=1, help="chooses track, surroundings and look")
    add("--track-seed", type=int, help="another seed for the track alone")
    add("--fps", type=float, default=30.0, help="frames per second")
    add("--width", type=int, default=224, help="of the frames, px")
    add("--height", type=int, default=224, help="of the frames, px")
    add("--look", choices=_LOOKS, default="random",
        help="plain: an ideal camera; nose: one that sees the wheels; pattern: no scenery")
    add("--ppm", type=float, default=256.0, help="floor texture, pixels per metre; small = quick to make")
    add("--fault", action="append", default=[], help="NAME@START[+DURATION]; may be given several times")
    add("--jitter-s", type=float, default=0.0, help="standard deviation of the moment of exposure")
    add("--drop", type=float, default=0.0, help="probability that a frame is lost")
    add("--repeat", type=float, default=0.0, help="probability that a frame shows the picture before again")
    add("--car-seed", type=int, help="a car with a trim, dead band and direction of its own; default: none of it")
    add("--lifted", action="store_true", help="the car is on a stand: its wheels turn, it stays")
    add("--charge", type=float, default=1.0, help="of the battery at the start, 0 to 1")
    add("--brown-out-v", type=float, default=0.0, help="battery voltage where the servo board fails; 0: never")
    add("--parent", type=int, help="the world ends when this process is not its parent (any more)")
    return parser


if __name__ == "__main__":
    main()
