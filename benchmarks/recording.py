"""What recording costs the drive loop: 60 frames/s of 224 x 224, every other stretch of a drive recorded.

The time of a turn is from its begin to the end of its sinks, so that what the recorder's thread takes from the loop's
counts too. The cost is judged between neighbours: the 99 % of a recorded stretch less that of the one before it, in the
middle of all pairs, which what else runs on the machine for a while does not move; and in real-time mode, since in the
ordinary one the loop of a busy machine waits for other programs above all. On a slow disk every wait for it takes
`SLOW_SYNC_S` longer. What a power cut costs is measured by killing recordings with SIGKILL.

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
from dataclasses import dataclass, replace
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
SECONDS, QUICK_SECONDS = 120.0, 16.0
KILLS, QUICK_KILLS = 20, 2
STRETCH_S = 4.0
SETTLE_S = 0.5  # at the begin of a stretch, not counted: the last one's pictures may still be on their way
SLOW_SYNC_S = 0.3
DRIVES: Dict[str, Dict[str, Any]] = {
    "real-time mode": {"realtime": True},
    f"real-time mode, a disk {SLOW_SYNC_S:g} s slower": {"realtime": True, "slow_sync_s": SLOW_SYNC_S},
    "ordinary mode": {},
}
GOAL_COST, GOAL_LOSS_S = 0.02, 1.0


@dataclass(frozen=True)
class Take:
    """What to drive, and where its session goes."""

    pictures: str = ""
    session: str = ""
    road: str = "road"
    seconds: float = SECONDS
    slow_sync_s: float = 0.0
    realtime: bool = False  # the drive's own real-time mode
    endless: bool = False  # record all, until killed


class EveryOther:
    """A sink that hands every other stretch to the recorder; how long the loop's turns, and the recorder, took."""

    def __init__(self, session: Path, always: bool, realtime: bool) -> None:
        self.turns: List[Tuple[int, float, float]] = []  # stretch, seconds of the turn, of it the recorder's
        self._session, self._always, self._realtime = session, always, realtime
        self._start_s = 0.0

    def __call__(self, step: Step) -> None:
        if not self._start_s:
            # only now, as in a drive: its thread is not one of those in real-time mode
            self._start_s, self.recorder = step.t_s, Recorder(self._session, realtime=self._realtime)
        stretch, within_s = divmod(step.t_s - self._start_s, STRETCH_S)
        before_s = time.monotonic()
        if stretch % 2 or self._always:
            self.recorder(step)
        after_s = time.monotonic()
        if within_s >= SETTLE_S:
            self.turns.append((int(stretch), after_s - step.t_s, after_s - before_s))


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"drives": {name: turns with and without recording, ...}, "kills": ..., "goal_met"}. Raises DeviceError."""
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as home:
        folder = Path(home)
        pictures = str(draw_pictures(folder / "pictures.npy"))
        take = Take(pictures, "", road, QUICK_SECONDS if quick else SECONDS)
        drives = {}
        for number, (name, changes) in enumerate(DRIVES.items()):
            one = replace(take, session=str(folder / f"{number}.mcap"), **changes)
            progress(f"{name}: {one.seconds:.0f} s")
            drives[name] = run_module(sys.executable, "benchmarks.recording", list(arguments(one)), one.seconds + 60.0)
        kills = [_lost_s(folder / f"kill-{number}", pictures, 0.3 + 0.07 * number)
                 for number in range(QUICK_KILLS if quick else KILLS)]
    judged = [one["cost"] for one in drives.values() if one["realtime"]]
    met = max(judged) <= GOAL_COST and max(kills) <= GOAL_LOSS_S if judged else None
    return {"fps": FPS, "drives": drives, "kills": {"count": len(kills), "worst_s": round(max(kills), 3)},
            "goal_met": met}


def _lost_s(folder: Path, pictures: str, after_s: float) -> float:
    """Kill a recording so long after its first chunk; the seconds from its last readable step to the kill."""
    folder.mkdir()
    progress(f"kill {folder.name}")
    take = Take(pictures, str(folder / "session.mcap"), "null", 60.0, endless=True)
    command = [sys.executable, "-m", "benchmarks.recording", *arguments(take)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up_s = time.monotonic() + 30.0
    while not _has_steps(folder / "session.mcap"):
        if time.monotonic() > give_up_s:
            raise DeviceError("The recording did not begin.")
        time.sleep(0.02)
    time.sleep(after_s)
    killed_s = time.monotonic()
    child.send_signal(signal.SIGKILL)
    child.wait()
    with Session.open(folder) as session:
        return killed_s - session[-1].t_s


def _has_steps(path: Path) -> bool:
    if not path.exists():
        return False
    with Session.open(path) as session:
        return len(session) > 0


def drive(take: Take) -> Dict[str, Any]:
    """Drive in this process; turns with and without recording, and what the recording was."""
    with _watched_disk(take.slow_sync_s) as waits_s:
        sink = EveryOther(Path(take.session), take.endless, take.realtime)
        block = Block(take.pictures, road=take.road, fps=FPS, seconds=take.seconds, realtime=take.realtime)
        _, facts = drive_block(block, [sink])
        state = sink.recorder.close()
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
            "realtime": take.realtime and not facts["refused"], "ended": facts["ended"]}


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
        text += ["  (real-time mode is not permitted here)"] if "real-time" in name and not one["realtime"] else []
        text += [f"  (ended {one['ended']})"] if one["ended"] else []
        text += [f"  (recording ended: {one['error']})"] if one["error"] else []
    kills = result["kills"]
    text.append(f"  {kills['count']} recordings killed with SIGKILL: at most {kills['worst_s']:.2f} s lost")
    goal = f"cost in real-time mode <= {GOAL_COST:.0%} of a period (p99), <= {GOAL_LOSS_S:.0f} s lost"
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
