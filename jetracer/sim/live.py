"""The world in real time: it goes on whatever the others do, as the real world does."""
from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any, Callable, Optional, Tuple

from jetracer.sim.camera import FRAMES, SOCKET, TRUTH
from jetracer.sim.notices import Notifier
from jetracer.sim.referee import Truth
from jetracer.sim.sensor import Sensor
from jetracer.sim.shared import SharedWorld
from jetracer.sim.world import World

TICK_S = 0.004  # how often the pulses are read: well below the 20 ms between two pulses
_FLUSH_S = 0.5
READOUT_S = 0.008  # from exposure to delivery, as constant as a real sensor's, though drawing takes 3 to 7 ms
_MOST_BEHIND_S = 1.0  # a longer halt (suspended machine, SIGSTOP) is not made up for


class LiveWorld:
    """Advances `world` to the monotonic clock and publishes frames and truth in the folder `path`.

    The world's own time is to be monotonic time. Frames keep absolute deadlines: their errors do not add up.
    """

    def __init__(self, world: World, sensor: Sensor, path: Path) -> None:
        self.world, self.sensor = world, sensor
        lens = world.camera.lens
        self._shared = SharedWorld.create(
            str(path / FRAMES),
            lens.width,
            lens.height,
            fps=1.0 / sensor.period_s,
            seed=world.track.seed,
            start_s=world.start_s,
        )
        self._log = TruthLog(path / TRUTH)
        self._seq = 0
        self._coming: Optional[Tuple[float, Any, float]] = None  # when to deliver, picture, its t_s
        self._shared.publish_truth(world.truth)
        self._notifier = Notifier(str(path / SOCKET))  # last: the socket says that all is ready

    def run(self, stopped: Callable[[], bool]) -> None:
        """Go on until `stopped()`."""
        flush_s = time.monotonic() + _FLUSH_S
        while not stopped():
            now_s = time.monotonic()
            self._catch_up(now_s)
            if now_s >= self.sensor.due_s:
                self._expose()
            if self._coming is not None and time.monotonic() >= self._coming[0]:
                self._deliver()
            if now_s >= flush_s:
                self._log.write(self.world)
                flush_s = now_s + _FLUSH_S
            wake_s = min(now_s + TICK_S, self.sensor.due_s, self._coming[0] if self._coming else now_s + TICK_S)
            time.sleep(max(0.0, wake_s - time.monotonic()))

    def close(self) -> None:
        self._notifier.close()
        self._log.write(self.world)
        self._log.close()
        self._shared.close()

    def _catch_up(self, now_s: float) -> None:
        world = self.world
        world.t_s = max(world.t_s, now_s - _MOST_BEHIND_S)
        world.advance(now_s - world.t_s)
        self._shared.publish_truth(world.truth)

    def _expose(self) -> None:
        if self._coming is not None:
            self._deliver()
        shot = self.sensor.expose()
        if shot is None:
            self._seq += 1
            return
        picture = self.sensor.develop(shot)
        self._coming = (min(shot.t_s + READOUT_S, self.sensor.due_s), picture, shot.t_s)

    def _deliver(self) -> None:
        _, picture, t_s = self._coming
        self._coming = None
        self._shared.publish(picture, t_s, self._seq)
        self._notifier.notify(self._seq, t_s)
        self._seq += 1


class TruthLog:
    """The truth at 50 Hz as a CSV file, for plots; one column for each field of Truth."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "w", newline="", encoding="utf-8")  # noqa: SIM115 (closed in close)
        self._writer = csv.writer(self._file)
        self._writer.writerow(Truth._fields)
        self._file.flush()

    def write(self, world: World) -> None:
        """Append what the world has logged, and clear it there."""
        self._writer.writerows([_text(value) for value in row] for row in world.truth_log)
        world.truth_log.clear()
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _text(value: float) -> object:
    return int(value) if isinstance(value, (bool, int)) else f"{value:.5f}"
