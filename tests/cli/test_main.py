"""The commands as a person calls them: exit codes, one clear line on errors, nothing left behind."""
from __future__ import annotations

import subprocess
import sys

import pytest

from jetracer.cli.main import VERBS, main
from jetracer.core.errors import ModelError


def run(*words, timeout=60, **kwargs):
    return subprocess.run([sys.executable, "-m", "jetracer.cli.main", *words], capture_output=True, text=True,
                          timeout=timeout, check=False, **kwargs)


@pytest.fixture(autouse=True)
def own_runtime_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)


def test_help_lists_every_verb(capsys):
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(verb in told for verb in VERBS)
    assert main([]) == 2
    assert main(["--version"]) == 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    assert f"jetracer {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("technique", ["fp16", "int8"])
def test_a_technique_has_help_before_its_packages_are_there(technique, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit) as end:
        main(["optimize", technique, "--help"])
    assert end.value.code == 0
    assert f"jetracer optimize {technique}" in capsys.readouterr().out


WRONG_USAGE = [
    (["drvie"], "did you mean 'drive'"),
    (["drive", "--sim", "--camera.widht", "3"], "did you mean 'camera.width'"),
    (["drive", "--sim", "--fault", "frozn@3"], "did you mean 'frozen'"),
    (["drive", "--road", "null", "--camera", "rpelay:x", "--car", "null"], "did you mean 'replay'"),
    (["drive", "--sim", "--road", "null", "--car", "servo"], "did you mean 'servo_esc'"),
    (["drive", "--sim", "--laps", "0"], "give a number above 0"),
    (["drive", "--laps", "2"], "--laps needs --sim"),
    (["drive", "--kit", "waveshare-por"], "did you mean 'waveshare-pro'"),
    (["drive", "--kit", "donkey", "--sim"], "is for a real car"),
    (["drive", "--fault", "black@1"], "--fault needs --sim"),
    (["drive", "--config", "nowhere.toml"], "Cannot read the configuration nowhere.toml"),
    (["doctor", "--camera.widht", "3"], "did you mean 'camera.width'"),
    (["evaluate", "--first-seed", "5"], "are for training"),
    (["train", "loop"], "Either --sim, or --session"),
    (["train", "loop", "--session", "nowhere", "--frames", "9"], "--frames does not go with --session"),
    (["evaluate", "--against", "oracle", "--tracks", "4"], "too few to compare"),
    (["evaluate", "--against", "oracle", "--frames", "nowhere"], "--against does not go with --frames"),
    (["evaluate", "--road", "null", "--frames", "nowhere"], "There is no data set nowhere"),
    (["drive", "--sim", "--laps", "x"], "invalid int value: 'x'. See: jetracer drive --help"),
    (["train", "raod", "nowhere"], "did you mean 'road'"),
    (["data", "chek", "nowhere"], "See: jetracer data --help"),
    (["profile", "road", "--second", "2"], "did you mean '--seconds'"),
    (["calibrate", "camera", "--name", "front", "--floor", "0.4"], "--camera csi --name front"),
]


@pytest.mark.parametrize("words, cause", WRONG_USAGE, ids=str)
def test_wrong_usage_is_one_clear_line(words, cause, capsys):
    assert main(words) == 2
    told = capsys.readouterr()
    assert cause in told.err
    assert len(told.err.strip().splitlines()) <= 2
    assert not told.out


FAILURES = [
    (["drive", "--sim", "--road", "missing.onnx"], "missing.onnx"),
    (["drive", "--sim", "--road", "broken.onnx"], "broken.onnx"),
    (["drive", "--camera", "replay:nowhere", "--road", "null", "--car", "null"], "nowhere"),
    (["drive", "--camera", "replay:empty", "--road", "null", "--car", "null"], "empty"),
    (["drive", "--camera", "null", "--bus", "77"], "/dev/i2c-77 does not exist"),
    (["stop"], "No guard listens"),
    (["kits", "--bus", "77"], "/dev/i2c-77 does not exist"),
    (["kits", "--bus", "sim:nowhere"], "No virtual board at nowhere"),
]


@pytest.mark.parametrize("words, cause", FAILURES, ids=str)
def test_failures_are_one_clear_line_and_leave_nothing_behind(words, cause, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    (tmp_path / "empty").mkdir()
    before = set(tmp_path.iterdir())
    done = run(*words)
    assert done.returncode == 1, done.stderr
    assert cause in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert "Traceback" not in done.stderr
    left = {path.name for path in set(tmp_path.iterdir()) - before} - {"run"}
    assert not left, "nothing half-started is left behind"
    assert not list((tmp_path / "run").glob("*.sock")) if (tmp_path / "run").exists() else True


def test_ctrl_c_in_the_middle_of_an_import_is_no_missing_package(monkeypatch, capsys):
    def half_imported(_words):
        try:
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as pressed:
                raise ImportError("initialization failed") from pressed  # as a C extension says it
        except ImportError as error:
            raise ModelError("ONNX models need ONNX Runtime; run: pip install onnxruntime") from error

    monkeypatch.setattr("jetracer.cli.evaluate.main", half_imported)
    assert main(["evaluate"]) == main(["evaluate", "--debug"]) == 130
    assert capsys.readouterr().err == 2 * "jetracer: interrupted\n"


def test_debug_shows_the_traceback():
    assert "Traceback" in run("drive", "--sim", "--road", "missing.onnx", "--debug").stderr
