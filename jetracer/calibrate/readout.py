"""Finding it all by itself, where wheel angle and speed can be read: on the simulated car.

The same steps, in the same order and through the same bench as a person goes, with a read-out for eyes.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Callable, List, Optional, Tuple

from jetracer.calibrate.bench import Bench
from jetracer.calibrate.found import Found

Look = Callable[[], Tuple[float, float]]  # front wheels (rad, right +), speed of the driven wheels (m/s, forward +)
Say = Callable[[str], None]

SERVO_S = 0.12  # for a small step, the delay before it included
SWING_S = 0.45  # for any step
SAME_RAD = 0.01  # wheels that turn by less than this have reached their end
SPIN_S = 0.5  # until wheels that begin to turn can be seen to
SPIN_MPS = 0.01
STRIDE = 5  # steps at once, far from the end
FARTHER = 3  # steps from the one where the wheels begin to turn to the one that tells how quickly they turn more
DRIVE_STEPS = 6  # beyond the dead band, for the reverse sequence
STOP_S = 4.0


def find_all(bench: Bench, look: Look, say: Say) -> Found:
    """Every step in turn. Raises GuardError when the car was stopped."""
    finder = Finder(bench, look)
    found = finder.steering()
    say(f"centre {found.centre:.0f} us, right end {found.right:.0f} us, left end {found.left:.0f} us")
    forward, backward = finder.edge(True), finder.edge(False)
    unit = bench.throttle.unit
    said = [f"{name} from {value:.{0 if unit == 'us' else 3}f} {unit}" if value is not None else f"never {name}"
            for name, value in (("forward", forward), ("backward", backward))]
    say(", ".join(said))
    reverse = finder.reverse(forward, backward)
    say(f"reverse: {reverse.replace('_', ' ')}")
    return replace(found, forward=forward, backward=backward, reverse=reverse)


class Finder:
    def __init__(self, bench: Bench, look: Look) -> None:
        self._bench, self._look = bench, look

    def steering(self) -> Found:
        """Centre and ends, in us: where the straight line through the wheels' angles meets zero and the ends."""
        bench, scale = self._bench, self._bench.steering
        up, down = self._sweep(1), self._sweep(-1)
        curve = down[::-1] + up[1:]
        highest, lowest = curve[-1][1], curve[0][1]
        slope, zero = _line([point for point in curve if _inside(point[1], lowest, highest)])
        ends = {angle > 0: scale.amount(zero + angle / slope) for angle in (highest, lowest)}
        ends = {right: min(scale.amount(scale.high), max(scale.amount(scale.low), end)) for right, end in ends.items()}
        bench.keep(SWING_S)
        return Found(centre=scale.amount(zero), right=ends[True], left=ends[False])

    def _sweep(self, way: int) -> List[Tuple[int, float]]:
        """(step, angle) from the middle to where the wheels turn no further, or the kit's limit."""
        bench, scale = self._bench, self._bench.steering
        bench.keep(SWING_S, scale.middle)
        points = [(scale.middle, self._look()[0])]
        while points[-1][0] != (scale.high if way > 0 else scale.low):
            step = scale.within(points[-1][0] + way * STRIDE)
            bench.keep(SERVO_S, step)
            points.append((step, self._look()[0]))
            if abs(points[-1][1] - points[-2][1]) < SAME_RAD:
                break  # not one step farther into the stop
        return points

    def edge(self, forward: bool) -> Optional[float]:
        """Where the wheels begin to turn that way, us or duty; None when they do not within the bench's limits."""
        scale = self._bench.throttle
        for way in (1, -1) if self._way is None else (self._way if forward else -self._way,):
            step = self._creep(way)
            if step is None:
                continue
            turned = self._look()[1]
            edge = self._begin(step, way, turned)
            self._stand()
            if self._way is None:
                self._way = way if turned > 0 else -way
            if (turned > 0) == forward:
                return scale.amount(edge)
        return None

    def _begin(self, step: int, way: int, turned: float) -> float:
        """Where the wheels, seen to turn at `step` first, begin to: by the line through two speeds."""
        farther = step + FARTHER * way
        self._bench.keep(SPIN_S, None, farther)
        gained = self._look()[1] - turned
        back = FARTHER * turned / gained if gained * turned > 0 else 0.5
        return step - way * min(2.0, max(0.0, back))

    _way: Optional[int] = None  # of the scale, that drives forward

    def _creep(self, way: int) -> Optional[int]:
        """The first step from neutral at which the wheels turn: in strides, then back and one by one."""
        scale = self._bench.throttle
        step, stride = scale.middle, STRIDE
        while scale.within(step + way * stride) != step:
            ahead = scale.within(step + way * stride)
            self._bench.keep(SPIN_S, None, ahead)
            if abs(self._look()[1]) < SPIN_MPS:
                step = ahead
            elif abs(ahead - step) == 1:
                return ahead
            else:
                self._stand()
                stride = 1
        return None

    def reverse(self, forward: Optional[float], backward: Optional[float]) -> str:
        """What a backward pulse does while the wheels turn forward; see CarConfig.reverse."""
        if forward is None:
            return "unknown"
        bench, scale = self._bench, self._bench.throttle
        way = self._way or 1
        drive = round(forward / scale.size) + way * DRIVE_STEPS
        back = (round(backward / scale.size) if backward is not None else 2 * scale.middle - drive) - way * DRIVE_STEPS
        bench.keep(SPIN_S, None, drive)
        if self._turns_back(back):
            return "direct"
        bench.keep(SPIN_S)
        return "after_neutral" if self._turns_back(back) else "none"

    def _turns_back(self, step: int) -> bool:
        """Whether the wheels, still turning forward or standing, turn backwards when held at `step`."""
        until_s = self._bench.clock.now_s() + STOP_S
        while self._look()[1] > SPIN_MPS and self._bench.clock.now_s() < until_s:
            self._bench.turn(None, step)
        self._bench.keep(SPIN_S, None, step)
        back = self._look()[1] < -SPIN_MPS
        self._stand()
        return back

    def _stand(self) -> None:
        """Neutral until the wheels stand."""
        until_s = self._bench.clock.now_s() + STOP_S
        self._bench.turn()
        while abs(self._look()[1]) > 0.5 * SPIN_MPS and self._bench.clock.now_s() < until_s:
            self._bench.turn()
        self._bench.keep(0.1)


def _inside(angle: float, lowest: float, highest: float) -> bool:
    margin = 0.1 * abs(highest - lowest)
    return min(lowest, highest) + margin < angle < max(lowest, highest) - margin


def _line(points: List[Tuple[int, float]]) -> Tuple[float, float]:
    """(slope, where it is zero) of the straight line through points, by least squares."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return slope, mean_x - mean_y / slope
