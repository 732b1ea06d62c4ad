"""The reader of event devices, fed with the kernel's own structures."""
from __future__ import annotations

import fcntl
import os

import pytest

from jetracer.teleop import evdev
from jetracer.teleop.evdev import EV_KEY, EV_SYN, EVENT, SYN_DROPPED, SYN_REPORT, Event, EventDevice, ask_kernel

from .fake_pads import FakeKernel, FakePad


@pytest.fixture
def pad(tmp_path):
    return FakePad(tmp_path)


@pytest.fixture
def device(pad):
    pad.set(0, 0.5)
    pad.press(0x136)
    device = EventDevice(pad.path, FakeKernel(pad))
    device.update()
    yield device
    device.close()


def test_it_knows_at_once_what_the_device_is_and_where_its_sticks_are(pad, device):
    assert (device.name, device.vendor, device.product) == (pad.name, 0x045E, 0x028E)
    assert device.keys == pad.keys
    assert device.axes[0] == pytest.approx(0.5, abs=1e-4)
    assert device.axes[1] == pytest.approx(0.0, abs=1e-4)
    assert device.held == {0x136}


def test_events_change_the_state_and_come_once(pad, device):
    pad.set(0, -1.0)
    pad.press(0x130)
    pad.press(0x136, False)
    assert [event.code for event in device.update()] == [0, 0x130, 0x136]
    assert device.axes[0] == -1.0
    assert device.held == {0x130}
    assert device.update() == []


def test_a_press_that_is_over_is_told_all_the_same(pad, device):
    pad.press(0x131)
    pad.press(0x131, False)
    assert Event(EV_KEY, 0x131, 1) in device.update()
    assert 0x131 not in device.held


def test_an_event_in_two_pieces(pad, device):
    data = EVENT.pack(0, 0, EV_KEY, 0x130, 1)
    os.write(pad._fd, data[:7])
    assert device.update() == []
    os.write(pad._fd, data[7:])
    assert device.update() == [Event(EV_KEY, 0x130, 1)]


def test_after_lost_events_the_state_is_asked_for_anew(pad, device):
    pad.send(EV_SYN, SYN_DROPPED, 0, report=False)
    pad.send(EV_KEY, 0x130, 1, report=False)  # torn: the kernel says to disregard it
    device.update()
    assert device.held == {0x136}
    pad.held = {0x131}
    pad.values[0] = 32767
    pad.send(EV_SYN, SYN_REPORT, 0, report=False)
    device.update()
    assert device.held == {0x131}
    assert device.axes[0] == 1.0


def test_a_flood_of_events_does_not_hold_the_reader_up(pad, device):
    flood = EVENT.pack(0, 0, EV_KEY, 0x130, 1) * 1100
    os.write(pad._fd, flood)
    assert len(device.update()) == 1024
    assert len(device.update()) == 76


def test_a_device_that_is_gone(pad, device):
    pad.unplug()
    with pytest.raises(OSError, match="No such device"):
        device.update()
    device.close()
    with pytest.raises(OSError, match="Bad file"):
        device.update()


def test_what_is_no_event_device_is_closed_again(tmp_path):
    other = FakePad(tmp_path, number=3)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        EventDevice(other.path, FakeKernel())
    with pytest.raises(OSError, match=r"Inappropriate ioctl|Invalid argument"):
        EventDevice(other.path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_ioctl_is_numbered_as_the_kernel_has_it(monkeypatch):
    asked = []
    monkeypatch.setattr(fcntl, "ioctl", lambda fd, request, buffer: asked.append(request))
    ask_kernel(0, evdev.GET_ID, 8)
    ask_kernel(0, evdev.GET_NAME, 256)
    ask_kernel(0, evdev.GET_AXIS + 1, 24)
    # EVIOCGID, EVIOCGNAME(256), EVIOCGABS(ABS_Y) of linux/input.h
    assert asked == [0x80084502, 0x81004506, 0x80184541]
