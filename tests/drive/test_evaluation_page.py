import json
from pathlib import Path

import numpy as np

from jetracer.drive.compare import compare
from jetracer.drive.episode import EpisodeConfig
from jetracer.drive.evaluate import EvaluationConfig, summarise
from jetracer.drive.evaluation_page import intervals, write_evaluation
from tests.drive.test_compare import records


def evaluated(shift=0.0):
    seen = [(-0.5, 4.0 + shift, 1.0), (0.3, 2.0, 0.5)]
    drives = records(np.linspace(0.02, 0.1, 10) + shift, stops=[], collisions=0, simulated_s=60.0, aim_px=3.0 + shift,
                     aim_deg=0.8, sights=seen)
    drives[2].update(success=False)
    return drives, summarise(drives, EvaluationConfig(road="<one>.onnx", episode=EpisodeConfig()), 10.0)


def test_a_page_and_its_figures_are_written(tmp_path):
    (ours, result), (theirs, other) = evaluated(), evaluated(0.05)
    result.update(against=other, comparison=compare(ours, theirs))
    page = write_evaluation(result, tmp_path / "report")
    text = Path(page).read_text(encoding="utf-8")
    assert "&lt;one&gt;.onnx" in text and "better in deviation" in text
    assert "track 2 seed 0" in text
    assert text.count("data:image/png") == 3
    assert json.loads((tmp_path / "report" / "report.json").read_text())["comparison"]["pairs"] == 10


def test_one_model_alone_and_without_pictures_has_a_page_too(tmp_path):
    result = {**evaluated()[1], "open_loop": None}
    assert "data:image/png" not in Path(write_evaluation(result, tmp_path)).read_text(encoding="utf-8")


def test_the_interval_is_drawn_where_it_lies():
    found = {"difference": 1.0, "low": 0.5, "high": 2.0, "verdict": "better"}
    assert intervals({"distance_m": found}).std() > 0
    assert (intervals({"distance_m": found}) != intervals({"distance_m": {**found, "low": -2.0}})).any()
