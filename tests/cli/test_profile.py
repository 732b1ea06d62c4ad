"""jetracer profile, as a person calls it."""
from __future__ import annotations

import json

import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.cli.main import main
from jetracer.optimize import micro_nets, speed


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_layers_and_devices(capsys, tmp_path):
    assert main(["profile", "road", "--device", "nano", "--device", "cpu", "--seconds", "0", "--html", str(tmp_path),
                 "--json"]) == 0
    *said, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    assert list(result["predicted_ms"]) == ["nano"]
    assert {"name", "op", "params", "macs", "flops"} <= set(result["layers"][0])
    assert any("34,682,368 MACs" in line for line in said)
    assert any("nano" in line and "prediction, not measured" in line for line in said)
    assert any("jetracer profile --calibrate" in line for line in said)
    assert (tmp_path / "index.html").exists()


def test_prices_are_learnt_and_then_used(capsys, monkeypatch):
    few = micro_nets.micro_nets(0, {"inverted": 1, "single": 1})
    monkeypatch.setattr(speed, "micro_nets", lambda: few)
    assert main(["profile", "--calibrate", "--rounds", "1", "--json"]) == 0
    learnt = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert learnt["families"] > 5
    assert main(["profile", "road", "--device", "cpu", "--seconds", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["predicted_ms"]["cpu"] > 0


def test_wrong_usage(capsys):
    assert main(["profile"]) == 2
    assert "Which model?" in capsys.readouterr().err
    assert main(["profile", "road", "--device", "nanno"]) == 2
    assert "did you mean 'nano'" in capsys.readouterr().err
