"""Every device by itself, then the whole car: what arrives at the chips is what was meant."""
from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.load import make_camera
from jetracer.car.kit import load_kit
from jetracer.car.servo_esc import HALF_RANGE_US, MIDDLE_US
from jetracer.core.types import NEUTRAL
from jetracer.display.base import DisplayConfig, make_display
from jetracer.nvidia_racecar import NvidiaRacecar
from jetracer.sim.pca9685 import MOTOR_ADDRESS
from jetracer.teleop.dials import Dials, shaped
from jetracer.teleop.gamepad import GamepadTeleop
from jetracer.teleop.pads import PROFILES
from tests import golden_display
from tests.hil.case import Cases, Found
from tests.hil.rig import CAPTURE, KIT, PACK_V, Rig, until
from tests.hil.uinput import KINDS, Kind, UinputPad

CASES = Cases()
STEP_US = 4.9
QUIET_S = 2.0


@CASES.add("kits: a servo's chip, then motors beside it")
def kits(rig: Rig) -> Found:
    first = _kits(rig)
    rig.wire.board.nak(MOTOR_ADDRESS, False)
    second = _kits(rig)
    rig.wire.board.nak(MOTOR_ADDRESS, True)
    assert first["kit"] is None
    assert KIT in first["candidates"]
    assert second["kit"] == "waveshare-ai"
    return Found(f"{len(first['candidates'])} candidates; {second['kit']}")


def _kits(rig: Rig) -> dict:
    command = [sys.executable, "-m", "jetracer.cli.main", "kits", "--bus", str(rig.bus), "--json"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


@CASES.add("gamepads: found, read, unplugged", everywhere=True)
def gamepads(rig: Rig) -> Found:
    rig.pad.unplug()
    try:
        names = [_pad(kind) for kind in KINDS]
    finally:
        rig.new_pad()
    return Found("; ".join(names))


def _pad(kind: Kind) -> str:
    """Push the sticks, unplug with the deadman held; the name of the profile."""
    pad = UinputPad(kind)
    with GamepadTeleop() as teleop:
        profile = next(row for row in PROFILES if row.name == teleop.profile)
        layout = profile.layout
        teleop.poll()
        pad.push(layout, 1.0, 1.0)
        pad.press(layout.deadman)
        pilot = teleop.poll()
        assert pilot.deadman
        assert (pilot.command.steering, pilot.command.throttle) == pytest.approx((1.0, Dials().limit), abs=0.02)
        pad.unplug()
        gone = teleop.poll()
        assert (gone.command, gone.deadman, gone.t_s) == (NEUTRAL, False, pilot.t_s)
        return profile.name


@CASES.add("display: its picture at the chip", everywhere=True)
def display(rig: Rig) -> Found:
    for size in ("128x32", "128x64"):
        picture = golden_display.render("fault", size)
        with make_display(DisplayConfig("ssd1306", size=size), str(rig.bus)) as glass:
            glass.show(picture)
        np.testing.assert_array_equal(rig.wire.board.display(), picture)
    return Found("equal to the pixel")


@CASES.add("camera usb: pictures of /dev/video0", everywhere=True)
def frames(_rig: Rig) -> Found:
    config = CameraConfig("usb", capture_width=CAPTURE[0], capture_height=CAPTURE[1])
    with make_camera(config) as camera:
        seen = [camera.read(2.0) for _ in range(45)]
    assert seen[0].image.shape == (224, 224, 3)
    assert all(0.0 < later.t_s - former.t_s < 0.5 for former, later in zip(seen, seen[1:]))
    fps = (seen[-1].seq - seen[0].seq) / (seen[-1].t_s - seen[0].t_s)
    assert fps == pytest.approx(30.0, abs=3.0)
    return Found(f"{fps:.1f} a second; vivid has no JPEG")


@CASES.add("NvidiaRacecar: AI Kit, 8 motor channels in one block")
def racecar(rig: Rig) -> Found:
    rig.end_drive()
    rig.wire.board.nak(MOTOR_ADDRESS, False)
    try:
        with NvidiaRacecar(bus=rig.bus) as car:
            start_s = time.monotonic()
            car.throttle = 0.5
            until(lambda: max(rig.wire.board.motor_duties()) > 0.35, 5.0)
        sizes = {len(entry.data) - 1 for entry in rig.wire.since(start_s)
                 if entry.outputs and entry.address == MOTOR_ADDRESS}  # fmt: skip
    finally:
        rig.wire.board.nak(MOTOR_ADDRESS, True)
    assert sizes == {32}
    assert max(rig.wire.board.motor_duties()) == 0.0
    return Found("32 bytes a write; at rest when closed")


@CASES.add("drive: pulses of four places of the stick", everywhere=True)
def pulses(rig: Rig) -> Found:
    drive, car = rig.driving(), load_kit(KIT).car
    for steering, throttle in ((1.0, 1.0), (-1.0, 0.5), (0.3, 0.4), (-0.6, 0.8)):
        rig.push(steering, throttle)
        wanted_us = (
            MIDDLE_US + HALF_RANGE_US * (shaped(steering) * car.steering_gain + car.steering_offset),
            MIDDLE_US + HALF_RANGE_US * (shaped(throttle) * Dials().limit * car.throttle_gain + car.throttle_offset),
        )
        until(lambda: rig.wire.pulses() == pytest.approx(wanted_us, abs=STEP_US), 3.0)  # noqa: B023
    assert drive.status().battery_v == pytest.approx(PACK_V, abs=0.05)
    return Found(f"within a step; battery {drive.status().battery_v:.1f} V")


@CASES.add("drive: writes of a stick that moves", everywhere=True)
def moving(rig: Rig) -> Found:
    drive = rig.driving()
    before, start_s = drive.status().counters, time.monotonic()
    for number in range(40):
        rig.push(0.02 * number, 0.5)
        time.sleep(0.02)
    end_s, after = time.monotonic(), drive.status().counters
    writes = [entry for entry in rig.wire.since(start_s) if entry.outputs and entry.t_s < end_s]
    assert {len(entry.data) - 1 for entry in writes} == {8}  # four registers of two channels
    assert abs(after["writes"] - before["writes"] - len(writes)) <= 1
    assert len(writes) > 10
    return Found(f"1 block of both channels a tick: {1000 * writes[0].wire_s:.2f} ms of the bus at 400 kHz")


@CASES.add("drive: writes of a stick that stands still", everywhere=True)
def still(rig: Rig) -> Found:
    rig.driving()
    start_s = time.monotonic()
    time.sleep(QUIET_S)
    seen = rig.wire.since(start_s)
    writes = [entry for entry in seen if entry.outputs]
    assert len({entry.pulses for entry in seen}) == 1
    assert 0.8 * QUIET_S / 0.2 <= len(writes) <= QUIET_S / 0.2 + 1  # the refresh of every 0.2 s and nothing else
    busy = sum(entry.wire_s for entry in seen) / QUIET_S
    return Found(f"{len(writes) / QUIET_S:.1f} a second, the refresh; all devices {100 * busy:.1f} % of the bus")
