"""A stretch of driving in a process of its own, as `jetracer drive` does it, with exact times of every turn.

    camera thread -> mailbox -> drive loop -> guard's process -> registers of the virtual board

Run by the benchmarks: python -m benchmarks.block --pictures FILE --out FILE [--road MODEL] [--fps 60] ...
"""
from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from benchmarks.measure import TURN, run_module, working_folder
from benchmarks.stand_ins import make_engine
from jetracer.camera.background import Background
from jetracer.camera.base import CameraConfig
from jetracer.camera.geometry import SIM_CAMERA
from jetracer.camera.null import NullCamera
from jetracer.control.arbiter import Arbiter
from jetracer.control.base import CONTROLLERS
from jetracer.control.config import ControlConfig
from jetracer.core.clock import MonotonicClock
from jetracer.core.config import override
from jetracer.core.errors import DeviceError, GuardLost, JetRacerError
from jetracer.core.realtime import enter_realtime, freeze_garbage
from jetracer.core.types import Step
from jetracer.data.recorder import Recorder
from jetracer.drive.loop import Driver, run
from jetracer.perception.road import RoadFollower
from jetracer.safety.guard import GuardConfig
from jetracer.safety.launch import arguments
from jetracer.safety.start import GuardProcess, start_guard
from jetracer.sim.board import Board
from jetracer.teleop.auto import AutoTeleop

BATTERY = (11.7, 1.0)  # volts, amperes: a full pack of three cells


@dataclass(frozen=True)
class Block:
    """What to drive, and for how long."""

    pictures: str = ""  # .npy of the camera's pictures
    out: str = ""  # .npy for the turns
    road: str = "null"
    fps: float = 60.0
    seconds: float = 10.0  # measured
    warm_up_s: float = 1.5  # before that: the ESC's half second of neutral, and the first turns of all code
    realtime: bool = False  # the drive's own real-time mode
    guard_realtime: bool = True  # the guard's, which is on unless told otherwise
    recorded: bool = False  # record the drive, pictures included


class Take:
    """A sink of the drive loop: when each frame was exposed, and when its command reached the registers."""

    def __init__(self, board: Board, block: Block) -> None:
        self.turns: List[tuple] = []
        self.unchanged = self.unarmed = 0
        self.stops: set = set()
        self._board, self._block = board, block
        self._start_s: Optional[float] = None

    def __call__(self, step: Step) -> None:
        acted_s = self._board.last_write_s
        if self._start_s is None:
            self._start_s = step.t_s + self._block.warm_up_s
        if step.t_s < self._start_s:
            return
        if acted_s < step.t_s:  # the guard does not write again what the motors do already
            self.unchanged += 1
            acted_s = step.decision.t_s
        if not step.decision.armed:
            self.unarmed += 1
            self.stops.update(stop.reason for stop in step.decision.stops)
        times = step.sections_s
        self.turns.append((step.frame.seq, step.frame.t_s, step.t_s, acted_s,
                           times["perceive"], times["decide"], times["guard"]))

    @property
    def lasted_s(self) -> float:
        return self.turns[-1][2] - self.turns[0][2] if self.turns else 0.0

    def over(self, step: Step) -> bool:
        return self._start_s is not None and step.t_s >= self._start_s + self._block.seconds


def drive_block(block: Block, more: Sequence[Any] = ()) -> Tuple[Take, Dict[str, Any]]:
    """Drive, with `more` sinks; the turns and what else is to be known. Raises JetRacerError."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(working_folder()))
        board = Board.create(str(folder / "board"))
        board.set_battery(*BATTERY)
        guard_process = _start(stack, folder, block)
        driver, camera = _assemble(stack, guard_process, block)
        take = Take(board, block)
        sinks: List[Any] = [take, *more]
        if block.recorded:
            sinks.append(Recorder(folder / "session.mcap"))
            stack.callback(sinks[-1].close)
        refused = ""
        if block.realtime:
            refused = enter_realtime() or ""
            freeze_garbage()
        ended = ""
        try:
            run(driver, camera, sinks, take.over)
        except GuardLost as error:  # a result too: a guard that was starved has stopped the car
            ended = f"after {take.lasted_s:.0f} s: {error}"
    return take, {"refused": refused, "guard_realtime": guard_process.realtime, "dropped": camera.dropped,
                  "unchanged": take.unchanged, "unarmed": take.unarmed, "stops": sorted(take.stops),
                  "ended": ended}


def _start(stack: ExitStack, folder: Path, block: Block) -> GuardProcess:
    config = GuardConfig(realtime=block.guard_realtime)
    return stack.enter_context(start_guard(f"sim:{folder / 'board'}", folder / "guard.sock", config))


def _assemble(stack: ExitStack, guard_process: GuardProcess, block: Block) -> Tuple[Driver, Background]:
    clock = MonotonicClock()
    engine = stack.enter_context(make_engine(block.road))
    source = NullCamera(CameraConfig(name="null", fps=block.fps), clock, list(np.load(block.pictures)))
    guard = stack.enter_context(guard_process.connect())
    teleop = stack.enter_context(AutoTeleop(clock))
    controller = CONTROLLERS.create(ControlConfig().name, ControlConfig(), SIM_CAMERA, clock)
    driver = Driver(RoadFollower(engine), controller, Arbiter(), teleop, guard, clock)
    return driver, stack.enter_context(Background(source))


def in_own_process(block: Block) -> Tuple[np.ndarray, Dict[str, Any]]:
    """Drive `block` in a fresh process: (array of TURN, facts). Raises DeviceError."""
    facts = run_module(sys.executable, "benchmarks.block", list(arguments(block)), block.seconds + 60.0)
    turns = np.load(block.out)
    if not len(turns):
        raise DeviceError(facts["ended"] or "The drive ended before anything was measured.")
    return turns, facts


def fresh_turns(stretches: Iterator[np.ndarray]) -> List[np.ndarray]:
    """Without the turns in which the camera was silent and only the pilot was heard."""
    return [turns[np.diff(turns["seq"], prepend=-1) != 0] for turns in stretches]


def main() -> int:
    block = override(Block(), sys.argv[1:])
    try:
        take, facts = drive_block(block)
    except JetRacerError as error:
        print(error, file=sys.stderr)
        return 1
    np.save(block.out, np.array(take.turns, TURN))
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
