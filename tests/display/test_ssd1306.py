"""The driver against the chip's data sheet, as the virtual board has it."""
from __future__ import annotations

import numpy as np
import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.errors import BusError, ConfigError, UnknownName
from jetracer.display import ssd1306
from jetracer.display.base import SIZES, DisplayConfig, make_display
from jetracer.display.null import NullDisplay
from jetracer.display.ssd1306 import RENEW_S, Ssd1306
from jetracer.sim.board import Board
from tests import golden_display

from .glass import Glass


@pytest.fixture
def glass(monkeypatch):
    glass = Glass()
    monkeypatch.setattr(ssd1306, "open_bus", glass.bus)
    return glass


def noise(size, seed=1):
    return np.random.default_rng(seed).random((size[1], size[0])) < 0.5


@pytest.mark.parametrize("size", ["128x32", "128x64"])
@pytest.mark.parametrize("scene", ["fault", "motion"])
def test_the_virtual_boards_glass_shows_the_picture_pixel_for_pixel(tmp_path, scene, size):
    path = str(tmp_path / "board")
    board = Board.create(path)
    picture = golden_display.render(scene, size)
    with make_display(DisplayConfig("ssd1306", size=size), f"sim:{path}") as display:
        assert display.size == SIZES[size]
        display.show(picture)
        np.testing.assert_array_equal(board.display(), picture)
    np.testing.assert_array_equal(board.display(), picture)  # it stays when the display is closed
    board.close()


@pytest.mark.parametrize("address, size", [(0x3C, (128, 32)), (0x3D, (64, 48))])
def test_the_size_follows_from_the_address(glass, address, size):
    glass.address = address
    with Ssd1306() as display:
        assert display.size == size
        picture = noise(size)
        display.show(picture)
        left = (128 - size[0]) // 2
        shown = glass.picture()
        np.testing.assert_array_equal(shown[:, left : left + size[0]], picture)
        assert shown.shape[0] == size[1]


def test_only_what_changed_is_written_and_never_much_at_once(glass):
    clock = FakeClock()
    with Ssd1306(clock=clock) as display:
        picture = noise(display.size)
        display.show(picture)
        assert max(glass.sizes) <= 33, "the motors share the bus"
        assert sum(glass.sizes) < 512 + 100
        glass.sizes.clear()
        display.show(picture.copy())
        assert glass.sizes == []
        picture[9, 70] ^= True
        display.show(picture)
        assert sum(glass.sizes) == 9
        np.testing.assert_array_equal(glass.picture(), picture)


def test_changing_pictures_one_after_another(glass):
    with Ssd1306(DisplayConfig(size="128x64"), clock=FakeClock()) as display:
        for seed in range(20):
            picture = noise(display.size, seed)
            picture[:, : 6 * seed] = False
            display.show(picture)
            np.testing.assert_array_equal(glass.picture(), picture)


def test_a_display_that_lost_its_power_comes_back(glass):
    clock = FakeClock()
    with Ssd1306(clock=clock) as display:
        picture = noise(display.size)
        display.show(picture)
        glass.power_off()
        clock.advance(RENEW_S)
        display.show(picture)
        np.testing.assert_array_equal(glass.picture(), picture)


@pytest.mark.parametrize("good", [0, 1, 2, 7])
def test_after_a_write_that_failed_half_way_all_is_written_again(glass, good):
    with Ssd1306(clock=FakeClock()) as display:
        picture = noise(display.size)
        display.show(picture)
        glass.patience = good  # transfers until it falls silent
        with pytest.raises(OSError, match="Remote I/O"):
            display.show(~picture)
        glass.patience = None
        display.show(picture)
        np.testing.assert_array_equal(glass.picture(), picture)


def test_absent(glass):
    glass.answers = False
    with pytest.raises(BusError, match="No display answers at 0x3c or 0x3d of bus 1"):
        Ssd1306().open()
    with pytest.raises(BusError, match="at 0x3d of bus 7"):
        Ssd1306(DisplayConfig(bus="7", address=0x3D)).open()
    assert glass.users == 0


def test_open_and_close_twice(glass):
    display = Ssd1306()
    display.close()
    display.open()
    display.open()
    display.show(noise(display.size))
    assert glass.users == 1
    display.close()
    display.close()
    assert glass.users == 0


def test_null_keeps_what_it_was_shown():
    display = make_display(DisplayConfig("null", size="64x48"))
    assert isinstance(display, NullDisplay)
    display.show(noise(display.size))
    np.testing.assert_array_equal(display.image, noise((64, 48)))


def test_wrong_options():
    with pytest.raises(ConfigError, match="128x32, 128x64, 64x48"):
        DisplayConfig(size="128x48")
    with pytest.raises(ConfigError, match="0x3d"):
        DisplayConfig(address=0x40)
    with pytest.raises(UnknownName, match="did you mean 'ssd1306'"):
        make_display(DisplayConfig("ssd1307"))
