from __future__ import annotations

import numpy as np
import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.null import NullCamera
from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraTimeout

CONFIG = CameraConfig(name="null", fps=20.0, width=32, height=24)


def opened(config: CameraConfig = CONFIG, **more):
    clock = FakeClock(100.0)
    camera = NullCamera(config, clock, **more)
    camera.open()
    return camera, clock


def test_every_frame_has_its_exact_time():
    camera, _ = opened()
    frames = [camera.read(1.0) for _ in range(50)]
    assert [frame.seq for frame in frames] == list(range(50))
    np.testing.assert_allclose([frame.t_s for frame in frames], 100.0 + np.arange(50) / 20.0, atol=1e-9)
    assert frames[0].image.shape == (24, 32, 3) and frames[0].image.dtype == np.uint8


def test_neighbours_differ_so_that_nothing_looks_frozen():
    camera, _ = opened()
    images = [camera.read(1.0).image for _ in range(20)]
    assert all(not np.array_equal(a, b) for a, b in zip(images, images[1:]))


def test_a_late_reader_gets_the_newest_frame_and_sees_the_gap():
    camera, clock = opened()
    assert camera.read(1.0).seq == 0
    clock.advance(0.5)
    late = camera.read(1.0)
    assert late.seq == 10 and late.age_s(clock.now_s()) == pytest.approx(0.0)
    assert camera.read(1.0).seq == 11


def test_nothing_in_time_is_a_timeout_and_loses_no_frame():
    camera, clock = opened()
    camera.read(1.0)
    with pytest.raises(CameraTimeout, match="20 fps"):
        camera.read(0.01)
    assert clock.now_s() == pytest.approx(100.01)
    assert camera.read(1.0).seq == 1


def test_as_fast_as_asked():
    camera, clock = opened(CameraConfig(name="null", realtime=False))
    assert [camera.read(0.0).seq for _ in range(5)] == [0, 1, 2, 3, 4]
    assert clock.now_s() == 100.0


def test_own_pictures_repeat():
    images = [np.full((4, 4, 3), value, np.uint8) for value in (1, 2)]
    camera, _ = opened(images=images)
    assert [int(camera.read(1.0).image[0, 0, 0]) for _ in range(4)] == [1, 2, 1, 2]
