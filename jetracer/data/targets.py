"""What a network shall learn, from what was recorded: aims from driven steering and back, and labels in time.

Both ways go over the floor: an aim is the floor point on the arc that the steering drives, at the look-ahead
distance, seen through the camera (`car/model.py`, `camera/geometry.py`).

A picture's command takes effect `delay_s` later (exposure, network, wheels). Labels shifted by that delay teach
the network what will be needed then; it drives where the unshifted one weaves (arXiv 2312.06670). The model's
card keeps the delay, so that whoever drives with it knows that it is in the model already.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import List, Optional, Sequence, Tuple

from jetracer.camera.base import CameraConfig
from jetracer.camera.calibration import load_camera
from jetracer.camera.geometry import SIM_CAMERA, CameraModel
from jetracer.car.model import LOOKAHEAD_M, CarModel
from jetracer.core.bounds import clip
from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim, Command
from jetracer.data.sample import Note, Sample

LONGEST_GAP_S = 0.5  # between two commands one can be told from both; across a longer gap nobody knows


@dataclass(frozen=True)
class Geometry:
    """The camera that took the pictures, and the car, the simulated one unless said."""

    camera: CameraModel
    car: CarModel = field(default_factory=CarModel)
    lookahead_m: float = LOOKAHEAD_M


def camera_of(name: Optional[str]) -> CameraModel:
    """The camera of a calibration file, or of the simulator for "sim". Raises ConfigError.

    There is no default: through the wrong camera every aim would be wrong, and nothing would tell.
    """
    if not name:
        raise ConfigError("Which camera took the pictures? --camera FILE, as `jetracer calibrate camera` wrote it; "
                          "--camera sim for the simulated one.")
    if name == "sim":
        return SIM_CAMERA
    file = load_camera(name)
    capture = file.capture  # aims are fractions of the picture, so its size does not matter
    return file.model(CameraConfig(width=file.lens.width, height=file.lens.height, capture_width=capture.width,
                                   capture_height=capture.height, flip=capture.flip))


def aim_of(command: Command, geometry: Geometry, speed_mps: float = 0.0) -> Optional[Aim]:
    """The aim of a driven steering, pulled to the border where it lies outside; None where the lens is blind."""
    car = geometry.car
    curvature = car.curvature(-command.steering * car.max_steer_rad, speed_mps)
    point = car.point_on(curvature, geometry.lookahead_m)
    aim = geometry.camera.aim_from_ground(*point, beyond=True)
    return aim and Aim(clip(aim.x), clip(aim.y))


def steering_of(aim: Aim, geometry: Geometry, speed_mps: float = 0.0) -> Optional[float]:
    """The steering in [-1, 1] whose arc leads to the aim; None at and above the horizon."""
    point = geometry.camera.ground_from_aim(aim)
    return point and geometry.car.steering(geometry.car.curvature_to(*point), speed_mps)


def with_aims(samples: Sequence[Sample], geometry: Geometry) -> List[Sample]:
    """Samples that have a command and no aim get one; the others stay as they are."""
    return [replace(sample, aim=aim_of(sample.command, geometry, sample.speed_mps or 0.0))
            if sample.aim is None and sample.command is not None else sample for sample in samples]


def with_commands(samples: Sequence[Sample], geometry: Geometry, throttle: float) -> List[Sample]:
    """Samples that have an aim and no command get its steering, and `throttle`, which no aim tells."""
    made = []
    for sample in samples:
        if sample.command is None and sample.aim is not None:
            steering = steering_of(sample.aim, geometry, sample.speed_mps or 0.0)
            if steering is not None:
                sample = replace(sample, command=Command(steering, throttle))  # noqa: PLW2901
        made.append(sample)
    return made


def delayed(samples: Sequence[Sample], delay_s: float) -> Tuple[List[Sample], List[Note]]:
    """Each picture with the command of `delay_s` later, and those for which nobody knows it.

    Commands between two records of a session are interpolated. Aims stay: they are a matter of the picture alone.
    Raises ConfigError when the delay is negative.
    """
    if not delay_s >= 0.0:
        raise ConfigError(f"delay_s = {delay_s}: labels are shifted forward in time, so it must be 0 or more.")
    if delay_s == 0.0:
        return list(samples), []
    shifted, left_out = [], []
    usable = [sample for sample in samples if sample.t_s is not None and sample.command is not None]
    left_out += [Note(sample.name, "has no time or no command")
                 for sample in samples if sample.t_s is None or sample.command is None]
    usable.sort(key=lambda sample: (sample.session, sample.t_s))
    for _, group in groupby(usable, key=lambda sample: sample.session):
        drive = list(group)
        later = 0
        for sample in drive:
            while later < len(drive) - 1 and drive[later].t_s < sample.t_s + delay_s:
                later += 1
            command = _between(drive[max(0, later - 1)], drive[later], sample.t_s + delay_s)
            if command is None:
                left_out.append(Note(sample.name, f"nobody drove {delay_s:g} s later"))
            else:
                shifted.append(replace(sample, command=command))
    return shifted, left_out


def _between(before: Sample, after: Sample, t_s: float) -> Optional[Command]:
    gap_s = after.t_s - before.t_s
    # 1e-4: stamps are kept in milliseconds
    if not before.t_s - 1e-4 <= t_s <= after.t_s + 1e-4 or gap_s > LONGEST_GAP_S:
        return None
    part = (t_s - before.t_s) / gap_s if gap_s > 0.0 else 1.0
    steering = before.command.steering + part * (after.command.steering - before.command.steering)
    throttle = before.command.throttle + part * (after.command.throttle - before.command.throttle)
    return Command(clip(steering), clip(throttle))
