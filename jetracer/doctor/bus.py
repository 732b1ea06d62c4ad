"""The I2C bus and what answers on it. Only reads; the bus is opened once for all of these checks."""
from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, List, Optional

from jetracer.car.base import CarConfig
from jetracer.car.detect import HELD, MOTORS, SERVO, Found, detect
from jetracer.car.kit import load_kit
from jetracer.car.pca9685 import Pca9685
from jetracer.core.errors import JetRacerError
from jetracer.core.i2c import header_bus
from jetracer.core.processes import programs
from jetracer.display.ssd1306 import SIZE_AT
from jetracer.doctor.base import FAIL, Check, Host, fail, ok, skip, warn
from jetracer.doctor.power import battery
from jetracer.doctor.processes import kernel_log
from jetracer.drive.config import DriveConfig

NEUTRAL_WITHIN_US = 30.0


def bus(host: Host) -> List[Check]:
    """i2c, kit, pulses, display and battery; the first alone where nothing can be asked."""
    blocked = _blocked(host)
    if blocked is not None:
        return [blocked]
    spec = host.config.bus
    try:
        wires = host.open_bus(spec)
    except JetRacerError as error:
        return [fail("i2c", str(error), f"jetracer kits --bus {spec}")]
    try:
        found = detect(wires, virtual=spec.startswith("sim:"))
        if found.kit and _none_chosen(host.config):
            host = replace(host, config=load_kit(found.kit).apply(host.config))  # as a drive does
        checks = [_kit(host, found)]
        if checks[0].status != FAIL and host.config.car.name == "servo_esc":
            checks.append(_pulses(host, wires))
        checks += [_display(host, found), battery(host, wires, found.chips)]
    except JetRacerError as error:
        return [fail("i2c", str(error).split(";")[0], "switch the car off and on; then check SDA, SCL and their plugs")]
    finally:
        wires.close()
    answering = " ".join(f"0x{address:02x}" for address in sorted(found.chips)) or "nothing"
    return [ok("i2c", f"{_name(spec)}: {answering} answers"), *checks]


def _blocked(host: Host) -> Optional[Check]:
    """Why the bus is not opened at all."""
    spec = host.config.bus
    if host.config.car.name == "null":
        return skip("i2c", "a car without motors is chosen")
    if not spec.isdigit():
        return None
    adapter = host.text(f"/sys/class/i2c-dev/i2c-{spec}/name")
    if not host.board and "usb" not in adapter.lower():  # the buses of a PC are its own: memory, graphics
        return skip("i2c", "a PC: no bus of a car", "on a car: jetracer doctor; in simulation: jetracer drive --sim")
    if not host.there(_name(spec)):
        others = [path.name[4:] for path in host.glob("/dev/i2c-*")]
        if not others:
            return fail("i2c", "there is no /dev/i2c-*", "sudo modprobe i2c-dev")
        pins = header_bus(host.board)
        return fail("i2c", f"{_name(spec)} is not there; there are the buses {' '.join(others)}",
                    f"jetracer drive --bus {pins if pins in others else others[0]}")
    if not host.may_use(host.path(_name(spec))):
        return fail("i2c", f"no permission on {_name(spec)}", host.join_group("i2c"))
    return None


def _kit(host: Host, found: Found) -> Check:
    """The car that is configured against the chips that answer."""
    car, chips, spec = host.config.car, found.chips, host.config.bus
    if car.address != SERVO:
        return skip("kit", f"your own, with its PCA9685 at 0x{car.address:02x}")
    if chips.get(SERVO) == HELD:
        driver = _driver(host, spec, SERVO)
        return _no_servo(host, f"0x40 on bus {spec} is held by the kernel's driver {driver}",
                         f"echo {spec}-0040 | sudo tee /sys/bus/i2c/drivers/{driver}/unbind")
    if SERVO not in chips:
        return _no_servo(host, f"no PCA9685: 0x40 does not answer on bus {spec}",
                         "switch the car's own battery on and check 3.3 V, SDA, SCL and GND")
    if car.name == "dc_motors" and MOTORS not in chips:
        return fail("kit", "a kit with DC motors is chosen, but 0x60 does not answer", "jetracer kits")
    if car.name == "servo_esc" and MOTORS in chips:
        return fail("kit", "0x60 answers: the Waveshare AI Kit, but an ESC is chosen: the motors would stay silent",
                    "jetracer drive --kit waveshare-ai")
    known = found.kit or f"one of {', '.join(found.candidates)}"
    if _none_chosen(host.config):
        return fail("kit", f"none is chosen; by its chips the car is {known}", "jetracer kits, then: jetracer drive "
                    "--kit NAME")
    return ok("kit", f"fits what answers: {known}")


