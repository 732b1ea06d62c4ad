"""Faults in the middle of a drive, with the stick held; each measures the time until the registers say neutral."""
from __future__ import annotations

import os
import signal
import time
from typing import Optional

import numpy as np

from jetracer.core.errors import GuardLost
from jetracer.core.types import ASSISTED
from jetracer.display.pages import Facts, draw
from jetracer.safety.reasons import reason
from tests.hil import vivid
from tests.hil.case import Cases, Found
from tests.hil.rig import Drive, Rig, until
from tests.hil.wire import NEUTRAL_US

CASES = Cases()
HANG_S = 3.0
OFF = "SWITCH THE CAR OFF"


@CASES.add("gamepad unplugged, stick held", 100, everywhere=True)
def gamepad_unplugged(rig: Rig) -> Found:
    drive, start_s = rig.driving(), time.monotonic()
    rig.pad.unplug()
    took_s = rig.wire.neutral_after(start_s)
    state = _stops(drive)
    rig.new_pad()
    rig.driving()  # with the pad that came back
    return Found(state, took_s)


@CASES.add("camera unplugged", 100, everywhere=True)
def camera_unplugged(rig: Rig) -> Found:
    drive, start_s = rig.driving(ASSISTED), time.monotonic()
    vivid.unplug()
    took_s = rig.wire.neutral_after(start_s)
    state = _stops(drive)
    rig.driving(ASSISTED)  # with the camera that came back
    return Found(state, took_s)


@CASES.add("camera's module removed, loaded again")
def module_removed(rig: Rig) -> Found:
    drive = rig.driving(ASSISTED)
    vivid.unplug()  # the kernel keeps a module that is in use; the drive lets go when its camera is gone
    until(lambda: vivid.users() == 0, 5.0)
    vivid.unload()
    vivid.plug()
    state = _stops(drive)
    assert rig.driving(ASSISTED) is drive
    return Found(f"{state}; drives on with the new one")


@CASES.add("camera unplugged: the display says so", 500)
def display_says(rig: Rig) -> Found:
    rig.driving(ASSISTED)
    # the one slow core may keep the drive from sending while the camera is opened again
    alarms = {text: draw(Facts(fault=text), 0, (128, 32)) for text in map(_text, ("stale_frame", "watchdog"))}
    start_s, until_s = time.monotonic(), time.monotonic() + 5.0
    vivid.unplug()
    while time.monotonic() < until_s:
        glass = rig.wire.board.display()
        for text, alarm in alarms.items():
            if np.array_equal(glass, alarm):
                return Found(text, time.monotonic() - start_s)
        time.sleep(0.02)
    raise TimeoutError("The display does not say it.")


@CASES.add("one transfer not acknowledged", 10, everywhere=True)
def one_refused(rig: Rig) -> Found:
    drive, start_s = rig.driving(), time.monotonic()
    rig.wire.refuse(1)
    refused = rig.wire.await_entry(lambda entry: entry.outputs and not entry.taken, start_s)
    repaired = rig.wire.await_entry(lambda entry: entry.outputs and entry.taken, refused.t_s)
    assert repaired.data == refused.data
    assert drive.status().armed
    return Found("repeated; drives on", repaired.t_s - refused.t_s)


@CASES.add("chip silent for 0.5 s: from its return", 100, everywhere=True)
def chip_silent(rig: Rig) -> Found:
    drive, board = rig.driving(), rig.wire.board
    board.nak(0x40, True)
    time.sleep(0.5)
    state, log, start_s = _stops(drive), drive.log, time.monotonic()
    board.nak(0x40, False)
    assert "bus_fault" in state
    assert OFF in log
    return Found(f"{state}; {OFF}", rig.wire.neutral_after(start_s))


@CASES.add("drive process SIGKILLed", 150, everywhere=True)
def drive_killed(rig: Rig) -> Found:
    drive = rig.driving()
    return _killed(rig, drive, drive.process.pid, None)


@CASES.add("guard SIGKILLed", 150)
def guard_killed(rig: Rig) -> Found:
    drive = rig.driving()
    return _killed(rig, drive, drive.status().guard_pid, "the guard died; car in neutral")


@CASES.add("guard's parent SIGKILLed", 150)
def parent_killed(rig: Rig) -> Found:
    drive = rig.driving()
    return _killed(rig, drive, drive.status().parent_pid, "its parent died; car in neutral")


@CASES.add("bus hangs for 3 s: from its end", 100)
def bus_hangs(rig: Rig) -> Found:
    drive = rig.driving()
    end_s = rig.adapter.hang(HANG_S)
    took_s = rig.wire.neutral_after(end_s, HANG_S + 5.0)
    drive.process.wait(20)
    assert OFF in drive.log
    older = [entry for entry in rig.wire.since(end_s) if entry.outputs and entry.taken and not entry.neutral]
    return Found(f"the guard is ended; {OFF}; old commands written: {len(older)}", took_s)


@CASES.add("calendar's clock stepped by hours")
def clock_stepped(rig: Rig) -> Found:
    drive = rig.driving()
    for hours in (1, -2, 1):
        time.clock_settime(time.CLOCK_REALTIME, time.time() + 3600 * hours)
        time.sleep(0.3)
        assert drive.status().armed
        assert rig.wire.pulses()[1] > NEUTRAL_US + 50
    return Found("drives on")


@CASES.add("adapter unplugged: until it is said", 300)
def adapter_unplugged(rig: Rig) -> Found:
    drive, start_s = rig.driving(), time.monotonic()
    rig.adapter.unplug()
    try:
        until(lambda: OFF in drive.log, 5.0)
        said_s = time.monotonic() - start_s
        state = _stops_or_end(drive)
        rig.end_drive()
    finally:
        start_s = time.monotonic()
        rig.bus = rig.adapter.plug()
    rig.driving()
    first = rig.wire.await_entry(lambda entry: entry.outputs, start_s)
    assert first.neutral
    return Found(f"{state}; {OFF}; the next drive begins in neutral", said_s)


def _killed(rig: Rig, drive: Drive, pid: int, said: Optional[str]) -> Found:
    start_s = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    took_s = rig.wire.neutral_after(start_s)
    drive.process.wait(20)
    assert said is None or said in drive.log
    return Found("neutral; all processes end", took_s)


def _text(name: str) -> str:
    return reason(name).text


def _stops_or_end(drive: Drive) -> str:
    """The kernel may hold a transfer to an adapter that goes for so long that the parent ends the guard, as rightly."""
    try:
        return _stops(drive)
    except GuardLost:
        return "the guard is ended"


def _stops(drive: Drive) -> str:
    """What holds the car, in the guard's words."""
    names = [stop.reason for stop in drive.status().decision.stops]
    return ", ".join(name for name in names if name != "not_armed")
