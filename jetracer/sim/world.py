"""The simulated world: a car on a track. It moves by the pulses that the board's registers put out,
nothing else.

Around a lane with low walls the car's body stays inside: a touch costs speed, turns the car along the
wall and counts one collision, until half a second has passed without a touch. Elsewhere nothing is in the
way; a car more than 0.5 m beyond the edge is caught and stands still until `reset`.
"""
from __future__ import annotations

from math import ceil, cos, remainder, sin
from typing import Any, List, NamedTuple, Optional

from jetracer.camera.geometry import SIM_CAMERA, CameraModel
from jetracer.sim import pca9685
from jetracer.sim.board import Board
from jetracer.sim.faults import Faults
from jetracer.sim.referee import Referee, Truth
from jetracer.sim.track import Track
from jetracer.sim.vehicle import Vehicle

STEP_S = 0.002
LOG_PERIOD_S = 0.02
CAUGHT_BEYOND_M = 0.5
_TOUCH_ENDS_S = 0.5
_SCRAPE_MPS2, _SCRAPE_RPS = 3.0, 2.0  # slowing down along a wall, and turning along it


class Shot(NamedTuple):
    """Everything a picture taken at `t_s` depends on; the pose is the rear axle's."""

    t_s: float
    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    yaw_rate_rps: float
    steering_rad: float