def _none_chosen(config: DriveConfig) -> bool:
    return config.car == CarConfig() and config.bus.isdigit()


def _no_servo(host: Host, cause: str, fix: str) -> Check:
    """Most often it is the right car on the wrong bus: examples were written for the original Nano."""
    pins = header_bus(host.board)
    if host.board and host.config.bus.isdigit() and pins != host.config.bus:
        return fail("kit", f"{cause}; pins 3 and 5 of this board are bus {pins}", f"jetracer drive --bus {pins}")
    return fail("kit", cause, fix)


def _pulses(host: Host, wires: Any) -> Check:
    """A PCA9685 keeps its last pulse: a program that died while driving leaves the motor running."""
    if any("jetracer.safety" in one.command for one in programs(host.root)):
        return skip("pulses", "the guard owns the motors")
    car = host.config.car
    try:
        pulse_us = Pca9685(wires, car.address, car.frequency_hz).pulse_us(car.throttle_channel)
    except OSError:
        return warn("pulses", "the PCA9685 does not give its registers", "check the wires of the bus")
    if pulse_us and abs(pulse_us - _neutral_us(car)) > NEUTRAL_WITHIN_US:
        return fail("pulses", f"the throttle channel sends {pulse_us:.0f} us though nobody drives: a program died",
                    "switch the car off; then start with jetracer drive, which begins in neutral")
    return ok("pulses", "neutral" if pulse_us else "silent")


def _neutral_us(car: CarConfig) -> float:
    return min(car.throttle_max_us, max(car.throttle_min_us, 1500.0 + 750.0 * car.throttle_offset))


def _display(host: Host, found: Found) -> Check:
    wanted = host.config.display
    there = [address for address in SIZE_AT if address in found.chips]
    if wanted.name == "null":
        return skip("display", "none is chosen")
    if wanted.address and wanted.address not in there:
        return warn("display", f"none at 0x{wanted.address:02x}", "jetracer drive --display.address 0, which finds it")
    if not there:
        return skip("display", "none answers; nothing is wrong with that")
    return ok("display", f"SSD1306 at 0x{there[0]:02x}")


def _driver(host: Host, spec: str, address: int) -> str:
    device = f"/sys/bus/i2c/devices/{spec}-{address:04x}"
    try:
        return (host.path(device) / "driver").resolve(strict=True).name
    except OSError:
        return host.text(f"{device}/name") or "unknown"


def wires(host: Host) -> Check:
    """The kernel tells of transfers that failed on this bus: loose plugs, or a supply that dips."""
    if not host.board:
        return skip("wires", "a PC")
    adapter = re.escape(host.text(f"/sys/bus/i2c/devices/i2c-{host.config.bus}/name")) or "i2c"
    lines = re.findall(rf"^.*{adapter}.*(?:timed out|arbitration lost).*$", kernel_log(host.root), re.M)
    if lines:
        last = lines[-1].split(";")[-1][-80:]  # without the number and time that begin a message
        return warn("wires", f"transfers that failed since the start: {len(lines)}, last: {last}",
                    "check the plugs of SDA, SCL and GND, and charge the pack")
    return ok("wires", "no failed transfer")


def _name(spec: str) -> str:
    return f"/dev/i2c-{spec}" if spec.isdigit() else spec


CHECKS = (bus, wires)
