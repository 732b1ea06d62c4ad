"""The computer's own sensors, in folders laid out as the kernels of the Jetson families lay them out."""
from __future__ import annotations

import math
import threading
import time

import pytest

from jetracer.car import computer as module
from jetracer.car.computer import Computer, ComputerWatch, Vitals


def lay(root, files):
    for name, text in files.items():
        path = root / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def rail_iio(device, channel, name, millivolts, milliamps):
    base = f"bus/i2c/drivers/ina3221x/{device}/iio:device0"
    return {f"{base}/rail_name_{channel}": name, f"{base}/in_voltage{channel}_input": millivolts,
            f"{base}/in_current{channel}_input": milliamps}


def rail_hwmon(device, channel, name, millivolts, milliamps):
    base = f"bus/i2c/drivers/ina3221/{device}/hwmon/hwmon3"
    return {f"{base}/in{channel}_label": name, f"{base}/in{channel}_input": millivolts,
            f"{base}/curr{channel}_input": milliamps, f"{base}/curr{channel}_crit_alarm": 0}


def zone(number, kind, temp):
    return {f"class/thermal/thermal_zone{number}/type": kind, f"class/thermal/thermal_zone{number}/temp": temp}


def cooler(number, kind, state):
    base = f"class/thermal/cooling_device{number}"
    return {f"{base}/type": kind, f"{base}/cur_state": state}


NANO = {
    **rail_iio("6-0040", 0, "POM_5V_IN", 4980, 950), **rail_iio("6-0040", 1, "POM_5V_GPU", 4980, 120),
    **rail_iio("6-0040", 2, "POM_5V_CPU", 4980, 300),
    **zone(0, "AO-therm", 41500), **zone(1, "CPU-therm", 34000), **zone(2, "GPU-therm", 36500),
    **zone(4, "PMIC-Die", 100000), **cooler(0, "pwm-fan", 3),
}
XAVIER_NX = {
    **rail_hwmon("7-0040", 1, "VDD_IN", 5000, 1200), **rail_hwmon("7-0040", 2, "VDD_CPU_GPU_CV", 5000, 300),
    **rail_hwmon("7-0040", 3, "VDD_SOC", 5000, 250),
    "bus/i2c/drivers/ina3221/7-0040/hwmon/hwmon3/in7_label": "sum of shunt voltages",
    **zone(0, "CPU-therm", 52000), **zone(1, "PMIC-Die", 100000),
}
ORIN = {
    **rail_hwmon("1-0040", 1, "VDD_IN", 4990, 1500), **rail_hwmon("1-0040", 2, "NC", 0, 0),
    **zone(0, "cpu-thermal", 61000), **zone(2, "cv0-thermal", ""), **zone(8, "tj-thermal", 62500),
    **cooler(7, "pwm-fan", 2), **cooler(8, "cpu-throttle-alert", 0), **cooler(9, "hot-surface-alert", 0),
    "class/hwmon/hwmon0/name": "tmp451", "class/hwmon/hwmon4/name": "soctherm_oc",
    "class/hwmon/hwmon4/oc1_event_cnt": 4, "class/hwmon/hwmon4/oc2_event_cnt": 0, "class/hwmon/hwmon4/oc3_event_cnt": 9,
}


@pytest.mark.parametrize(("files", "hottest_c", "supply_mw", "rails"), [
    (NANO, 41.5, 4731.0, ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"]),
    (XAVIER_NX, 52.0, 6000.0, ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]),
    (ORIN, 62.5, 7485.0, ["VDD_IN"]),
], ids=["nano", "xavier-nx", "orin"])
def test_each_family(tmp_path, files, hottest_c, supply_mw, rails):
    lay(tmp_path, files)
    vitals = Computer(tmp_path).read()
    assert vitals.temperature_c == hottest_c
    assert vitals.supply_mw == pytest.approx(supply_mw)
    assert [rail.name for rail in vitals.rails] == rails
    assert vitals.held_back == ()
    assert vitals.rails[0].milliwatts == pytest.approx(1000 * vitals.rails[0].volts * vitals.rails[0].amps)


def test_a_machine_that_has_none_of_it(tmp_path):
    assert repr(Computer(tmp_path).read()) == repr(Vitals())
    assert math.isnan(Vitals().supply_mw)


def test_what_cannot_be_read_is_not_known(tmp_path):
    lay(tmp_path, {**zone(0, "cpu", "off"), **zone(1, "gpu", 40000), **rail_hwmon("1-0040", 1, "VDD_IN", "", 5)})
    vitals = Computer(tmp_path).read()
    assert vitals.temperature_c == 40.0
    assert math.isnan(vitals.supply_mw)


def test_throttling_and_over_current(tmp_path):
    lay(tmp_path, ORIN)
    computer = Computer(tmp_path)
    assert computer.read().held_back == ()
    lay(tmp_path, {**cooler(8, "cpu-throttle-alert", 1), **cooler(9, "hot-surface-alert", 1)})
    assert computer.read().held_back == ("cpu-throttle-alert", "hot-surface-alert")
    lay(tmp_path, {**cooler(8, "cpu-throttle-alert", 0), **cooler(9, "hot-surface-alert", 0),
                   "class/hwmon/hwmon4/oc3_event_cnt": 10})
    assert computer.read().held_back == ("over-current",)
    assert computer.read().held_back == ()
    lay(tmp_path, {"bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/curr1_crit_alarm": 1})
    assert computer.read().held_back == ("over-current",)


def test_dips_are_counted_by_the_kernel_or_seen_at_the_input(tmp_path):
    lay(tmp_path, ORIN)
    computer = Computer(tmp_path)
    assert computer.read().dips == 4
    lay(tmp_path, {"class/hwmon/hwmon4/oc1_event_cnt": 6})
    assert computer.read().dips == 6
    lay(tmp_path, rail_hwmon("1-0040", 1, "VDD_IN", 4490, 2000))
    assert [computer.read().dips for _ in range(3)] == [7, 7, 7]
    lay(tmp_path, rail_hwmon("1-0040", 1, "VDD_IN", 4510, 2000))
    assert computer.read().dips == 7
    lay(tmp_path, rail_hwmon("1-0040", 1, "VDD_IN", 4490, 2000))
    assert computer.read().dips == 8


def test_a_watch_reads_again_and_again_and_one_that_hangs_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(module, "WATCH_S", 0.001)
    hang, read = threading.Event(), []

    class Slow:
        def read(self):
            read.append(1)
            if len(read) == 3:
                hang.wait(10)
            return Vitals(float(len(read)))

    watch = ComputerWatch(Slow())
    assert watch.newest is None
    watch.open()
    watch.open()
    give_up_s = time.monotonic() + 10
    while len(read) < 3:
        assert time.monotonic() < give_up_s
        time.sleep(0.001)
    assert watch.newest.temperature_c == 2.0
    watch.close()
    hang.set()
    watch._thread.join(10)
    assert not watch._thread.is_alive()
    assert watch.newest.temperature_c == 3.0
