"""What recording costs the drive loop: 60 frames/s of 224 x 224, every other stretch of a drive recorded.

The time of a turn is from its begin to the end of its sinks, so that what the recorder's thread takes from the loop's
counts too. The cost is judged between neighbours: the 99 % of a recorded stretch less that of the one before it, in the
middle of all pairs, which what else runs on the machine for a while does not move. On a slow disk every wait for it
takes `SLOW_SYNC_S` longer. What a power cut costs is measured by killing recordings with SIGKILL.

Run by the benchmark itself: python -m benchmarks.recording --pictures FILE --session FILE
"""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np

from benchmarks.block import Block, drive_block
from benchmarks.measure import ROOT, progress, quantiles_ms, run_module, table, verdict
from benchmarks.stand_ins import draw_pictures
from jetracer.core.config import override
from jetracer.core.errors import DeviceError, JetRacerError
from jetracer.core.types import Step
from jetracer.data.recorder import Recorder
from jetracer.data.session import Session
from jetracer.safety.launch import arguments

FPS = 60.0
SECONDS, QUICK_SECONDS = 240.0, 16.0
KILLS, QUICK_KILLS = 20, 2
STRETCH_S = 4.0
SETTLE_S = 0.5  # at the begin of a stretch, not counted: the last one's pictures may still be on their way
SLOW_SYNC_S = 0.3
GOAL_COST, GOAL_LOSS_S = 0.02, 1.0


@dataclass(frozen=True)
class Take:
    """What to drive, and where its session goes."""

    pictures: str = ""
    session: str = ""
    road: str = "road"
    seconds: float = SECONDS
    slow_sync_s: float = 0.0
    endless: bool = False  # record all, until killed


