"""From a command to the first picture that shows it: a pulse on the steering, several times, and what moved when.

A single pulse tells the delay only to a frame period. So the pulses are spread evenly over the period, and the
beginning is taken from the straight rise that follows it: a servo turns at a constant rate, hence the wheels' place in
the picture (standing) and the turning of the whole picture (rolling) grow in proportion to time.
"""
from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Callable, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from jetracer.calibrate.bench import ARM_S, refusal
from jetracer.camera.base import Camera
from jetracer.core.clock import Clock
from jetracer.core.errors import CameraTimeout, ConfigError, GuardError
from jetracer.core.types import MANUAL, Command, Decision, Frame, Pilot
from jetracer.safety.client import Guard

Signal = Tuple[np.ndarray, np.ndarray]  # times (N,), and what was seen at them (N,)

READ_S = 0.04  # well inside the guard's time-out, so that commands flow while the camera is silent
SEEN = 4.0  # times the noise: less is no movement
ONSETS_S = np.arange(-0.02, 0.3, 0.001)  # that are tried
LEAST_PX = 1.0  # that the picture turns while it is watched
_ALIGNED = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
LASTING_S = np.arange(0.02, 0.3, 0.005)  # of the servo's way, that are tried
FEWEST_PX = 30  # of a picture, that move
ROLL_S = 1.0  # of rolling, or standing, straight before the first pulse
STEPS = (0.0, 0.12, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 0.0, -0.12, -0.25, -0.4, -0.55, -0.7, -0.85, -1.0)
STEP_S = 0.4  # for each of them
BACK_S = 0.1  # more for the wheels to come back


@dataclass(frozen=True)
class DelayConfig:
    repeats: int = 8
    steering: float = 0.8  # of the pulse, to the right and to the left in turn
    throttle: float = 0.0  # 0: standing with the wheels in view; else rolling
    rest_s: float = 0.4  # before a pulse
    watch_s: float = 0.35  # after it

    def __post_init__(self) -> None:
        if not (self.repeats >= 3 and 0.1 <= self.steering <= 1.0 and self.rest_s >= 0.2 and self.watch_s >= 0.2):
            raise ConfigError("The delay takes 3 repeats or more, steering of 0.1 to 1, 0.2 s of rest and of watching.")

    @property
    def lasting_s(self) -> float:
        """How long it takes, and rolls."""
        steps_s = 0.0 if self.throttle else STEP_S * len(STEPS)
        return steps_s + ROLL_S + self.repeats * (self.rest_s + self.watch_s + BACK_S)


@dataclass(frozen=True)
class Delay:
    """`delay_s`: from a command to the first picture, arrived, that shows it, on average; `each_s` per pulse.

    `actuator_s`: to the beginning of the movement by the pictures' own time stamps, what control compensates.
    """

    delay_s: float
    spread_s: float  # standard deviation of `each_s`
    actuator_s: float
    arrival_s: float  # from a picture's time stamp to its arrival
    period_s: float
    each_s: Tuple[float, ...]


class Seen(NamedTuple):
    frame: Frame
    arrived_s: float


class Step(NamedTuple):
    """What the picture is where the wheels stand still at `steering`; (H, W) float32, noise averaged out."""

    steering: float
    picture: np.ndarray


class Pulse(NamedTuple):
    steering: float
    sent_s: float
    before: List[Seen]
    after: List[Seen]


