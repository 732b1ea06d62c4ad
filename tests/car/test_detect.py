"""Which kit is on the bus: by the chips that answer, without writing to any."""
from __future__ import annotations

import errno

import pytest

from jetracer.car.detect import detect, kit_on
from jetracer.car.kit import kit_names
from jetracer.core.errors import BusError, ConfigError


class Bus:
    """Chips that answer a read of one byte; nothing else is there, so nothing else can be called."""

    def __init__(self, *there, **how):
        self._there = there
        self._errors = {int(address[1:], 16): number for address, number in how.items()}

    def read_byte(self, address):
        if address in self._errors:
            raise OSError(self._errors[address], "trouble")
        if address not in self._there:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return 0


def said(found):
    return " ".join(found.evidence)


def test_two_chips_are_the_ai_kit():
    found = detect(Bus(0x40, 0x60, 0x70, 0x41, 0x3C))
    assert found.kit == "waveshare-ai"
    assert found.candidates == ("waveshare-ai",)
    assert "0x60 answers" in said(found)
    assert "0x41 answers: an INA219" in said(found)
    assert "not a chip of its own" in said(found)


def test_one_chip_is_ambiguous_and_says_so():
    found = detect(Bus(0x40))
    assert found.kit is None
    assert set(found.candidates) == {"nvidia-jetracer", "nvidia-latrax", "waveshare-pro", "donkey"} <= set(kit_names())
    assert "cannot tell which" in said(found)


def test_a_virtual_board_is_the_simulated_car_unless_it_has_motors():
    assert detect(Bus(0x40), virtual=True).kit == "simulated"
    assert detect(Bus(0x40, 0x60), virtual=True).kit == "waveshare-ai"


@pytest.mark.parametrize(("address", "what"), [
    (0x41, "an INA219: the battery sensor of boards for 3 cells"),
    (0x42, "an INA219: the battery sensor of boards for 2 cells"),
    (0x48, "an ADS1115: the battery sensor of boards for 3 cells"),
])
def test_the_battery_sensor_is_named(address, what):
    assert f"0x{address:02x} answers: {what}." in said(detect(Bus(0x40, address)))


@pytest.mark.parametrize(("there", "why"), [((), "no PCA9685"), ((0x60,), "a JetBot"), ((0x41,), "no PCA9685")])
def test_no_kit(there, why):
    found = detect(Bus(*there))
    assert found.kit is None
    assert found.candidates == ()
    assert why in said(found)


def test_a_chip_that_a_driver_of_the_kernel_holds_is_there():
    found = detect(Bus(0x40, x60=errno.EBUSY))
    assert found.kit == "waveshare-ai"
    assert "0x60 is held by a driver of the kernel" in said(found)


def test_a_bus_that_hangs():
    with pytest.raises(BusError, match="The I2C bus hangs"):
        detect(Bus(x40=errno.ETIMEDOUT))


def test_one_kit_or_a_sentence_that_says_what_to_do(monkeypatch):
    def kit_with(*chips):
        bus = Bus(*chips)
        bus.close = lambda: None
        monkeypatch.setattr("jetracer.car.detect.open_bus", lambda spec: bus)
        return kit_on("3")

    assert kit_with(0x40, 0x60) == "waveshare-ai"
    with pytest.raises(ConfigError, match=r"On bus 3 nvidia-jetracer, .* look alike; name yours with --kit NAME"):
        kit_with(0x40)
    with pytest.raises(BusError, match=r"No car on bus 3: 0x40 does not answer: .* See: jetracer kits"):
        kit_with()
