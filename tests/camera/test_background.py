from __future__ import annotations

import threading

import numpy as np
import pytest

from jetracer.camera.background import Background, FrozenPixels, same_pixels
from jetracer.camera.base import CameraConfig
from jetracer.camera.null import NullCamera
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout
from jetracer.core.types import Frame

from .flaky import FlakyCamera, picture

LONG_S = 10.0  # never reached when all is well


def fail_on(*numbers, error=None):
    def behave(n):
        if n in numbers:
            raise error or CameraError(f"failure {n}")

    return behave


def read_until(camera: Background, wanted) -> Frame:
    """Read on, over the errors that announce a recovery, until `wanted(frame)`."""
    for _ in range(100):
        try:
            frame = camera.read(LONG_S)
        except CameraError:
            continue
        if wanted(frame):
            return frame
    raise AssertionError("the frame waited for never came")


def background(inner: FlakyCamera, **more) -> Background:
    return Background(inner, **{"stall_s": LONG_S, "first_delay_s": 0.001, **more})


def test_hands_over_frames_once_each():
    inner = FlakyCamera()
    with background(inner) as camera:
        inner.release()
        assert camera.read(LONG_S).t_s == 1.0
        with pytest.raises(CameraTimeout, match=r"No new frame within 0\.010 s"):
            camera.read(0.01)
        inner.release()
        assert camera.read(LONG_S).t_s == 2.0


def test_a_slow_reader_gets_the_newest_frame_and_the_gap_shows():
    enough = threading.Event()
    inner = FlakyCamera(lambda n: enough.set() if n == 12 else None)
    with background(inner) as camera:
        inner.release()
        assert camera.read(LONG_S).seq == 0
        inner.release(11)
        assert enough.wait(LONG_S)
        newest = read_until(camera, lambda frame: frame.seq == 11)
        assert newest.image[0, 0, 0] == 12
        assert camera.dropped >= 9


def test_recovers_from_repeated_failures_and_says_each_once():
    inner = FlakyCamera(fail_on(2, 3))
    with background(inner) as camera:
        inner.open_errors = [CameraError("still unplugged"), CameraError("still unplugged")]
        inner.release()
        assert camera.read(LONG_S).seq == 0
        inner.release(3)
        after = read_until(camera, lambda frame: frame.t_s == 4.0)
        assert after.seq == 1, "a camera that counts from 0 again must not repeat numbers"
        assert camera.recoveries == 4
        assert inner.opened == 5


def test_the_reader_hears_of_a_failure_and_then_only_waits():
    inner = FlakyCamera(fail_on(1))
    with background(inner, first_delay_s=LONG_S) as camera:
        inner.release()
        with pytest.raises(CameraError, match="failure 1") as first:
            camera.read(LONG_S)
        assert not isinstance(first.value, CameraTimeout)
        with pytest.raises(CameraTimeout, match="opened again after: failure 1"):
            camera.read(0.01)


def test_a_frame_shown_again_after_opening_is_not_news():
    def behave(n):
        if n == 2:
            raise CameraError("lost")
        return Frame(picture(1), 1.0, 0) if n in (1, 3) else Frame(picture(n), float(n), n)

    inner = FlakyCamera(behave)
    with background(inner) as camera:
        inner.release(4)
        seen = []
        while not seen or seen[-1].t_s < 4.0:
            seen.append(read_until(camera, lambda frame: True))
    assert [frame.t_s for frame in seen] in ([1.0, 4.0], [4.0])
    assert seen[-1].seq == 4


def test_a_silent_camera_is_opened_again():
    inner = FlakyCamera()
    with background(inner, stall_s=0.01) as camera:
        with pytest.raises(CameraTimeout, match="silent"):
            camera.read(LONG_S)
        inner.release()
        assert read_until(camera, lambda frame: True).t_s == 1.0
        assert camera.recoveries >= 1


def test_other_errors_of_the_system_are_recovered_from_too():
    inner = FlakyCamera(fail_on(1, error=OSError(5, "Input/output error")))
    with background(inner) as camera:
        inner.release()
        with pytest.raises(CameraError, match="Input/output error"):
            camera.read(LONG_S)
        inner.release()
        assert read_until(camera, lambda frame: True).t_s == 2.0


@pytest.mark.parametrize("error", [CameraEnded("over"), ValueError("a bug")])
def test_what_cannot_be_recovered_is_raised_in_every_read(error):
    inner = FlakyCamera(fail_on(2, error=error))
    with background(inner) as camera:
        inner.release(2)
        for _ in range(3):
            try:
                assert camera.read(LONG_S).seq == 0
            except type(error) as raised:
                assert raised is error
        with pytest.raises(type(error)):
            camera.read(LONG_S)
    assert inner.opened == 1 and inner.closed >= 1


def test_a_first_failure_is_raised_by_open():
    inner = FlakyCamera()
    inner.open_errors = [CameraError("not there")]
    camera = background(inner)
    with pytest.raises(CameraError, match="not there"):
        camera.open()
    camera.close()


def test_can_be_opened_again_after_close():
    inner = FlakyCamera()
    camera = background(inner)
    for _ in range(2):
        camera.open()
        camera.open()
        inner.release()
        assert camera.read(LONG_S).image.shape == (32, 32, 3)
        camera.close()
        camera.close()
    assert inner.opened == 2


def test_close_does_not_wait_for_a_pause_between_attempts():
    inner = FlakyCamera(fail_on(1))
    camera = background(inner, first_delay_s=1000.0)
    before = set(threading.enumerate())
    camera.open()
    inner.release()
    with pytest.raises(CameraError):
        camera.read(LONG_S)
    camera.close()
    assert set(threading.enumerate()) <= before


def test_equal_pixels_keep_the_time_of_the_first():
    stamps = FrozenPixels()
    live = stamps.stamp(Frame(picture(1), 1.0, 1))
    frozen = [stamps.stamp(Frame(picture(2), float(t), t)) for t in (2, 3, 4)]
    back = stamps.stamp(Frame(picture(3), 5.0, 5))
    assert live.t_s == 1.0
    assert [frame.t_s for frame in frozen] == [2.0, 2.0, 2.0]
    assert [frame.seq for frame in frozen] == [2, 3, 4]
    assert back.t_s == 5.0


def test_a_frozen_camera_grows_old_in_the_readers_eyes():
    inner = FlakyCamera(lambda n: Frame(picture(7), float(n), n))
    with background(inner) as camera:
        inner.release()
        assert camera.read(LONG_S).t_s == 1.0
        inner.release()
        assert camera.read(LONG_S).t_s == 1.0


def test_one_changed_bit_is_a_new_picture():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (224, 224, 3), np.uint8)
    b = a.copy()
    assert same_pixels(a, b)
    b[223, 7, 1] ^= 1
    assert not same_pixels(a, b)
    assert not same_pixels(a, a[:100])


def test_in_front_of_a_real_time_source():
    config = CameraConfig(name="null", fps=200.0, width=64, height=48)
    with Background(NullCamera(config)) as camera:
        frames = [camera.read(LONG_S) for _ in range(20)]
    seqs = [frame.seq for frame in frames]
    assert seqs == sorted(set(seqs))
