"""NVIDIA's race car for notebooks, with a guard between the notebook and the motors.

    from jetracer.nvidia_racecar import NvidiaRacecar
    car = NvidiaRacecar()          # arms the car: make sure that its wheels are free
    car.throttle = 0.15

Names, defaults and formulas are those of github.com/NVIDIA-AI-IOT/jetracer, `jetracer/nvidia_racecar.py`.
"""
from __future__ import annotations

import logging
import os
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional, Set, Union

from traitlets import CFloat, Integer, TraitError, observe, validate

from jetracer.car.base import CarConfig
from jetracer.car.detect import detect_on
from jetracer.car.kit import Kit, load_kit
from jetracer.core.errors import BusError, ConfigError, GuardError
from jetracer.core.registry import unknown
from jetracer.core.runtime import guard_socket
from jetracer.core.types import NEUTRAL, Command
from jetracer.drive.hand import Hand
from jetracer.drive.mishap import watch
from jetracer.racecar import Racecar
from jetracer.safety.client import GuardClient
from jetracer.safety.launch import Launch
from jetracer.safety.start import GuardHandle, join_or_start_guard

_WIRING = {  # trait: key of CarConfig
    "i2c_address": "address", "steering_channel": "steering_channel", "throttle_channel": "throttle_channel",
}
_GAINS = ("steering_gain", "steering_offset", "throttle_gain")