class World:
    """`t_s` is the time of the world, in the clock of whoever advances it; faults count from its start.

    `renderer` (or else one built from `camera`, `look` and `seed` when the first picture is taken) has
    frame(x_m, y_m, yaw_rad, speed_mps, yaw_rate_rps, steering_rad) -> (H, W, 3) uint8 BGR.
    """

    def __init__(
        self,
        track: Track,
        board: Board,
        camera: CameraModel = SIM_CAMERA,
        look: Optional[Any] = None,
        *,
        seed: int = 0,
        vehicle: Optional[Vehicle] = None,
        faults: Optional[Faults] = None,
        renderer: Optional[Any] = None,
        t_s: float = 0.0,
        steering_channel: int = 0,
        throttle_channel: int = 1,
    ) -> None:
        self.track, self.board, self.camera, self.look, self.seed = track, board, camera, look, seed
        self.vehicle = vehicle or Vehicle()
        self.faults = faults or Faults()
        self.t_s = self.start_s = t_s
        self.truth_log: List[Truth] = []  # every 0.02 s; whoever writes it away may clear it
        self._renderer = renderer
        self._channels = (steering_channel, throttle_channel)
        self._unpowered = False
        self.reset()

    def begin(self, t_s: float, powered_s: float = 0.0) -> None:
        """Let the time of the world, and of its faults, start at `t_s`.

        The car has had power for `powered_s` before that, with the pulses that the board puts out now: its ESC may
        have been armed while the scenery was still being made.
        """
        self.t_s, self.start_s = t_s - powered_s, t_s
        self.advance(powered_s)
        self.truth_log.clear()
        self.reset()

    def reset(self, s_m: float = 0.0, lateral_m: float = 0.0, heading_error_rad: float = 0.0) -> None:
        """Put the car beside the centre line, at rest, and start counting anew."""
        x_m, y_m, yaw_rad = self.track.pose_at(s_m, lateral_m, heading_error_rad)
        rear = self.vehicle.config.chassis.cg_to_rear_m
        self.vehicle.place(x_m - rear * cos(yaw_rad), y_m - rear * sin(yaw_rad), yaw_rad)
        self.referee = Referee(self.track, *self.vehicle.cg)
        self.collisions = 0
        self._touched_s = -_TOUCH_ENDS_S
        self._caught = False
        self._log_s = self.t_s
        self.board.set_battery(self.vehicle.battery.volts, -self.vehicle.battery.amps)

    def advance(self, dt_s: float) -> None:
        """Let `dt_s` pass, in steps of 2 ms, with the pulses that the board puts out now."""
        if dt_s <= 0.0:
            return
        self._fail()
        steering, throttle = self._channels
        pulses = self.board.outputs()
        steps = max(1, ceil(dt_s / STEP_S - 1e-6))
        for _ in range(steps):
            self._step(dt_s / steps, pulses[steering], pulses[throttle])
        self._supply()

    def shot(self) -> Shot:
        """Expose a picture: what the camera's position and motion are now."""
        vehicle = self.vehicle
        return Shot(self.t_s, *vehicle.pose, vehicle.speed_mps, vehicle.yaw_rate_rps, vehicle.steering_rad)

    def render(self, shot: Optional[Shot] = None) -> Any:
        """The picture, (H, W, 3) uint8 BGR, of `shot` or of now."""
        if self._renderer is None:
            self._renderer = _make_renderer(self)
        return self._renderer.frame(*(shot or self.shot())[1:])

    @property
    def truth(self) -> Truth:
        vehicle, referee = self.vehicle, self.referee
        return Truth(
            self.t_s,
            *vehicle.pose,
            vehicle.speed_mps,
            referee.at.lateral_m,
            self.track.half_width_m,
            referee.at.s_m,
            referee.distance_m,
            referee.lap,
            referee.off_track,
            self.collisions,
            referee.off_now,
            referee.off_track_s,
            referee.survived,
            referee.survived_s,
            vehicle.steering_rad,
            vehicle.battery.volts,
        )

    def _step(self, dt_s: float, servo_us: float, esc_us: float) -> None:
        vehicle, referee = self.vehicle, self.referee
        self.t_s += dt_s
        if not self._caught:
            vehicle.step(dt_s, servo_us, esc_us)
        referee.look(*vehicle.cg, dt_s)
        if self.track.marking == "walls":
            self._touch(dt_s)
        elif not self._caught and referee.beyond_m > CAUGHT_BEYOND_M:
            self._caught = True
            vehicle.place(*vehicle.pose)
        if self.t_s >= self._log_s:
            self.truth_log.append(self.truth)
            self._log_s = max(self._log_s + LOG_PERIOD_S, self.t_s)

    def _touch(self, dt_s: float) -> None:
        """Keep the body inside the walls, which stand on the edges of the lane."""
        at, motion, chassis = self.referee.at, self.vehicle.motion, self.vehicle.config.chassis
        askew = remainder(motion.yaw_rad - at.heading_rad, 6.283185307179586)
        reach_m = 0.5 * (chassis.width_m * abs(cos(askew)) + chassis.length_m * abs(sin(askew)))
        inside_m = max(0.0, self.track.half_width_m - reach_m)
        over_m = abs(at.lateral_m) - inside_m
        if over_m <= 0.0:
            return
        if self.t_s - self._touched_s >= _TOUCH_ENDS_S:
            self.collisions += 1
            motion.speed_mps *= abs(cos(askew))  # what went into the wall is lost
        self._touched_s = self.t_s
        push_m = over_m if at.lateral_m < 0 else -over_m
        motion.x_m -= push_m * sin(at.heading_rad)
        motion.y_m += push_m * cos(at.heading_rad)
        motion.speed_mps -= _towards_zero(motion.speed_mps, _SCRAPE_MPS2 * dt_s)
        motion.yaw_rad -= _towards_zero(askew, _SCRAPE_RPS * dt_s)

    def _fail(self) -> None:
        """The faults of the board, by time."""
        if not self.faults:
            return
        age_s = self.t_s - self.start_s
        unpowered = self.faults.active("brown_out", age_s)
        if unpowered and not self._unpowered:
            self.board.brown_out()
        self._unpowered = unpowered
        self.board.nak(pca9685.ADDRESS, unpowered or self.faults.active("i2c_nak", age_s))

    def _supply(self) -> None:
        battery = self.vehicle.battery
        self.board.set_battery(battery.volts, -battery.amps)
        if battery.browned_out:
            self.board.brown_out()


def _towards_zero(value: float, most: float) -> float:
    """The part of `value`, at most `most`, to take off to bring it nearer to zero."""
    return max(-most, min(most, value))


def _make_renderer(world: World) -> Any:
    from jetracer.sim.look import Look
    from jetracer.sim.render import Renderer
    from jetracer.sim.scenery import Scenery

    scenery = Scenery(world.track, world.seed)
    return Renderer(scenery, world.camera, world.look or Look.plain(), seed=world.seed)
