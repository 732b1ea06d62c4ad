"""`jetracer train road` from pictures to a file that drives; cut off, gone on with, and by two processes."""
from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.cli.main import main  # noqa: E402
from jetracer.core.types import Command, Frame  # noqa: E402
from jetracer.data.formats.base import write  # noqa: E402
from jetracer.engine.load import load_engine  # noqa: E402
from jetracer.perception.road import RoadFollower  # noqa: E402
from jetracer.train import fit  # noqa: E402
from tests.data.sets import samples  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--train.epochs", "2", "--train.threads", "1"]


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    """NVIDIA's format: a bright spot, clicked."""
    folder, random = tmp_path_factory.mktemp("data") / "spots", np.random.default_rng(0)
    folder.mkdir()
    for number in range(40):
        x, y = random.integers(10, 118, 2)
        image = random.integers(60, 120, (128, 128, 3), dtype=np.uint8)
        cv2.circle(image, (int(x), int(y)), 9, (250, 240, 230), -1)
        cv2.imwrite(str(folder / f"{x}_{y}_{number}.jpg"), image)
    (folder / "5_5_torn.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    return str(folder)


def run(capsys, *words):
    assert main(["train", "road", *map(str, words), *TINY, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_pictures_become_a_model_with_a_card_and_a_report(capsys, clicks, tmp_path):
    told = run(capsys, clicks, "--out", tmp_path / "out")
    assert {"model", "epochs", "val_error_px", "val_error_rel"} <= set(told)
    assert (told["epochs"], told["started"], told["val_frames"]) == (2, "from road.onnx", 8)
    assert "torn" in told["left_out"][0]["path"]
    with load_engine(told["model"]) as engine:
        card = engine.card
        scene = RoadFollower(engine).perceive(Frame(cv2.imread(next(Path(clicks).glob("*_1.jpg")).as_posix()), 0.0, 0))
    assert scene.aim is not None
    assert card.metrics["val_error_px"] == told["val_error_px"]
    assert len(card.trained["hash"]) == 64
    assert card.parents[0].startswith("road ")
    assert card.created_by.startswith("jetracer train road")
    page = Path(told["report"]).read_text()
    for words in ("The weights start from road.onnx", "parted by time", "torn: the JPEG has no end", "Left out"):
        assert words in page
    assert page.count("data:image/png;base64,") == 5
    assert json.loads((tmp_path / "out" / "train.json").read_text())["scores"]["frames"] == told["frames"]


def test_another_net_and_size_start_from_a_file_of_their_own(capsys, clicks, tmp_path):
    first = run(capsys, clicks, "--net", "pilotnet", "--size", "96", "--out", tmp_path / "a")
    assert "nobody trained pilotnet on ImageNet" in first["started"]
    again = run(capsys, clicks, "--net", "pilotnet", "--size", "96", "--start", first["model"], "--out", tmp_path / "b")
    assert again["started"] == "from model.onnx"
    with load_engine(again["model"]) as engine:
        assert (engine.card.input.width, engine.card.trained["net"]) == (96, "pilotnet")


def test_a_driven_set_with_a_delay_says_so_in_the_card(capsys, tmp_path):
    some = [replace(sample, aim=None, deleted=False, session="one", t_s=100.0 + at / 10)
            for at, sample in enumerate(samples(tmp_path / "from", 60, command=Command(0.25, 0.2)))]
    write(some, tmp_path / "tub", "tub")
    told = run(capsys, tmp_path / "tub", "--camera", "none", "--delay-s", "0.2", "--out", tmp_path / "out")
    with load_engine(told["model"]) as engine:
        assert engine.card.delay_s == 0.2
        assert "the steering that was driven" in engine.card.outputs["aim"]


def test_ctrl_c_keeps_what_was_learned_and_the_same_command_goes_on(capsys, clicks, tmp_path, monkeypatch):
    out = tmp_path / "out"
    whole, watched = fit.validate, []

    def cut(*arguments):
        watched.append(1)
        if len(watched) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(fit, "validate", cut)
    assert main(["train", "road", clicks, "--out", str(out), *TINY]) == 130
    assert f"What was learned is in {out}; the same command goes on" in capsys.readouterr().err
    assert not (out / "model.onnx").exists()
    monkeypatch.setattr(fit, "validate", whole)
    assert run(capsys, clicks, "--out", out)["epochs"] == 2
    assert main(["train", "road", clicks, "--out", str(out), "--net", "pilotnet", *TINY]) == 1
    assert "has another net and start and data" in capsys.readouterr().err


def test_wrong_words_are_told_before_anything_is_read(capsys, tmp_path):
    assert main(["train", "road", "nowhere", "--net", "resnet81"]) == 2
    assert "did you mean 'resnet18'" in capsys.readouterr().err
    assert main(["train", "road", "nowhere", "--train.epoch", "3"]) == 2
    assert "train.epochs" in capsys.readouterr().err
    assert main(["train", "road", "nowhere", "--size", "160"]) == 2
    assert "choose another --net" in capsys.readouterr().err


def test_too_few_pictures_are_told(capsys, clicks, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(Path(clicks).glob("*.jpg"))[:6]:
        (few / path.name).write_bytes(path.read_bytes())
    assert main(["train", "road", str(few), "--out", str(tmp_path / "out")]) == 2
    assert "0 pictures are left to train on" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_processes_of_torchrun_make_one_model(clicks, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "jetracer", "train",
         "road", clicks, "--out", str(tmp_path / "out"), "--train.batch", "8", *TINY, "--json"],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}, cwd=tmp_path,
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [one["epochs"] for one in told] == [2]
    assert Path(told[0]["model"]).is_file()