class NvidiaRacecar(Racecar):
    """Pulses are 1500 + 750 * (value * gain + offset) us, the sum clipped to [-1, 1], then by the kit.

    Making one starts the guard, or connects to the one that runs, and is the gesture that arms the car. `kit`
    is a name of `jetracer kits --list` or a TOML file (default: JETRACER_KIT, else waveshare-ai where its
    motors' chip answers, else nvidia-jetracer), `bus` the I2C bus (default: JETRACER_BUS, else the kit's). A
    guard that already runs keeps its own wiring and range.

    At throttle 0 the motor gets neutral, whatever `throttle_offset`. The car goes neutral when the process
    ends, however it ends, when a notebook's cell fails or is interrupted, when a thread dies of an error,
    and, with `deadman_s`, when it moves and no value is set for that long. Then `steering` and `throttle`
    are 0 again.

    Raises ConfigError, BusError or GuardError.
    """

    i2c_address = Integer(0x40)
    steering_gain = CFloat(-0.65)
    steering_offset = CFloat(0.0)
    steering_channel = Integer(0)
    throttle_gain = CFloat(0.8)
    throttle_offset = CFloat(0.0)
    throttle_channel = Integer(1)
    deadman_s = CFloat(None, allow_none=True)

    _line: Optional[_Line] = None

    def __init__(self, *, kit: Optional[str] = None, bus: Union[int, str, None] = None,
                 socket: Optional[str] = None, **traits: Any) -> None:
        for name in traits:
            if name not in self.trait_names():
                raise unknown("option of NvidiaRacecar", name, [*self.trait_names(), "kit", "bus", "socket"])
        self._bus = os.environ.get("JETRACER_BUS") if bus is None else str(bus)
        self._given = set(traits)
        super().__init__(**traits)
        if self.throttle:
            raise ConfigError(f"The throttle must start at 0, not {self.throttle}; set it afterwards.")
        self.kit: Kit = load_kit(kit or os.environ.get("JETRACER_KIT") or _kit_on(self._bus or Launch().bus))
        self._socket = Path(socket or guard_socket()).absolute()
        for other in list(_CARS):
            if other._socket == self._socket:
                other.close()  # the cell that makes the car was run again
        self._take(self.kit.car, self._given)
        self._connect()
        _CARS.add(self)
        watch(_stop_all)

    def stop(self) -> None:
        """Neutral now; `steering` and `throttle` are 0."""
        if self._line is not None:
            self._line.hand.set(NEUTRAL, resting=True)  # before widgets that are linked get to say anything
        with self.hold_trait_notifications():
            self.throttle = 0.0
            self.steering = 0.0
        self._emit()  # the wheels straight as trimmed, which `steering_offset` knows and the guard does not

    def arm(self) -> None:
        """Arm again after a stop, from neutral. Raises GuardError with the reason when that must not be."""
        self.stop()
        if self._line is None:
            raise GuardError("This car was closed; make a new one: car = NvidiaRacecar()")
        self._line.hand.arm()
        self._emit()

    def close(self) -> None:
        """Neutral, and the end of the guard if this car has started it. The car cannot be used again."""
        line, self._line = self._line, None
        if line is None:
            return
        line.close()
        self._finalizer.detach()
        self.stop()
        self._closed = True

    def __enter__(self) -> NvidiaRacecar:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # -- traits

    _closed = False

    @validate("steering_gain", "steering_offset", "throttle_gain", "throttle_offset")
    def _finite(self, proposal):
        return self._number(proposal)

    @validate("steering", "throttle")
    def _clipped(self, proposal):
        value = super()._clipped(proposal)
        if self._line is not None:
            self._line.hand.touch()  # a value that is set again unchanged is a sign of life too
        return value

    @validate(*_WIRING)
    def _wire(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if self._line is not None:
            if self._line.foreign:
                raise TraitError(f"{name} cannot be changed: another program started the guard and chose it.")
            try:
                replace(self._line.car, **{_WIRING[name]: value})
            except ConfigError as error:
                raise TraitError(str(error)) from error
        return value

    @validate("deadman_s")
    def _patience(self, proposal):
        if proposal["value"] is not None and not proposal["value"] > 0:
            raise TraitError(f"deadman_s = {proposal['value']} must be seconds above 0, or None.")
        return proposal["value"]

    @observe("steering", "throttle", "steering_gain", "steering_offset", "throttle_gain", "throttle_offset")
    def _emit(self, _change: Any = None) -> None:
        resting = self.steering == 0.0 and self.throttle == 0.0
        if self._line is not None:
            self._line.hand.set(self._line.command(*self._values()), resting)
        elif self._closed and not resting:
            raise GuardError("This car was closed; make a new one: car = NvidiaRacecar()")

    @observe("deadman_s")
    def _watch_hand(self, _change: Any) -> None:
        if self._line is not None:
            self._line.hand.deadman_s = self.deadman_s

    @observe(*_WIRING)
    def _rewire(self, _change: Any) -> None:
        """Other wires: what hangs on the old ones is left in neutral, and the guard starts anew."""
        if self._line is None:
            return
        self.stop()
        self._line.close()
        self._finalizer.detach()
        self._line, self._closed = None, True
        self._connect()
        self._closed = False

    def _values(self) -> tuple:
        """(steering, throttle) after gain and offset, in [-1, 1]: shares of the 750 us."""
        steering = self.steering * self.steering_gain + self.steering_offset
        throttle = self.throttle * self.throttle_gain + self.throttle_offset if self.throttle else None
        return steering, throttle

    def _refused(self) -> None:
        self.stop()

    # -- the line to the guard

    def _take(self, car: CarConfig, but: Set[str]) -> None:
        """The traits as this car has them, but those that the caller has chosen."""
        values: Dict[str, Any] = {trait: getattr(car, key) for trait, key in _WIRING.items()}
        values.update((name, getattr(car, name)) for name in _GAINS)
        with self.hold_trait_notifications():
            for name, value in values.items():
                if name not in but:
                    setattr(self, name, value)

    def _connect(self) -> None:
        launch = self.kit.apply(Launch())
        # The notebook's own gains make the whole range; the guard's car takes what they give as it is.
        wiring = {key: getattr(self, trait) for trait, key in _WIRING.items()}
        car = replace(launch.car, steering_gain=1.0, throttle_gain=1.0, **wiring)
        guard = join_or_start_guard(
            Launch(self._bus or launch.bus, car, replace(launch.guard, socket=str(self._socket))))
        if not guard.ours:
            self._take(guard.launch.car, self._given - set(_WIRING))
        line = _Line(guard, weakref.WeakMethod(self.stop), self.deadman_s)
        self._finalizer = weakref.finalize(self, line.close)  # at the end of the process too
        self._line = line
        self._emit()


class _Line:
    """The guard, the hand on it, and its car's own formula."""

    def __init__(self, guard: GuardHandle, stop: Any, deadman_s: Optional[float]) -> None:
        self._guard, self.car, self._pid = guard, guard.launch.car, os.getpid()
        self.hand = Hand(GuardClient(guard.socket_path), lambda: _call(stop), deadman_s)
        try:
            self.hand.open()
        except BaseException:
            self.close()
            raise

    @property
    def foreign(self) -> bool:
        """Whether another program has started the guard."""
        return not self._guard.ours

    def close(self) -> None:
        if os.getpid() != self._pid:
            return  # a forked child must not let go of its parent's car
        self.hand.close()
        self._guard.close()

    def command(self, steering: float, throttle: Optional[float]) -> Command:
        """The command that becomes these shares of 750 us; None is the motor's neutral."""
        car = self.car
        motor = 0.0 if throttle is None else _undone(throttle, car.throttle_gain, car.throttle_offset)
        return Command(_undone(steering, car.steering_gain, car.steering_offset), motor)


def _kit_on(bus: str) -> str:
    """The AI Kit shows itself on the bus; the others look alike, so NVIDIA's own is the default."""
    try:
        return "waveshare-ai" if detect_on(bus).kit == "waveshare-ai" else "nvidia-jetracer"
    except BusError:  # a running guard may be reached where the bus may not; without one it says so
        return "nvidia-jetracer"


def _undone(value: float, gain: float, offset: float) -> float:
    return (max(-1.0, min(1.0, value)) - offset) / gain if gain else 0.0


def _call(method: Any) -> None:
    found = method()
    if found is not None:
        found()


_CARS: weakref.WeakSet = weakref.WeakSet()


def _stop_all() -> None:
    for car in list(_CARS):
        try:
            car.stop()
        except Exception:  # of a widget that is linked: the motors were stopped before it heard of it
            logging.getLogger(__name__).exception("what is linked to the car failed when it stopped")
