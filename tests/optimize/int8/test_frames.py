"""Which pictures calibrate: all bends, lights and drives alike, and none that compares."""
from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim
from jetracer.data.formats.base import write
from jetracer.data.picture import Picture
from jetracer.data.sample import Sample
from jetracer.optimize.int8 import frames as choosing
from jetracer.optimize.int8.frames import Frame, balanced, bend, enough, light, pick, strata
from tests.data.sets import jpeg


def grey(value, name, session="one", x=0.0, steering=None):
    image = np.full((4, 4, 3), value, np.uint8)
    return Frame(lambda: image, name, session, None if x is None else Aim(x, 0.0), steering)


def a_drive():
    """900 of 1000 straight on in middle light, as drives are; a tenth in bends, dark or of another session."""
    made = []
    for at in range(1000):
        rare = at % 10 == 0
        kind = at // 10 % 4
        made.append(grey(100 + at % 3 + (100 if rare and kind == 0 else -80 if rare and kind == 1 else 0), str(at),
                         "two" if rare and kind == 2 else "one", 0.9 if rare and kind == 3 else 0.0))
    return made


def test_rare_kinds_are_taken_as_often_as_can_be():
    chosen = balanced(a_drive(), 100)
    assert len(chosen) == len({frame.name for frame in chosen}) == 100
    bends = Counter(bend(frame) for frame in chosen)
    sessions = Counter(frame.session for frame in chosen)
    lights = Counter(light(frame) for frame in chosen)
    assert bends["steering 4"] >= 24 and sessions["two"] >= 24  # of 25 there are: by chance it would be 2 or 3
    assert lights["light 0"] >= 24 and lights["light 4"] >= 24
    assert strata(chosen)["session two"] == 25


def test_the_choice_is_the_same_every_time_and_for_any_order():
    drive = a_drive()
    names = [frame.name for frame in balanced(drive, 50)]
    assert names == [frame.name for frame in balanced(drive[::-1], 50)]


def test_a_picture_that_cannot_be_read_is_left_out():
    broken = Frame(lambda: None, "broken", "one")
    assert [frame.name for frame in balanced([broken, grey(9, "fine", x=None)], 5)] == ["fine"]
    assert balanced([broken], 5) == []
    assert bend(broken) == "steering unknown" and bend(grey(0, "left", x=None, steering=-1.0)) == "steering 0"


def test_too_few_pictures_are_refused_and_few_are_told(tmp_path):
    assert enough(1000, "laps", False) == ""
    assert "999 pictures calibrate, 1000 or more" in enough(999, "laps", False)
    with pytest.raises(ConfigError, match="fewer than 500 are refused: record more, calibrate with --data sim"):
        enough(499, "laps", False)
    assert "3 pictures" in enough(3, "laps", True)


def a_set(folder, count=60):
    made = [Sample(Picture(f"{at}.jpg", jpeg(folder / "pictures" / f"{at}.jpg", at)), aim=Aim(at / count * 2 - 1, 0.0),
                   session=f"day {at // 12}", t_s=1e9 + at) for at in range(count)]
    write(made, folder / "set", "labelled")
    return folder / "set"


def test_what_compares_does_not_calibrate(tmp_path):
    chosen, compared, warning = pick(str(a_set(tmp_path)), 40, force=True)
    assert len(chosen) == 40 and len(compared) >= 6 and "40 pictures calibrate" in warning
    assert not {frame.session for frame in chosen.frames} & {frame.session for frame in compared.frames}
    assert next(chosen.pictures()).shape == (48, 64, 3)
    assert np.isfinite(compared.aims()).all()
    with pytest.raises(ConfigError, match="fewer than 500"):
        pick(str(tmp_path / "set"), 40)


def test_simulated_pictures_are_of_tracks_that_nothing_is_judged_on(monkeypatch):
    monkeypatch.setattr(choosing, "COMPARED", 4)
    chosen, compared, _ = pick("sim", 12, force=True)
    assert (len(chosen), len(compared)) == (12, 4)
    assert all(0 <= int(frame.session) < 100_000 for frame in chosen.frames)
    assert all(100_000 <= int(frame.session) < 200_000 for frame in compared.frames)
    assert {picture.shape for picture in chosen.pictures()} == {(224, 224, 3)}
    with pytest.raises(ConfigError, match="--frames 0"):
        pick("sim", 0)
