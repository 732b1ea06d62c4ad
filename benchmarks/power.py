"""Battery, heat and display: how soon the guard acts on them, what its turns take, how soon a stop is on the glass."""
from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np

from benchmarks.measure import progress, quantiles_ms, table, verdict, working_folder
from jetracer.car.base import CarConfig
from jetracer.car.battery import BatteryConfig, open_battery
from jetracer.car.computer import Computer, ComputerWatch
from jetracer.car.servo_esc import ServoEsc
from jetracer.core.clock import MonotonicClock
from jetracer.core.errors import DeviceError
from jetracer.core.types import NEUTRAL, Command, Decision, Frame, Pilot, Scene, Step, Stop
from jetracer.display.base import DisplayConfig, make_display
from jetracer.display.pages import Facts, draw
from jetracer.drive.panel import Panel
from jetracer.safety.client import GuardClient
from jetracer.safety.gate import SafetyGate
from jetracer.safety.guard import GuardConfig, GuardCore
from jetracer.safety.limits import Limits
from jetracer.safety.start import start_guard
from jetracer.sim.board import Board

GOAL_STOP_S, GOAL_TURN_MS, GOAL_GLASS_S = 2.3, 5.0, 0.5
TIMES, TURNS_S, GLASSES = 10, 20.0, 20
QUICK_TIMES, QUICK_TURNS_S, QUICK_GLASSES = 1, 2.0, 3
FULL_V, LIMIT_V, STOP_V, DIP_V = 12.0, 9.75, 9.15, 7.0  # of three cells: 3.25, 3.05 and 2.33 V each
COOL, HOT = "50000", "94000"  # as the kernel says it, in 1/1000 C
GIVE_UP_S = 10.0
ZONES = 8


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """Seconds until the guard acts, ms of its turns, seconds until the glass shows a stop."""
    times = QUICK_TIMES if quick else TIMES
    progress(f"reactions, {times} times")
    result: Dict[str, Any] = {"reaction_s": {name: _spread(found) for name, found in reactions(times).items()}}
    progress("turns")
    result["turn_ms"] = turns(QUICK_TURNS_S if quick else TURNS_S)
    progress("display")
    result["glass_s"] = _spread(glass(QUICK_GLASSES if quick else GLASSES))
    reaction = result["reaction_s"]
    result["goal_met"] = bool(
        max(reaction["battery_limit"]["max"], reaction["battery_stop"]["max"]) <= GOAL_STOP_S
        and result["turn_ms"]["sensors"]["p99"] <= GOAL_TURN_MS and result["glass_s"]["max"] <= GOAL_GLASS_S
    )
    return result


def reactions(times: int) -> Dict[str, List[float]]:
    """From the moment that a chip or file says so to the decision, through the guard's process."""
    found: Dict[str, List[float]] = {"battery_limit": [], "battery_stop": [], "brown_out": [], "hot_stop": []}
    with working_folder() as folder:
        board, zone = Board.create(f"{folder}/board"), _computer(Path(folder))
        board.set_battery(FULL_V, -1.0)
        config = GuardConfig(limits=Limits(max_pilot_age_s=5.0), root=folder)
        guard = start_guard(f"sim:{folder}/board", f"{folder}/guard.sock", config, CarConfig(settle_s=0.0))
        with guard, guard.connect() as client:
            for number in range(times):
                time.sleep(0.1 + 0.023 * number)  # not always at the same moment of the guard's period
                _arm(client)
                for name, volts in (("battery_limit", LIMIT_V), ("battery_stop", STOP_V)):
                    board.set_battery(volts, -1.0)
                    found[name].append(_until(client, name))
                board.set_battery(FULL_V, -1.0)
                _arm(client)
                board.set_battery(DIP_V, -1.0)
                found["brown_out"].append(_until(client, "brown_out"))
                board.set_battery(FULL_V, -1.0)
                _arm(client)
                zone.write_text(HOT)
                found["hot_stop"].append(_until(client, "hot_stop"))
                zone.write_text(COOL)
        board.close()
    return found


