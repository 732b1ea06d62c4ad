from __future__ import annotations

import ipaddress
import math

from jetracer.drive.vitals import GuardVolts, hottest_c, network_address


def test_the_hottest_zone_that_can_be_read(tmp_path):
    assert math.isnan(hottest_c(tmp_path))
    for number, said in enumerate(("41500\n", "52400\n", "", "off\n")):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "temp").write_text(said)
    (tmp_path / "thermal_zone9").mkdir()
    assert hottest_c(tmp_path) == 52.4


def test_the_address_is_one_or_nothing():
    address = network_address()
    assert not address or ipaddress.ip_address(address).version == 4


def test_without_a_guard_no_volts(tmp_path):
    volts = GuardVolts(tmp_path / "nobody.sock")
    assert math.isnan(volts())
    volts.close()
    volts.close()
    assert math.isnan(volts())
