"""What the display says, compared with pictures that somebody has looked at."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetracer.display.base import SIZES
from jetracer.display.font import CELLS, text
from jetracer.display.pages import PAGES, Facts, Page, draw, recording, wrap
from jetracer.safety.reasons import REASONS
from tests import golden_display
from tests.golden_display import DRIVING, PICTURES, STOPPED


@pytest.mark.parametrize("scene, size", PICTURES)
def test_golden_pictures(scene, size):
    assert golden_display.path(scene, size).exists(), "make it with: python -m tests.golden_display"
    np.testing.assert_array_equal(golden_display.render(scene, size), golden_display.read(scene, size))


def test_no_golden_picture_is_left_over():
    known = {golden_display.path(*picture).name for picture in PICTURES}
    assert {path.name for path in golden_display.FOLDER.iterdir()} == known


@pytest.mark.parametrize("size", SIZES)
def test_every_page_has_its_turn_and_any_facts_can_be_drawn(size):
    for facts in (DRIVING, STOPPED, Facts(), Facts(mode="automatic", state="DEADMAN RELEASED", model="m" * 60)):
        pictures = [draw(facts, turn, SIZES[size]) for turn in range(2 * len(PAGES))]
        assert {picture.shape for picture in pictures} == {SIZES[size][::-1]}
        assert {picture.dtype for picture in pictures} == {np.dtype(bool)}
    assert len({draw(DRIVING, turn, SIZES[size]).tobytes() for turn in range(len(PAGES))}) == len(PAGES)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_every_reason_fits_the_glass_whole(reason, size):
    picture = draw(Facts(fault=reason.text), 0, SIZES[size])
    dots = int(text(reason.text).sum())
    dark = int((~picture).sum())
    # every dot of every letter is there, once, four or nine times as large (a space may become a new line)
    assert dark in (dots, 4 * dots, 9 * dots)


def test_a_fault_comes_first_and_stays_in_sight():
    size = SIZES["128x32"]
    first = draw(STOPPED, 0, size)
    assert first.mean() > 0.5, "dark letters on a lit glass"
    for turn in range(1, 10):
        picture = draw(STOPPED, turn, size)
        np.testing.assert_array_equal(picture, first) if turn % 2 == 0 else None
        assert picture[:8].mean() > 0.5


def test_changes_of_mode_and_state_show_on_every_page():
    for size in SIZES.values():
        for turn in range(len(PAGES)):
            before = draw(DRIVING, turn, size)
            assert (draw(replace(DRIVING, mode="manual"), turn, size) != before).any()
            assert (draw(replace(DRIVING, state="not armed"), turn, size) != before).any()


def test_the_font_has_all_its_letters_apart():
    assert len({cell.tobytes() for cell in CELLS}) == len(CELLS) == 64
    assert not CELLS[:, 7].any() and not CELLS[:, :, 5].any()
    np.testing.assert_array_equal(text("a\u00e9"), text("A?"))
    assert text("AB", 2).shape == (16, 24)
    assert text("").shape == (8, 0)


@pytest.mark.parametrize("words, columns, lines", [
    ("", 10, []), ("pilot link lost", 10, ["pilot link", "lost"]), ("192.168.104.20", 10, ["192.168.", "104.20"]),
    ("20261122-054620", 10, ["20261122-", "054620"]), ("abcdefgh ij", 5, ["abcde", "fgh", "ij"]),
    ("192.168.100.200-b", 10, ["192.168.", "100.200-b"]),
])
def test_long_lines_and_words_are_wrapped(words, columns, lines):
    assert wrap(words, columns) == lines


def test_words_may_be_left_whole():
    assert wrap("abcdefgh ij", 5, cut=False) == ["abcdefgh", "ij"]


def test_what_the_recording_has_lost_comes_before_its_name():
    assert recording(replace(DRIVING, dropped=3)) == Page("REC", ("3 STEPS LOST", DRIVING.recording, "1234 PICS"))
    ended = replace(DRIVING, recording="", recording_error="disk full")
    assert recording(ended) == Page("NO REC", ("disk full", "1234 PICS"))
