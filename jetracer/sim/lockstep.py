"""The world in this process on virtual time: far faster than real time, the same on every machine.

Time moves only inside the lockstep: while a frame is waited for, and when its clock sleeps. All that
reads the lockstep's `clock` (rate, guard, faults) lives on the same time. Commands go the real way, over
the virtual board.

    lockstep = Lockstep(world, fps=30, latency_s=0.08)
    lockstep.on_tick.append(guard.tick)   # called every 10 ms of virtual time with the time
    frame = lockstep.read(1.0)            # exposed at frame.t_s; now is frame.t_s + latency_s or later
"""
from __future__ import annotations

from collections import deque
from typing import Callable, Deque, List, Optional, Tuple

from jetracer.camera.base import Camera
from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraTimeout
from jetracer.core.types import Frame
from jetracer.sim.sensor import Delivery, Sensor
from jetracer.sim.world import Shot, World

_SAME_S = 1e-9  # times closer than this are the same moment


class WorldClock(FakeClock):
    """Virtual time; sleeping on it lets the world go on."""

    def __init__(self, start_s: float, move_to: Callable[[float], None]) -> None:
        super().__init__(start_s)
        self._move_to = move_to

    def advance(self, dt_s: float) -> None:
        self._move_to(self.now_s() + dt_s)

    def sleep_until(self, t_s: float) -> None:
        self._move_to(t_s)

    def set(self, t_s: float) -> None:
        """The world is at `t_s`; for the lockstep itself."""
        super().sleep_until(t_s)


class Lockstep(Camera):
    """A world and its camera, stepped by whoever reads frames or sleeps on `clock`.

    latency_s is from exposure to delivery: sensor, driver and inference together. Pictures that nobody
    reads, because newer ones were delivered before, are not drawn.
    """

    def __init__(
        self,
        world: World,
        latency_s: float = 0.0,
        fps: float = 30.0,
        *,
        tick_s: float = 0.01,
        delivery: Optional[Delivery] = None,
        seed: int = 0,
    ) -> None:
        self.world = world
        self.latency_s = latency_s
        self.on_tick: List[Callable[[float], object]] = []
        self.clock = WorldClock(world.t_s, self.advance_to)
        self._sensor = Sensor(world, fps, delivery, seed)
        self._tick_s = tick_s
        self._next_tick_s = world.t_s + tick_s
        self._coming: Deque[Tuple[float, int, Shot]] = deque()  # delivered at, seq, shot
        self._seq = 0

    def read(self, timeout_s: float) -> Frame:
        """The newest frame delivered and not yet read; time moves on until there is one. Raises
        CameraTimeout."""
        give_up_s = self.clock.now_s() + timeout_s
        while not self._arrived():
            if self.clock.now_s() >= give_up_s - _SAME_S:
                raise CameraTimeout(f"The simulated camera delivered no frame within {timeout_s:.2f} s.")
            self._turn(give_up_s)
        while len(self._coming) > 1 and self._coming[1][0] <= self.clock.now_s() + _SAME_S:
            self._coming.popleft()
        _, seq, shot = self._coming.popleft()
        return Frame(self._sensor.develop(shot), shot.t_s, seq)

    def advance_to(self, t_s: float) -> None:
        """Let the world go on to `t_s`."""
        while self.clock.now_s() < t_s - _SAME_S:
            self._turn(t_s)

    def _arrived(self) -> bool:
        return bool(self._coming) and self._coming[0][0] <= self.clock.now_s() + _SAME_S

    def _turn(self, limit_s: float) -> None:
        """Go to whatever comes next: an exposure, a tick, a delivery, or `limit_s`."""
        delivery_s: Optional[float] = self._coming[0][0] if self._coming else None
        upcoming = [self._sensor.due_s, self._next_tick_s, limit_s]
        if delivery_s is not None and delivery_s > self.clock.now_s() + _SAME_S:
            upcoming.append(delivery_s)
        self.world.advance(min(upcoming) - self.world.t_s)
        self.clock.set(self.world.t_s)
        if self.world.t_s >= self._sensor.due_s - _SAME_S:
            self._expose()
        if self.world.t_s >= self._next_tick_s - _SAME_S:
            self._next_tick_s += self._tick_s
            for tick in self.on_tick:
                tick(self.world.t_s)

    def _expose(self) -> None:
        shot = self._sensor.expose()
        if shot is not None:
            self._coming.append((shot.t_s + self.latency_s, self._seq, shot))
        self._seq += 1