def turns(seconds: float) -> Dict[str, Dict[str, Any]]:
    """What one turn of the guard's mind takes, every 10 ms, without sensors and with all of them."""
    found = {}
    with working_folder() as folder:
        board = Board.create(f"{folder}/board")
        board.set_battery(FULL_V, -1.0)
        _computer(Path(folder))
        for name in ("none", "sensors"):
            bus, clock = board.bus(), MonotonicClock()
            watch = ComputerWatch(Computer(folder)) if name == "sensors" else None
            battery = open_battery(bus, BatteryConfig()) if name == "sensors" else None
            core = GuardCore(ServoEsc(bus), SafetyGate(Limits()), clock, battery, watch)
            core.open()
            if watch is not None:
                watch.open()
            found[name] = quantiles_ms(_paced(core, clock, seconds))
            if watch is not None:
                watch.close()
        board.close()
    return found


def glass(times: int) -> List[float]:
    """From a step that says that the car was stopped to the words on the virtual display."""
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0.0, 1)
    driving = Step(frame, Scene(0.0), Pilot(), Command(0.0, 0.3), Decision(Command(0.0, 0.3), (), True), 0.0)
    stopped = replace(driving, decision=Decision(NEUTRAL, (Stop("battery_stop", "BATTERY EMPTY"),)))
    alarm, found = draw(Facts(fault="BATTERY EMPTY"), 0, (128, 32)), []
    with working_folder() as folder:
        board = Board.create(f"{folder}/board")
        with Panel(make_display(DisplayConfig("ssd1306"), f"sim:{folder}/board")) as panel:
            for number in range(times):
                panel(driving)
                _wait(lambda: board.display().any() and not np.array_equal(board.display(), alarm))
                time.sleep(0.013 * number)
                start_s = time.monotonic()
                panel(stopped)
                _wait(lambda: np.array_equal(board.display(), alarm))
                found.append(time.monotonic() - start_s)
        board.close()
    return found


def _computer(root: Path) -> Path:
    """Files as a computer with eight thermal zones has them; the one to be heated."""
    for number in range(ZONES):
        zone = root / "sys" / "class" / "thermal" / f"thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text("cpu-thermal\n")
        (zone / "temp").write_text(COOL)
    return zone / "temp"


def _pilot(arm: bool = False) -> Pilot:
    return Pilot(deadman=True, arm=arm, t_s=time.monotonic())


def _arm(client: GuardClient) -> None:
    """As soon as what stopped the car is over."""
    def armed() -> bool:
        client.send(NEUTRAL, pilot=_pilot())
        return client.send(NEUTRAL, pilot=_pilot(arm=True)).armed

    _wait(armed)


def _until(client: GuardClient, reason: str) -> float:
    start_s = time.monotonic()
    _wait(lambda: reason in [stop.reason for stop in client.send(Command(0.0, 0.1), pilot=_pilot()).stops])
    return time.monotonic() - start_s


def _paced(core: GuardCore, clock: MonotonicClock, seconds: float) -> List[float]:
    found, next_s = [], clock.now_s()
    end_s = next_s + seconds
    while next_s < end_s:
        clock.sleep_until(next_s)
        start_s = clock.now_s()
        core.tick(start_s)
        found.append(clock.now_s() - start_s)
        next_s += 0.01
    return found


def _wait(condition: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + GIVE_UP_S
    while not condition():
        if time.monotonic() > give_up_s:
            raise DeviceError(f"Nothing happened within {GIVE_UP_S:.0f} s.")
        time.sleep(0.002)


def _spread(values: List[float]) -> Dict[str, float]:
    return {"median": round(float(np.median(values)), 3), "max": round(max(values), 3)}


def show(result: Dict[str, Any]) -> str:
    rows = [[name, *spread.values()] for name, spread in result["reaction_s"].items()]
    rows.append(["a stop on the display", *result["glass_s"].values()])
    turn_rows = [[name, *result["turn_ms"][key].values()] for key, name in
                 (("none", "without sensors"), ("sensors", "battery and computer"))]
    goal = (f"battery <= {GOAL_STOP_S} s, display <= {GOAL_GLASS_S} s, "
            f"99 % of the guard's turns <= {GOAL_TURN_MS:.0f} ms")
    return "\n".join([table(rows, ["s until", "median", "greatest"]), "",
                      table(turn_rows, ["guard's turn, ms", "p50", "p99", "p99.9", "max"]),
                      verdict(goal, result["goal_met"])])