class EveryOther:
    """A sink that hands every other stretch to the recorder; how long the loop's turns, and the recorder, took."""

    def __init__(self, recorder: Recorder) -> None:
        self.turns: List[Tuple[int, float, float]] = []  # stretch, seconds of the turn, of it the recorder's
        self._recorder = recorder
        self._start_s = 0.0

    def __call__(self, step: Step) -> None:
        self._start_s = self._start_s or step.t_s
        stretch, within_s = divmod(step.t_s - self._start_s, STRETCH_S)
        before_s = time.monotonic()
        if stretch % 2:
            self._recorder(step)
        after_s = time.monotonic()
        if within_s >= SETTLE_S:
            self.turns.append((int(stretch), after_s - step.t_s, after_s - before_s))


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"drives": {name: turns with and without recording, ...}, "kills": ..., "goal_met"}. Raises DeviceError."""
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as home:
        folder = Path(home)
        pictures = str(draw_pictures(folder / "pictures.npy"))
        take = Take(pictures, str(folder / "session.mcap"), road, QUICK_SECONDS if quick else SECONDS)
        slow = Take(pictures, str(folder / "slow.mcap"), road, take.seconds, SLOW_SYNC_S)
        drives = {}
        for name, one in (("this disk", take), (f"a disk {SLOW_SYNC_S:g} s slower", slow)):
            progress(f"{name}: {one.seconds:.0f} s")
            drives[name] = run_module(sys.executable, "benchmarks.recording", list(arguments(one)), one.seconds + 60.0)
        kills = [_lost_s(folder / str(number), pictures, 1.5 + 0.07 * number)
                 for number in range(QUICK_KILLS if quick else KILLS)]
    met = max(drive["cost"] for drive in drives.values()) <= GOAL_COST and max(kills) <= GOAL_LOSS_S
    return {"fps": FPS, "drives": drives, "kills": {"count": len(kills), "worst_s": round(max(kills), 3)},
            "goal_met": met}


def _lost_s(folder: Path, pictures: str, after_s: float) -> float:
    """Kill a recording; the seconds from its last readable step to the kill."""
    folder.mkdir()
    progress(f"kill {folder.name}")
    take = Take(pictures, str(folder / "session.mcap"), "null", 60.0, endless=True)
    command = [sys.executable, "-m", "benchmarks.recording", *arguments(take)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up_s = time.monotonic() + 30.0
    while not (folder / "session.mcap").exists():
        if time.monotonic() > give_up_s:
            raise DeviceError("The recording did not begin.")
        time.sleep(0.01)
    time.sleep(after_s)
    killed_s = time.monotonic()
    child.send_signal(signal.SIGKILL)
    child.wait()
    with Session.open(folder) as session:
        return killed_s - session[-1].t_s


def drive(take: Take) -> Dict[str, Any]:
    """Drive in this process; turns with and without recording, and what the recording was."""
    with _watched_disk(take.slow_sync_s) as waits_s:
        recorder = Recorder(Path(take.session))
        sink = EveryOther(recorder)
        block = Block(take.pictures, road=take.road, fps=FPS, seconds=take.seconds)
        _, facts = drive_block(block, [recorder if take.endless else sink])
        state = recorder.close()
    stretch, turn_s, sink_s = (np.array(column) for column in zip(*sink.turns))
    on = stretch % 2 == 1
    with_ms, without_ms, sink_ms = (quantiles_ms(times_s) for times_s in (turn_s[on], turn_s[~on], sink_s[on]))
    recorded_s = state.pictures / FPS
    return {"turns": len(on), "recorded_ms": with_ms, "not_ms": without_ms, "sink_ms": sink_ms,
            "cost": round(cost_s(stretch, turn_s) * FPS, 4),
            "cost_pooled": round((with_ms["p99"] - without_ms["p99"]) * FPS / 1e3, 4),
            "sink_cost": round(sink_ms["p99"] * FPS / 1e3, 4),
            "pictures": state.pictures, "dropped": state.dropped, "error": state.error,
            "bytes_per_s": round(os.stat(take.session).st_size / recorded_s), "sync_ms": quantiles_ms(waits_s),
            "ended": facts["ended"]}


def cost_s(stretch: np.ndarray, turn_s: np.ndarray) -> float:
    """The 99 % of a recorded (odd) stretch less that of the one before it, in the middle of all such pairs."""
    pairs = range(1, int(stretch.max()) + 1, 2)
    return float(np.median([np.quantile(turn_s[stretch == number], 0.99)
                            - np.quantile(turn_s[stretch == number - 1], 0.99) for number in pairs]))


@contextmanager
def _watched_disk(slower_s: float) -> Iterator[List[float]]:
    """Make every wait for the disk so much slower; the list fills with how long each took."""
    waits_s: List[float] = []
    sync = os.fdatasync

    def watched(fd: int) -> None:
        before_s = time.monotonic()
        sync(fd)
        time.sleep(slower_s)
        waits_s.append(time.monotonic() - before_s)

    os.fdatasync = watched
    try:
        yield waits_s
    finally:
        os.fdatasync = sync


def show(result: Dict[str, Any]) -> str:
    text = []
    for name, one in result["drives"].items():
        rows = [[label, *one[key].values()] for key, label in
                (("recorded_ms", "turn, recorded"), ("not_ms", "turn, not recorded"), ("sink_ms", "of it the recorder"),
                 ("sync_ms", "wait for the disk, in the recorder's thread"))]
        text += [f"  {name}: {one['turns']} turns, {one['pictures']} pictures, {one['dropped']} steps dropped, "
                 f"{one['bytes_per_s'] / 1e6:.2f} MB/s", table(rows, ["ms", "p50", "p99", "p99.9", "max"]),
                 f"  cost in periods, p99: {one['cost']:+.2%} between neighbours, "
                 f"{one['cost_pooled']:+.2%} of all turns; the recorder's own {one['sink_cost']:.2%}"]
        text += [f"  (ended {one['ended']})"] if one["ended"] else []
        text += [f"  (recording ended: {one['error']})"] if one["error"] else []
    kills = result["kills"]
    text.append(f"  {kills['count']} recordings killed with SIGKILL: at most {kills['worst_s']:.2f} s lost")
    goal = f"cost <= {GOAL_COST:.0%} of a period (p99), <= {GOAL_LOSS_S:.0f} s lost"
    return "\n".join([*text, verdict(goal, result["goal_met"])])


def main() -> int:
    try:
        print(json.dumps(drive(override(Take(), sys.argv[1:]))))
    except JetRacerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
