import math
from dataclasses import replace

import numpy as np
import pytest

from jetracer.camera.calibration import CameraFile, Capture
from jetracer.camera.geometry import SIM_CAMERA
from jetracer.car.model import CarModel
from jetracer.control.config import ControlConfig
from jetracer.control.pursuit import PurePursuit
from jetracer.core.clock import FakeClock
from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim, Command, Scene
from jetracer.data.sample import Sample
from jetracer.data.targets import Geometry, aim_of, camera_of, delayed, steering_of, with_aims, with_commands
from tests.data.sets import why

GEOMETRY = Geometry(SIM_CAMERA)


@pytest.mark.parametrize("steering", np.linspace(-1.0, 1.0, 9))
def test_steering_becomes_an_aim_and_the_aim_the_steering(steering):
    aim = aim_of(Command(steering, 0.3), GEOMETRY)
    assert max(abs(aim.x), abs(aim.y)) < 1.0
    assert steering_of(aim, GEOMETRY) == pytest.approx(steering, abs=1e-6)


def test_the_aim_lies_where_the_car_drives():
    left, ahead, right = (aim_of(Command(steering), GEOMETRY) for steering in (-0.5, 0.0, 0.5))
    assert left.x < ahead.x < right.x
    assert SIM_CAMERA.ground_from_aim(ahead) == pytest.approx((GEOMETRY.lookahead_m, 0.0), abs=1e-6)


def test_the_controller_drives_the_steering_that_the_aim_was_made_from():
    aim, pursuit = aim_of(Command(0.4), GEOMETRY), PurePursuit(ControlConfig(), SIM_CAMERA, FakeClock())
    assert pursuit.decide(Scene(0.0, aim, (), 1.0), 0.0).steering == pytest.approx(0.4, abs=1e-6)


def test_an_aim_in_the_sky_tells_no_steering():
    assert steering_of(Aim(0.0, -1.0), GEOMETRY) is None


def test_what_is_missing_is_made_and_what_is_there_stays():
    click, drive = Sample(None, Aim(0.1, 0.1)), Sample(None, command=Command(0.5, 0.3))
    both, sky = Sample(None, Aim(0.0, 0.0), Command(1.0, 1.0)), Sample(None, Aim(0.0, -1.0))
    aims = with_aims([click, drive, both], GEOMETRY)
    assert aims[0] is click and aims[2] is both
    assert aims[1].aim.x > 0 and aims[1].command == drive.command
    commands = with_commands([click, drive, both, sky], GEOMETRY, 0.25)
    assert commands[0].command.steering > 0 and commands[0].command.throttle == 0.25
    assert commands[1] is drive and commands[2] is both and commands[3] is sky


def test_the_camera_is_a_calibration_file_or_the_simulators_and_never_guessed(tmp_path):
    path = tmp_path / "front.toml"
    lens, mount = SIM_CAMERA.lens, replace(SIM_CAMERA.mount, height_m=0.2)
    CameraFile("front", "2026-01-01", 0.3, 20, lens.resized(640, 640), Capture(1280, 720), mount).save(path)
    real = Geometry(camera_of(str(path)), CarModel(wheelbase_m=0.17))
    assert steering_of(aim_of(Command(0.5), real), real) == pytest.approx(0.5, abs=1e-6)
    assert aim_of(Command(0.5), real) != aim_of(Command(0.5), GEOMETRY)
    assert camera_of("sim") is SIM_CAMERA
    with pytest.raises(ConfigError, match="Which camera took the pictures"):
        camera_of(None)


def drive(count=40, hz=20.0, session="a", start=0.0):
    """Steering that follows a sine in time, so that what was driven at any time is known."""
    times = start + np.arange(count) / hz
    return [Sample(None, command=Command(math.sin(t), 0.5), t_s=t, session=session, tags=(f"{at}",))
            for at, t in enumerate(times)]


class Named(Sample):
    @property
    def name(self):
        return f"{self.session}{self.t_s:g}"


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.12, 0.2])
def test_labels_are_shifted_by_the_delay(delay_s):
    samples = [Named(None, command=s.command, t_s=s.t_s, session=s.session) for s in drive()]
    shifted, left_out = delayed(samples, delay_s)
    assert len(shifted) + len(left_out) == 40
    assert len(left_out) == math.ceil(delay_s * 20.0 - 1e-9)
    for sample in shifted:
        assert sample.command.steering == pytest.approx(math.sin(sample.t_s + delay_s), abs=1e-3)


def test_nobody_knows_what_is_driven_across_a_gap_or_another_session():
    samples = [Named(None, command=s.command, t_s=s.t_s, session=s.session)
               for s in [*drive(10), *drive(10, start=3.0), *drive(10, session="b", start=0.5)]]
    shifted, left_out = delayed(samples, 0.1)
    assert sorted(why(left_out)) == ["a0.4", "a0.45", "a3.4", "a3.45", "b0.9", "b0.95"]
    assert len(shifted) == 24
    unknown, left_out = delayed([Named(None, command=Command(), session="c", t_s=None)], 0.0)
    assert len(unknown) == 1 and not left_out


def test_a_delay_runs_forward():
    with pytest.raises(ConfigError, match="forward in time"):
        delayed([], -0.1)
