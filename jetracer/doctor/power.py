"""Whether the power suffices: battery, power mode, heat, and the traces of a voltage that was too low."""
from __future__ import annotations

import math
import re
from typing import Any, Container, Dict, Optional, Tuple

from jetracer.car.ads1115 import Ads1115
from jetracer.car.battery import FITTED, NO_PACK_V, open_battery, percent
from jetracer.car.computer import Computer
from jetracer.doctor.base import Check, Host, fail, ok, skip, warn
from jetracer.doctor.processes import kernel_log
from jetracer.safety.limits import Limits

FULL_CELL_V, EMPTY_CELL_V, USUAL_CELL_V = 4.35, 2.5, 3.85
ANY_SENSOR = "jetracer drive --guard.battery.sensor auto --guard.battery.address 0"
WATTS_LEAST = 10  # of an Orin's mode; its 7 W mode has four cores and the lowest clocks


def battery(host: Host, wires: Any, chips: Container[int]) -> Check:
    """The sensor that the guard would read, on an open bus; its volts against the cells that it is taken to have."""
    pack = open_battery(wires, host.config.guard.battery)
    if pack is None:
        others = [address for address in FITTED if address in chips]
        if others and host.config.guard.battery.address:
            return warn("battery", f"none at the address that was chosen, but one at 0x{others[0]:02x}", ANY_SENSOR)
        return skip("battery", "no sensor answers: watch the pack's voltage yourself")
    try:
        wires.read_byte(pack.address)
        if isinstance(pack.chip, Ads1115):  # has to be set before it measures, and nothing is written here
            return skip("battery", f"{pack.name}, which the guard sets up and reads")
        volts, _ = pack.chip.read()
    except OSError:
        return warn("battery", f"{pack.name} is chosen, but does not answer", ANY_SENSOR)
    if volts < NO_PACK_V:
        return skip("battery", f"{pack.name} answers, but no pack is on it")
    return _judged(volts, pack.cells, host.config.guard.limits)


def _judged(volts: float, cells: int, limits: Limits) -> Check:
    each = volts / cells
    text = f"{volts:.1f} V, {each:.2f} V for each of {cells} cells"
    if not EMPTY_CELL_V <= each <= FULL_CELL_V:
        likely = max(1, round(volts / USUAL_CELL_V))
        return warn("battery", f"{text}: no pack has that", f"jetracer drive --guard.battery.cells {likely}")
    if each < limits.battery_stop_v:
        return fail("battery", f"{text}: empty, the car will not be armed", "charge the pack")
    if each < limits.battery_warn_v:
        return warn("battery", f"{text}: low", "charge the pack")
    return ok("battery", f"{text}, about {percent(each):.0f} %")


def power_mode(host: Host) -> Check:
    """The mode of nvpmodel. On the original Nano NVIDIA advises 5 W for the pack; an Orin has no need of its lowest."""
    modes, name = _modes(host)
    if not name:
        return skip("power mode", "cannot be read" if host.jetson else "no Jetson")
    watts = _watts(name)
    better = [number for number, other in modes.items() if (_watts(other) or math.inf) >= 15]
    if "Orin" in host.board and watts and watts < WATTS_LEAST and better:
        return warn("power mode", f"{name}: the slowest that this board has", f"sudo nvpmodel -m {min(better)}")
    return ok("power mode", name)


def _modes(host: Host) -> Tuple[Dict[str, str], str]:
    """(all modes of nvpmodel by number, the name of the present one; empty where it cannot be read)."""
    modes = dict(re.findall(r"< *POWER_MODEL ID=(\d+) NAME=(\S+) *>", host.text("/etc/nvpmodel.conf")))
    status = re.search(r"pmode:0*(\d+)", host.text("/var/lib/nvpmodel/status"))
    return modes, modes.get(status.group(1), f"mode {status.group(1)}") if status else ""


def _watts(name: str) -> Optional[int]:
    match = re.search(r"(\d+)W", name)
    return int(match.group(1)) if match else None


def heat(host: Host) -> Check:
    seen = Computer(host.root).read()
    if math.isnan(seen.temperature_c):
        return skip("heat", "no sensor can be read")
    text = f"{seen.temperature_c:.0f} C at the hottest chip"
    fix = "let it cool, and see that the fan turns"
    if seen.held_back:
        return warn("heat", f"{text}, and the clock is held down: {', '.join(seen.held_back)}", fix)
    if host.board and seen.temperature_c >= host.config.guard.limits.temperature_warn_c:
        limit_c = host.config.guard.limits.temperature_limit_c
        return warn("heat", f"{text}; from {limit_c:.0f} C on the car is slowed", fix)
    return ok("heat", text)


def supply(host: Host) -> Check:
    """Voltage that was too low since the start; the next step of it is a computer that goes off while driving."""
    alarms = len(re.findall(r"soctherm: OC ALARM|Under-?voltage detected", kernel_log(host.root)))
    alarms += Computer(host.root).read().dips
    if alarms:
        fix = "charge the pack and use short, thick wires"
        fix += "; until then: sudo nvpmodel -m 1" if "Jetson Nano" in host.board and _modes(host)[1] != "5W" else ""
        return warn("supply", f"the voltage was too low since the start (alarms: {alarms})", fix)
    return ok("supply", "no low voltage since the start")


def last_drive(host: Host) -> Check:
    """A drive without an end, before the computer's last start: its power went away."""
    runs = [path for path in host.runs().glob("*") if (path / "config.toml").exists()]
    if not runs:
        return skip("last drive", "none yet")
    run = max(runs, key=lambda path: path.name)
    started = re.search(r"^btime (\d+)", host.text("/proc/stat"), re.M)
    if (run / "summary.json").exists() or started is None or run.stat().st_mtime >= int(started.group(1)):
        return ok("last drive", run.name)
    return warn("last drive", f"{run.name} has no end, and then the computer started anew: its power went away?",
                "charge the pack, check its plugs, and drive gently at first: jetracer drive "
                "--guard.limits.max_throttle 0.3")


CHECKS = (power_mode, heat, supply, last_drive)
