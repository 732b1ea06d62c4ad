import json

import pytest

from jetracer.cli.main import main
from jetracer.core.types import Command
from jetracer.data.formats.base import read, write
from tests.data.sets import jpeg, samples


@pytest.fixture
def tub(tmp_path):
    write(samples(tmp_path / "from", 6), tmp_path / "tub", "tub")
    (tmp_path / "tub" / "images" / "3_cam_image_array_.jpg").unlink()
    return tmp_path / "tub"


def run(capsys, *words):
    assert main(["data", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_import_check_split_and_export(capsys, tub, tmp_path):
    told = run(capsys, "import", tub, tmp_path / "set")
    assert (told["records"], told["format"]) == (5, "labelled")
    assert told["skipped"] == [{"path": f"{tub}/3_cam_image_array_.jpg", "why": "there is no such file"}]
    assert run(capsys, "split", tmp_path / "set", "--share", "0.1")["advice"][0].endswith("or try another --seed.")
    assert run(capsys, "split", tmp_path / "set", "--share", "0.4")["advice"] == []
    checked = run(capsys, "check", tmp_path / "set")
    assert (checked["records"], checked["deleted"], checked["leaks"]["unknown"]) == (4, 1, 0)
    told = run(capsys, "export", tmp_path / "set", tmp_path / "xy", "--to", "xy", "--fill", "aim", "--camera", "sim")
    assert (told["records"], told["not_carried"][0]) == (4, "command of 5 records")
    assert read(tmp_path / "xy").format == "xy"


def test_several_sets_become_one(capsys, tub, tmp_path):
    for name in ("a", "b"):
        write(samples(tmp_path / f"from-{name}", 2), tmp_path / name, "labelled")
    assert run(capsys, "import", tmp_path / "a", tmp_path / "b", tub, tmp_path / "all")["records"] == 9
    assert {s.session.split()[0] for s in read(tmp_path / "all").samples} == {"a", "b", "tub"}


def test_clicks_become_a_tub_by_geometry(capsys, tmp_path):
    jpeg(tmp_path / "clicks" / "40_40_a.jpg")
    assert main(["data", "export", str(tmp_path / "clicks"), str(tmp_path / "tub"), "--to", "tub"]) == 2
    assert "--fill command" in capsys.readouterr().err
    assert not (tmp_path / "tub").exists()
    to_tub = ["data", "export", str(tmp_path / "clicks"), str(tmp_path / "tub"), "--to", "tub"]
    assert main([*to_tub, "--fill", "command"]) == 2
    assert "Which camera" in capsys.readouterr().err
    assert main([*to_tub, "--car.wheelbase_m", "0.2"]) == 2
    assert "--car.wheelbase_m goes with --fill only" in capsys.readouterr().err
    told = run(capsys, "export", tmp_path / "clicks", tmp_path / "tub", "--to", "tub", "--fill", "command",
               "--camera", "sim", "--car.wheelbase_m", "0.2", "--throttle", "0.25")
    assert (told["records"], told["not_carried"]) == (1, ["aim of 1 records"])
    command = read(tmp_path / "tub").samples[0].command
    assert command == Command(command.steering, 0.25) and command.steering > 0


def test_stats_and_movie(capsys, tub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "stats", tub)["page"] == "tub-stats/index.html"
    assert (tmp_path / "tub-stats" / "index.html").is_file()
    assert run(capsys, "movie", tub, "film.mp4", "--road", "null")["records"] == 4
    assert (tmp_path / "film.mp4").stat().st_size > 1000


def test_delete_by_name_by_what_check_found_and_back(capsys, tmp_path):
    some = samples(tmp_path / "from", 3, deleted=False)
    write([*some, some[0]], tmp_path / "set", "labelled")
    told = run(capsys, "delete", tmp_path / "set", "1.jpg", "gone.jpg")
    assert (told["records"], told["changed"], told["unknown"]) == (3, ["1.jpg"], ["gone.jpg"])
    assert run(capsys, "delete", tmp_path / "set", "--found", "duplicates")["changed"] == ["apex_0.jpg"]
    assert run(capsys, "undelete", tmp_path / "set", "--all")["records"] == 4
    assert main(["data", "delete", str(tmp_path / "set")]) == 2
    assert "Which pictures?" in capsys.readouterr().err


def test_without_json_it_is_told_in_lines(capsys, tub):
    assert main(["data", "check", str(tub)]) == 0
    said = capsys.readouterr().out
    assert "3_cam_image_array_.jpg: there is no such file" in said
    assert "-> Records that cannot be used: 1; see the list." in said


@pytest.mark.parametrize("words, cause", [
    (["check", "nowhere"], "There is no data set nowhere"),
    (["check", "."], "is no data set that JetRacer knows"),
    (["label", "nowhere"], "There is no folder nowhere"),
    (["delete", "clicks", "1_1_a.jpg"], "jetracer data import"),
    (["import", "clicks", "clicks"], "is there already"),
])
def test_wrong_usage_is_one_clear_line(capsys, tmp_path, monkeypatch, words, cause):
    monkeypatch.chdir(tmp_path)
    if "clicks" in words:
        jpeg(tmp_path / "clicks" / "1_1_a.jpg")
    assert main(["data", *words]) == 2
    error = capsys.readouterr().err
    assert cause in error and error.count("\n") == 1


def test_names_that_are_not_in_the_set_fail(capsys, tub, tmp_path):
    assert main(["data", "import", str(tub), str(tmp_path / "set")]) == 0
    capsys.readouterr()
    assert main(["data", "delete", str(tmp_path / "set"), "nowhere.jpg"]) == 1
    assert "nowhere.jpg" in capsys.readouterr().out


def test_advice_can_be_run_as_it_stands(capsys, tub):
    assert f"Not split yet; jetracer data split {tub}" in run(capsys, "check", tub)["advice"]


@pytest.mark.parametrize("film, why", [("film.txt", "give it as FILM.mp4"), ("nowhere/film.mp4", "there is no folder")])
def test_where_no_film_can_be_is_said_in_a_line(capfd, tub, tmp_path, film, why):
    assert main(["data", "movie", str(tub), str(tmp_path / film)]) == 1
    told = capfd.readouterr().err
    assert why in told and len(told.splitlines()) == 1


def test_a_set_that_cannot_be_written_is_no_wrong_usage(capsys, tub):
    assert main(["data", "import", str(tub), "/proc/nowhere/set"]) == 1
    assert "choose another place" in capsys.readouterr().err
