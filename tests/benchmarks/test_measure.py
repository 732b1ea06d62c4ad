"""The arithmetic behind the published figures, on turns made up by hand."""
from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from benchmarks import hogs, overhead, sixty_hz
from benchmarks.__main__ import FIGURES, main
from benchmarks.block import fresh_turns
from benchmarks.measure import TURN, age_and_pace, evenness, quantiles_ms, run_module, table
from jetracer.core.errors import DeviceError


def turns(seqs, age_s=0.002, fps=100.0):
    """One turn per frame of `seqs`, acted on `age_s` after its exposure."""
    made = np.zeros(len(seqs), TURN)
    made["seq"] = seqs
    made["exposed_s"] = made["seq"] / fps
    made["began_s"] = made["exposed_s"] + 0.001
    made["acted_s"] = made["exposed_s"] + age_s
    made["perceive_s"] = 0.0005
    return made


def test_quantiles_are_in_ms_and_none_of_nothing():
    assert quantiles_ms([0.001, 0.002, 0.003]) == {"p50": 2.0, "p99": 2.98, "p999": 2.998, "max": 3.0}
    assert quantiles_ms([]) == {"p50": None, "p99": None, "p999": None, "max": None}


def test_evenness_does_not_count_the_gap_between_two_stretches():
    assert evenness([[0.0, 0.01, 0.02], [5.0, 5.01]]) == {"mean_ms": 10.0, "rsd": 0.0}
    assert evenness([[0.0, 0.01, 0.04]]) == {"mean_ms": 20.0, "rsd": 0.5}
    assert evenness([])["rsd"] is None


def test_age_and_pace_counts_frames_acted_on_twice():
    made = age_and_pace([turns([1, 2, 2, 3]), turns([3, 4])])
    assert made["repeated"] == 1
    assert made["turns"] == 6
    assert made["age_ms"]["max"] == 2.0


def test_turns_without_a_new_picture_are_left_out():
    kept = fresh_turns([turns([4, 4, 5, 7, 7])])
    assert [list(stretch["seq"]) for stretch in kept] == [[4, 5, 7]]


def test_a_skipped_frame_and_a_late_one_miss_their_deadlines():
    made = turns([0, 1, 3, 4])
    made["acted_s"][3] += 0.009
    found = hogs.deadlines(made, 100.0)
    assert (found["frames"], found["skipped"], found["late"], found["missed"]) == (5, 1, 1, 2)
    assert found["core_paused"] is None


def test_a_miss_while_a_core_stood_still_is_told_apart():
    made = turns([0, 1, 4, 5])
    found = hogs.deadlines(made, 100.0, np.array([[0.015, 0.025], [0.1, 0.2]]))
    assert (found["missed"], found["core_paused"]) == (2, 1)
    assert found["paused_s"] == 0.11


def test_a_frame_is_old_beyond_one_period_and_its_inference():
    made = turns([0, 1, 2], age_s=0.0104)
    assert sixty_hz.judged(made, 100.0)["old_frames"] == 0
    made["acted_s"][1] += 0.0002
    assert sixty_hz.judged(made, 100.0)["old_frames"] == 1


def test_the_rounds_alternate_their_order():
    order = []

    def runner(name):
        def run(_seconds):
            order.append(name)
            return turns([0, 1]), {}
        return run

    taken = overhead._interleaved({name: runner(name) for name in "ab"}, 3, 1.0)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert [len(stretches) for stretches in taken.values()] == [3, 3]


def test_a_table_lines_up():
    assert table([["one", 1.0, None], ["twenty", 22, "x"]], ["", "ms", "note"]) == (
        "            ms  note\n"
        "  one     1.00     -\n"
        "  twenty    22     x")  # fmt: skip


def test_a_wrong_name_is_told_with_the_nearest_right_one(capsys):
    assert main(["overhed"]) == 2
    assert "did you mean 'overhead'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", FIGURES)
def test_what_could_not_be_measured_is_said_and_the_rest_goes_on(name, capsys, monkeypatch):
    module = pytest.importorskip(f"benchmarks.{name}", reason="needs torch: pip install -e '.[train]'")

    def measure(_quick, _road):
        raise DeviceError("The cable is loose.")

    monkeypatch.setattr(module, "measure", measure)
    assert main([name, "--json"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "  not measured: The cable is loose." in said
    assert json.loads(said[-1])[name] == {"failed": "The cable is loose."}


def test_what_a_figure_needs_and_is_not_installed_is_said(capsys, monkeypatch):
    def missing(_name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("benchmarks.__main__.import_module", missing)
    assert main(["lag", "--json"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "  skipped: it needs torch: pip install -e '.[train]'" in said
    assert json.loads(said[-1])["lag"] == {"skipped": "it needs torch: pip install -e '.[train]'"}


def test_a_process_that_fails_is_told_with_its_last_words():
    with pytest.raises(DeviceError, match=r"benchmarks failed: .*--no-such"):
        run_module(sys.executable, "benchmarks", ["--no-such"], 30.0)
