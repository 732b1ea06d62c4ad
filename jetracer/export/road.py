"""`jetracer train road`, whole: train, export, judge the file itself, tell about it.

    folder/model.onnx   drives: jetracer drive --road folder/model.onnx
    folder/report/      index.html: how good it is, where it is wrong, what it was made of
    and what `train/road.py` leaves: train.json, last.pth, best.pth; board/ for TensorBoard
"""
from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from jetracer.core.errors import DataError
from jetracer.drive.frames import answers, score_clicks
from jetracer.engine.card import ModelCard, ModelInput, write_card
from jetracer.engine.load import load_engine, model_hash
from jetracer.export.onnx import export_road
from jetracer.models.road_net import PIXEL_MEAN, PIXEL_SCALE, parameters
from jetracer.train.board import board
from jetracer.train.config import RoadConfig
from jetracer.train.ddp import Team
from jetracer.train.fit import Progress, Watch, unwatched
from jetracer.train.metrics import PX
from jetracer.train.report import Answer, write_report
from jetracer.train.road import Trained, conclude, train_road

MODEL, REPORT, BOARD = "model.onnx", "report", "board"


def make_road(paths: Sequence[str], config: RoadConfig, folder: Path, team: Team, watch: Watch = unwatched,
              command: str = "") -> Dict[str, Any]:
    """Everything into `folder`; returns a JSON-ready account, empty in all but the leading process of a team."""
    if not team.leads:
        train_road(paths, config, folder, team)
        return {}
    noted = board(folder / BOARD)

    def both(now: Progress) -> None:
        noted(now)
        watch(now)

    trained = train_road(paths, config, folder, team, both)
    path = folder / MODEL
    scores = {"export_difference": export_road(trained.net, path, config.size)}
    card = road_card(trained, config, command)
    write_card(path, card)
    judged, open_loop = judge(path, trained)
    scores = {**_scores(trained, open_loop), **scores}
    write_card(path, replace(card, metrics=scores))
    page = write_report(folder / REPORT, trained, config, judged, scores)
    left_out = [note._asdict() for note in trained.left_out]
    conclude(folder, config=asdict(config), command=command, history=trained.history, scores=scores,
             open_loop=open_loop, left_out=left_out, model_sha256=model_hash(path))
    return {"model": str(path), "report": str(page), "net": config.net, "started": trained.started,
            "parted": trained.sets.parted, "epochs": len(trained.history), **scores, "left_out": left_out}


def judge(path: Path, trained: Trained) -> Tuple[List[Answer], Dict[str, Any]]:
    """What the file itself, in the engine that drives, makes of the validation pictures; and its open-loop scores."""
    with load_engine(path) as engine:
        seen = [(sample, scene.aim) for sample, scene in answers(engine, trained.sets.val) if scene.aim is not None]
    if not seen:
        raise DataError("Every validation picture is blank; look at them: jetracer data check SET")
    labels = np.array([(sample.aim.x, sample.aim.y) for sample, _ in seen])
    return seen, score_clicks(labels, np.array([(aim.x, aim.y) for _, aim in seen]))


def _scores(trained: Trained, open_loop: Dict[str, Any]) -> Dict[str, Any]:
    """The few figures that go into the card. The mean that is answered is that of the training's labels."""
    mean = trained.data.labels[trained.data.labels[:, 2] > 0, :2].mean(axis=0)
    labels = np.array([(sample.aim.x, sample.aim.y) for sample in trained.sets.val])
    return {
        **{f"val_{name}": open_loop[name]["mean"] for name in ("error_px", "error_rel", "error_x_px")},
        "mean_error_px": round(float(np.hypot(*((labels - mean) * PX).T).mean()), 4),
        "frames": int((trained.data.labels[:, 2] > 0).sum()),
        "val_frames": len(trained.sets.val),
    }


def road_card(trained: Trained, config: RoadConfig, command: str) -> ModelCard:
    """What the file says about itself, but for its scores."""
    parents = (f"road {model_hash('road')}",) if config.source == "road" else ()
    return ModelCard(
        task="road", name="road", precision="fp32", input=ModelInput(width=config.size, height=config.size),
        outputs={"aim": trained.sets.aims, "confidence": "0 to 1, how sure that this is a picture of a road"},
        normalisation={"mean": PIXEL_MEAN, "scale": PIXEL_SCALE, "folded": True},
        trained={"hash": trained.data.sha256, "net": config.net, "started": trained.started,
                 "parted": trained.sets.parted, "epochs": len(trained.history), "parameters": parameters(trained.net),
                 "sessions": sorted({sample.session for sample in trained.sets.train})},
        parents=parents, delay_s=config.delay_s, created_by=command,
    )