class DelayMeter:
    """`held()` says whether the person still holds the key; letting go ends it in neutral."""

    def __init__(self, guard: Guard, camera: Camera, clock: Clock, config: DelayConfig,
                 held: Callable[[], bool] = lambda: True) -> None:
        self._guard, self._camera, self._clock, self._config, self._held = guard, camera, clock, config, held

    def measure(self) -> Delay:
        """Pulse and watch. Raises GuardError (stopped), CameraError, ConfigError (nothing moves in the picture)."""
        self._arm()
        try:
            rolling = bool(self._config.throttle)
            steps = None if rolling else [self._step(share) for share in STEPS]
            self._watch(0.0, ROLL_S)
            pulses = [self._pulse(number) for number in range(self._config.repeats)]
        finally:
            self._guard.release()
        return evaluate(pulses, steps)

    def _arm(self) -> None:
        give_up_s = self._clock.now_s() + ARM_S
        while True:
            self._send(Command())
            if self._guard.arm().armed:
                return
            if self._clock.now_s() > give_up_s:
                raise refusal(self._send(Command()))
            self._clock.sleep_until(self._clock.now_s() + READ_S)

    def _step(self, share: float) -> Step:
        seen = self._watch(share * self._config.steering, STEP_S)
        late = seen[-max(1, len(seen) // 3) :]
        return Step(share * self._config.steering, np.mean([_grey(one) for one in late], 0))

    def _pulse(self, number: int) -> Pulse:
        config = self._config
        before = self._watch(0.0, config.rest_s)
        period_s = _period_s(before)
        self._clock.sleep_until(before[-1].arrived_s + period_s * ((number + 0.5) / config.repeats))
        steering = config.steering if number % 2 else -config.steering
        sent_s = self._turn(steering).t_s
        after = self._watch(steering, config.watch_s)
        self._watch(0.0, BACK_S)
        return Pulse(steering, sent_s, before, after)

    def _watch(self, steering: float, seconds: float) -> List[Seen]:
        """Pictures of so many seconds, while the command is kept alive; at least one."""
        seen: List[Seen] = []
        until_s = self._clock.now_s() + seconds
        while self._clock.now_s() < until_s or not seen:
            try:
                frame = self._camera.read(READ_S)
            except CameraTimeout:
                if self._clock.now_s() > until_s + 2.0:
                    raise
            else:
                if not seen or frame.t_s > seen[-1].frame.t_s:  # a picture that came again keeps its time
                    seen.append(Seen(frame, self._clock.now_s()))
            self._turn(steering)
        return seen

    def _turn(self, steering: float) -> Decision:
        decision = self._send(Command(steering, self._config.throttle))
        if not decision.armed:
            raise refusal(decision)
        if not self._held():
            raise GuardError("The key was let go: the car is in neutral, nothing was written.")
        return decision

    def _send(self, command: Command) -> Decision:
        pilot = Pilot(Command(), deadman=self._held(), mode=MANUAL, t_s=self._clock.now_s())
        return self._guard.send(command, pilot=pilot)


def evaluate(pulses: List[Pulse], steps: Optional[List[Step]]) -> Delay:
    """What the pictures of the pulses say; `steps` are those of the standing car. Raises ConfigError."""
    rolling = steps is None
    signals, trouble = [], None
    for pulse in pulses:
        try:
            signals.append(_turning(pulse) if rolling else _moving(pulse, steps))
        except ConfigError as error:
            trouble = error
    if trouble is not None and 2 * len(signals) <= len(pulses):
        raise trouble
    onsets = _onsets(signals, rolling)
    period_s = statistics.median(_period_s(pulse.before + pulse.after) for pulse in pulses)
    arrival_s = statistics.median(seen.arrived_s - seen.frame.t_s for pulse in pulses for seen in pulse.after)
    each = tuple(onset + 0.5 * period_s + arrival_s for onset in onsets)
    return Delay(statistics.median(each), statistics.pstdev(each), max(0.0, statistics.median(onsets)), arrival_s,
                 period_s, each)


def _onsets(signals: List[Signal], rolling: bool) -> List[float]:
    """When each movement began, seconds after its pulse: the best fit of a steady rise that lasts the same in all.

    How long it lasts is what fits three quarters of them best, begun at the same time: one that went wrong shall not
    spoil the others.
    """
    costs = []  # (kinds of rise, pulses, onsets), as shares of what there is to explain
    for lasting_s in LASTING_S:
        costs.append([_misfit(times[None] - ONSETS_S[:, None], values, float(lasting_s), rolling) / (values @ values)
                      for times, values in signals])
    best = np.array(costs)
    most = -(-3 * len(signals) // 4)
    together = np.sort(best, 1)[:, :most].sum(1)
    lasting = int(np.unravel_index(together.argmin(), together.shape)[0])
    return [float(ONSETS_S[number]) for number in best[lasting].argmin(1)]


def _misfit(ages: np.ndarray, values: np.ndarray, lasting_s: float, rolling: bool) -> np.ndarray:
    """Sum of squares for each of the onsets (rows of `ages`). Standing: the wheels' place, from 0 to 1 in `lasting_s`.

    Rolling: what the yaw angle, the integral of a yaw rate that rises so, gains from picture to picture, where errors
    do not add up; its size is free.
    """
    rise = np.clip(ages / lasting_s, 0.0, 1.0)
    if not rolling:
        return np.square(values - rise).sum(1)
    yaw = 0.5 * rise * rise * lasting_s + np.maximum(ages - lasting_s, 0.0)
    values, yaw = np.diff(values), np.diff(yaw)
    return values @ values - np.square(yaw @ values) / np.maximum(np.square(yaw).sum(1), 1e-12)


def _moving(pulse: Pulse, steps: List[Step]) -> Signal:
    """(times since the pulse, how far the wheels have turned, 0 to 1).

    By the squared difference from the pictures before, less the noise, and by what that is where the wheels stand still
    at known places: it is not in proportion to them.
    """
    before = np.stack([_grey(seen) for seen in pulse.before[len(pulse.before) // 2 :]])
    after = np.stack([_grey(seen) for seen in pulse.after])
    still = before.mean(0)
    steps = [step for step in steps if step.steering * pulse.steering >= 0.0]
    noise, change = _squares(before - still), _squares(after - still)
    where = np.mean([_squares(step.picture[None] - still)[0] for step in steps], 0) > SEEN * (noise.mean() + 0.5)
    if np.count_nonzero(where) < FEWEST_PX:
        raise ConfigError("Nothing moves in the picture when the steering does: are the front wheels in view? "
                          "Else measure with --rolling.")
    floor = noise[:, where].mean() * len(before) / max(1, len(before) - 1)
    known = sorted((abs(step.steering / pulse.steering),
                    float(_squares(step.picture[None] - still)[0][where].mean())) for step in steps)
    shares, sizes = (np.array(column) for column in zip(*known))
    sizes = np.maximum.accumulate(np.maximum(sizes - sizes[0], 0.0)) + 1e-6 * np.arange(len(sizes))
    values = np.interp(change[:, where].mean(1) - floor, sizes, shares)
    return np.array([seen.frame.t_s for seen in pulse.after]) - pulse.sent_s, values


def _squares(apart: np.ndarray) -> np.ndarray:
    """Squared differences, smoothed over some pixels."""
    return np.stack([cv2.blur(one, (5, 5)) for one in np.square(apart)])


def _turning(pulse: Pulse) -> Signal:
    """(times since the pulse, by how many pixels the picture has turned since, less than it drifts straight ahead)."""
    seen = pulse.before[len(pulse.before) // 3 :] + pulse.after
    stamps = np.array([one.frame.t_s for one in seen])
    strips = [_far(_grey(one)) for one in seen]
    rates = np.array([_shift_px(a, b) for a, b in zip(strips, strips[1:])]) / np.diff(stamps)
    times = stamps[1:] - pulse.sent_s
    straight = rates[times <= 0]
    turned = np.cumsum((rates - float(np.median(straight))) * np.diff(stamps))
    if not abs(turned[-1]) > max(SEEN * float(np.std(turned[times <= 0])), LEAST_PX):
        raise ConfigError("The picture does not turn when the steering does: does the car roll, in a room with "
                          "something to see?")
    return times, turned


def _shift_px(one: np.ndarray, next_one: np.ndarray) -> float:
    """How far the picture moved to the right, by alignment (ECC).

    G. Evangelidis, E. Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization", 2008.
    """
    try:
        warp = cv2.findTransformECC(one, next_one, np.eye(2, 3, dtype=np.float32), cv2.MOTION_TRANSLATION, _ALIGNED,
                                    None, 5)[1]
    except cv2.error as error:  # it does not converge
        raise ConfigError("The picture cannot be followed; roll more slowly, in better light.") from error
    return float(warp[0, 2])


def _far(grey: np.ndarray) -> np.ndarray:
    """The upper part, where things are far: there the car's turning moves the picture, and its rolling hardly."""
    return np.ascontiguousarray(grey[: max(16, grey.shape[0] * 45 // 100)])


def _grey(seen: Seen) -> np.ndarray:
    return cv2.cvtColor(seen.frame.image, cv2.COLOR_BGR2GRAY).astype(np.float32)


def _period_s(seen: List[Seen]) -> float:
    """Between two pictures, lost ones allowed for."""
    steps = [(b.frame.t_s - a.frame.t_s) / (b.frame.seq - a.frame.seq) for a, b in zip(seen, seen[1:])
             if b.frame.seq > a.frame.seq]
    if not steps:
        raise ConfigError("Too few pictures come to measure by; use a camera of 10 a second or more.")
    return float(statistics.median(steps))
