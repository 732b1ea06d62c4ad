from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple

import pytest

from jetracer.core import config
from jetracer.core.errors import ConfigError, UnknownName


@dataclass(frozen=True)
class Camera:
    width: int = 224
    fps: float = 30.0
    name: str = "sim"
    flip: bool = False


@dataclass(frozen=True)
class Car:
    camera: Camera = field(default_factory=Camera)
    gains: Tuple[float, ...] = (1.0, 2.0)
    label: Optional[str] = None


def test_file_and_command_line_share_their_keys(tmp_path):
    path = tmp_path / "car.toml"
    path.write_text('gains = [3, 4]\n[camera]\nwidth = 320\nname = "usb"\n')
    from_file = config.load(Car(), path)
    from_line = config.override(Car(), ["--camera.width", "320", "--camera.name=usb", "--gains", "3,4"])
    assert from_file == from_line == Car(Camera(320, name="usb"), gains=(3.0, 4.0))


def test_what_was_used_reads_back_equal(tmp_path):
    used = Car(Camera(640, 59.94, 'a "b" \\ ü', True), (0.1, 1e-9), "text")
    path = tmp_path / "used.toml"
    path.write_text(config.dump(used), encoding="utf-8")
    assert config.load(Car(), path) == used


def test_a_wrong_key_names_the_nearest_right_one():
    with pytest.raises(UnknownName, match=r"did you mean 'camera\.width'"):
        config.override(Car(), ["--camera.widht", "320"])


@pytest.mark.parametrize(
    "arguments, cause",
    [
        (["--camera.width", "wide"], "not a whole number"),
        (["--camera.width", "1.5"], "not a whole number"),
        (["--camera.flip", "perhaps"], "not true or false"),
        (["--camera", "5"], "is a group of options"),
        (["--camera.width"], "needs a value"),
        (["width", "5"], "Do not know what to do with 'width'"),
    ],
)
def test_bad_values_say_what_is_wrong(arguments, cause):
    with pytest.raises(ConfigError, match=cause):
        config.override(Car(), arguments)


def test_optional_values_can_be_unset():
    assert config.override(Car(label="x"), ["--label", "none"]).label is None


def test_bad_files_say_what_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match="Cannot read"):
        config.load(Car(), tmp_path / "missing.toml")
    (tmp_path / "bad.toml").write_text("width = = 3")
    with pytest.raises(ConfigError, match="not valid TOML"):
        config.load(Car(), tmp_path / "bad.toml")
    (tmp_path / "float.toml").write_text("[camera]\nwidth = 1.5\n")
    with pytest.raises(ConfigError, match="not a whole number"):
        config.load(Car(), tmp_path / "float.toml")
