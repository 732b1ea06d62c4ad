from __future__ import annotations

import json
from pathlib import Path

import pytest

from jetracer.cli.main import main
from jetracer.core.config import merge
from jetracer.data.session import Session
from jetracer.drive.config import DriveConfig

QUICK = ["--world.look", "pattern", "--camera.width", "64", "--camera.height", "64", "--json",
         "--record.keep_free_mb", "0"]
SCRIPT = """
0.0 mode=manual deadman=on arm=on
0.4 record=on
1.2 undo=on
1.6 record=off
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drive(capsys, *words):
    code = main(["record", "--sim", *words, *QUICK])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_button_records_and_undo_throws_away(here, capsys):
    (here / "lap.txt").write_text(SCRIPT)
    code, summary = drive(capsys, "--teleop", "script:lap.txt", "--duration", "2")
    assert code == 0
    recording = summary["recording"]
    assert recording["wanted"] == "button" and not recording["error"] and not recording["dropped"]
    assert recording["undone"] > 10 and recording["pictures"] > 5
    with Session.open(summary["run"]) as session:
        assert len(session) == recording["pictures"]
        assert all(step.pilot.record for step in session)
        moments = list(session.moments())
        assert moments[-1].truth.lap == 0 and not moments[-1].step.pilot.record
        assert merge(DriveConfig(), session.config).road == "none"
    assert not (Path(summary["run"]) / "drive.mp4").exists()


def test_a_model_is_recorded_while_it_drives(capsys):
    code, summary = drive(capsys, "--auto", "--road", "null", "--duration", "1")
    assert code == 0 and summary["recording"]["wanted"] == "all"
    with Session.open(summary["run"]) as session:
        assert len(session) == summary["recording"]["pictures"] > 10
        assert session.card["name"] == "null" and session.facts["road"] == "null"
        assert session[-1].pilot.mode == "automatic"


def test_a_recording_that_was_cut_off_is_repaired(capsys):
    _, summary = drive(capsys, "--auto", "--road", "null", "--duration", "1")
    path = Path(summary["run"]) / "session.mcap"
    path.write_bytes(path.read_bytes()[:-1000])
    assert main(["record", "--repair", summary["run"]]) == 0
    assert "repaired; it was cut off" in capsys.readouterr().out
    assert main(["record", "--repair", str(path)]) == 0
    assert "nothing was wrong" in capsys.readouterr().out
    assert main(["record", "--repair", "nowhere"]) == 1
    assert "give a run folder" in capsys.readouterr().err
    assert main(["record", "--repair"]) == 2


def test_what_is_said_at_the_end(capsys):
    assert main(["record", "--sim", "--teleop", "auto", "--road", "null", "--duration", "0.7",
                 *[word for word in QUICK if word != "--json"]]) == 0
    told = capsys.readouterr()
    assert "rec off 0" in told.err
    assert "The record button was not used: R on the keyboard" in told.out


def test_help_names_the_options_of_its_own(capsys):
    for verb, names in (("record", ("--auto", "--repair")), ("teleop", ("--record",))):
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        told = capsys.readouterr().out
        assert all(f"  {name} " in told for name in names)
