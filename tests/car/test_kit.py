"""Kits: what ships drives as the published software does; a file of one's own changes what it says."""
from __future__ import annotations

from pathlib import Path

import pytest

from jetracer.car.base import CarConfig, make_car
from jetracer.car.kit import kit_names, load_kit
from jetracer.core.errors import ConfigError, UnknownName
from jetracer.core.types import NEUTRAL, Command
from jetracer.safety.launch import Launch
from jetracer.sim.board import Board

ROOT = Path(__file__).resolve().parents[2]
DONKEY_STEP_US = 4.08


def board_of(kit, command):
    """The board after the kit's car was given `command`."""
    board = Board()
    board.nak(0x60, False)
    with make_car(board.bus(), kit.car) as car:
        car.apply(command)
        return board, board.outputs(), board.motor_duties()


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_shipped_kits():
    assert kit_names() == (
        "donkey", "nvidia-jetracer", "nvidia-latrax", "simulated", "waveshare-ai", "waveshare-pro",
    )


@pytest.mark.parametrize("name", kit_names())
def test_every_shipped_kit_is_complete_and_stands_still_at_neutral(name):
    kit = load_kit(name)
    assert kit.name == name
    assert kit.title
    assert kit.wiring
    launch = kit.apply(Launch())
    assert launch.car == kit.car
    _board, pulses, duties = board_of(kit, NEUTRAL)
    car = kit.car
    assert pulses[car.steering_channel] == pytest.approx(1500, abs=35)
    assert not any(duties)
    if car.name == "servo_esc":
        assert pulses[car.throttle_channel] == pytest.approx(1500, abs=12)


@pytest.mark.parametrize("name", ["nvidia-jetracer", "nvidia-latrax", "waveshare-pro"])
def test_nvidias_numbers(name):
    for value in (-1.0, -0.3, 0.5, 1.0):
        _board, pulses, _duties = board_of(load_kit(name), Command(value, value))
        assert pulses[0] == pytest.approx(1500 - 0.65 * 750 * value, abs=4.9)
        assert pulses[1] == pytest.approx(1500 + 0.8 * 750 * value, abs=4.9)


def test_the_pro_is_at_60_hz_and_starts_softly_by_the_guards_limit():
    launch = load_kit("waveshare-pro").apply(Launch())
    assert launch.car.frequency_hz == 60.0
    assert launch.guard.limits.throttle_per_s == pytest.approx(0.18 / 1.2)


def test_donkeys_numbers():
    kit = load_kit("donkey")
    for command, steering, throttle in [
        (NEUTRAL, 375, 370), (Command(-1.0, 1.0), 460, 500), (Command(1.0, 0.0), 290, 370),
    ]:
        _board, pulses, _duties = board_of(kit, command)
        assert pulses[1] == pytest.approx(steering * DONKEY_STEP_US, abs=DONKEY_STEP_US)
        assert pulses[0] == pytest.approx(throttle * DONKEY_STEP_US, abs=DONKEY_STEP_US)


def test_the_ai_kit_has_dc_motors():
    _board, pulses, duties = board_of(load_kit("waveshare-ai"), Command(1.0, 0.5))
    assert pulses[0] == pytest.approx(1500 - 0.65 * 750, abs=4.9)
    assert duties[:8] == pytest.approx([0.4, 1, 0, 0, 0.4, 0, 1, 0.4], abs=1e-3)


def test_the_simulated_car_is_wired_as_the_defaults_say():
    assert load_kit("simulated").car == CarConfig()


def test_a_kit_of_ones_own_changes_what_it_says(tmp_path):
    write(tmp_path / "ours.toml", "[kit]\nbase = 'waveshare-pro'\ntitle = 'ours'\n[car]\nsteering_offset = 0.1\n")
    mine = write(tmp_path / "mine.toml", "bus = '7'\n[kit]\nbase = 'ours.toml'\n[guard.limits]\nmax_throttle = 0.4\n")
    kit = load_kit(mine)
    launch = kit.apply(Launch())
    assert (kit.name, kit.title) == ("mine", "ours")
    assert (launch.bus, launch.car.frequency_hz, launch.car.steering_offset) == ("7", 60.0, 0.1)
    assert launch.guard.limits.max_throttle == 0.4
    assert launch.guard.limits.throttle_per_s == pytest.approx(0.15)


def test_the_example_in_the_repository_is_a_kit():
    kit = load_kit(str(ROOT / "calibration" / "car" / "example.toml"))
    assert kit.car.steering_channel == 0
    assert kit.apply(Launch()).guard.limits.max_throttle == 0.5


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[kit]\nbase = 'self.toml'\n", "its own base"),
        ("kit = 3\n", r"write \[kit\]"),
        ("[kit]\ntitel = 'x'\n", "did you mean 'title'"),
        ("[cra]\nname = 'null'\n", "did you mean 'car'"),
        ("[car]\nsteering_gian = 1.0\n", "did you mean 'car.steering_gain'"),
        ("[car]\nsteering_channel = 1\n", "two different channels"),
        ("[car\n", "not valid TOML"),
    ],
)
def test_a_kit_that_makes_no_sense(tmp_path, text, cause):
    path = write(tmp_path / "self.toml", text)
    with pytest.raises(ConfigError, match=cause):
        _ = load_kit(path).car


def test_a_wrong_name_and_a_missing_file():
    with pytest.raises(UnknownName, match="did you mean 'waveshare-pro'"):
        load_kit("waveshare-por")
    with pytest.raises(ConfigError, match=r"Cannot read .*nowhere\.toml"):
        load_kit("nowhere.toml")
