"""All that a drive can be told: the groups of its parts, and the few options of its own."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from jetracer.camera.base import CameraConfig
from jetracer.car.base import CarConfig
from jetracer.control.config import ControlConfig
from jetracer.core.i2c import AUTO
from jetracer.data.log import RecordConfig
from jetracer.display.base import DisplayConfig
from jetracer.safety.guard import GuardConfig


@dataclass(frozen=True)
class WorldConfig:
    """The simulated world."""

    fps: float = 30.0  # frames per second of the simulated camera
    track_seed: Optional[int] = None  # which track; none: the drive's own seed
    look: str = "random"  # random: light, lens and sensor by seed; plain: an ideal camera; nose: the wheels in view
    car_seed: Optional[int] = None  # a car with a trim, dead band and direction of its own; none: as the kit says
    lifted: bool = False  # on a stand: the wheels turn, the car stays
    fault: str = ""  # faults by name and time, such as "frozen@8" or "black@5+2,i2c_nak@12"


@dataclass(frozen=True)
class DriveConfig:
    """One drive. Saved in its run folder as `config.toml`, from which `--config` repeats it."""

    sim: bool = False  # a simulated car and world instead of the real ones
    road: str = "road"  # the road model: a shipped one by name, a file, none: nobody looks, or null: straight ahead
    teleop: str = ""  # who is the pilot; none: "auto" where nothing real can move, else "null"
    bus: str = AUTO  # I2C bus of the motors: 1 for /dev/i2c-1, sim:PATH; auto: pins 3 and 5 of this board's header
    laps: Optional[int] = None  # end after so many laps (simulation)
    duration_s: Optional[float] = None  # end after so many seconds; none in simulation without laps or a human: 60
    hz: Optional[float] = None  # pace of the loop; none: every frame as it comes
    seed: int = 1_000_000  # of track, look and noise; from 200 000 on no model has seen the track in training
    service: bool = False  # as at boot: with the guard's service, waiting for what is not there (yet)
    realtime: bool = False  # SCHED_FIFO, locked memory, no garbage collection
    runs: str = "runs"  # where run folders go
    film: bool = True  # make drive.mp4 of the pictures recorded
    camera: CameraConfig = field(default_factory=CameraConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    car: CarConfig = field(default_factory=CarConfig)
    display: DisplayConfig = field(default_factory=DisplayConfig)
    record: RecordConfig = field(default_factory=RecordConfig)
    world: WorldConfig = field(default_factory=WorldConfig)
