"""Which bus "auto" is: by the name of the board."""
from __future__ import annotations

import pytest

from jetracer.core.i2c import AUTO, which_bus


@pytest.mark.parametrize(("board", "bus"), [
    ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "7"),
    ("Jetson AGX Orin", "7"),
    ("NVIDIA Jetson Xavier NX Developer Kit", "8"),
    ("Jetson-AGX", "8"),
    ("NVIDIA Jetson Nano Developer Kit", "1"),
    ("quill", "1"),  # the TX2
    ("Raspberry Pi 4 Model B Rev 1.4", "1"),
])
def test_the_bus_on_pins_3_and_5(board, bus, tmp_path):
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text(board + "\0", encoding="utf-8")
    assert which_bus(AUTO, tmp_path) == bus


def test_a_bus_that_is_named_is_taken(tmp_path):
    assert which_bus(AUTO, tmp_path) == "1"  # a PC
    assert which_bus(4, tmp_path) == "4"
    assert which_bus("sim:/board", tmp_path) == "sim:/board"
