import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from jetracer.core.types import AUTOMATIC, Aim, Command, Decision, Frame, Pilot, Scene, Step, Stop
from jetracer.data.log import RecordConfig
from jetracer.data.recorder import Recorder
from jetracer.data.session import Moment, Session
from jetracer.drive.config import DriveConfig
from jetracer.drive.movie import make_movie
from jetracer.drive.report import finish, rows_of, summarise
from jetracer.drive.run_folder import make_recorder
from jetracer.engine.load import load_engine, sha256_of
from jetracer.sim.faults import Faults, FaultyEngine
from jetracer.sim.referee import Truth
from jetracer.sim.track import generate
from tests.engine.tiny_models import road_model

TRACK = generate(7000)
PERIOD_S = 1 / 30


def image(seq=0, size=(224, 224)):
    return np.random.default_rng(seq).integers(0, 256, (size[1], size[0], 3), np.uint8)


def step(seq, armed=True, stops=(), period_s=PERIOD_S, age_s=0.02, size=(224, 224)):
    t_s = 1000.0 + seq * period_s
    return Step(
        Frame(image(seq, size), t_s, seq), Scene(t_s, Aim(0.25, -0.1), (), 0.75),
        Pilot(Command(0.1, 0.2), deadman=True, mode=AUTOMATIC), Command(0.5, 0.25),
        Decision(Command(0.4, 0.2), tuple(Stop(name) for name in stops), armed, t_s + age_s), t_s + 0.001,
        {"perceive": 0.004, "decide": 0.001, "guard": 0.002},
    )  # fmt: skip


def truth(way_m, **changes):
    x, y, yaw = TRACK.pose_at(way_m, 0.03)
    values = dict.fromkeys(Truth._fields, 0.0)
    values.update(x_m=x, y_m=y, yaw_rad=yaw, speed_mps=1.0, lateral_m=0.03, half_width_m=TRACK.half_width_m,
                  s_m=way_m, distance_m=way_m, lap=int(way_m / TRACK.length_m), off_track=0, collisions=0)
    return Truth(**{**values, **changes})


def drive(folder, steps, ways=None, movie=True, pictures="all"):
    places = iter(ways) if ways is not None else None
    recorder = Recorder(folder / "session.mcap", RecordConfig(pictures, keep_free_mb=0.0),
                        truth=(lambda: truth(next(places))) if places else None)
    for one in steps:
        recorder(one)
    recorder.close()
    return finish(folder, TRACK if places else None, movie)


def test_a_run_folder_holds_summary_plot_and_movie(tmp_path):
    summary = drive(tmp_path, [step(seq) for seq in range(60)], np.linspace(0.0, TRACK.length_m * 1.1, 60))
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert (summary["laps"], summary["off_track"], summary["collisions"]) == (1, 0, 0)
    assert summary["frames"] == 60
    assert summary["duration_s"] == pytest.approx(59 * PERIOD_S, abs=1e-3)
    assert summary["distance_m"] == pytest.approx(TRACK.length_m * 1.1, abs=0.01)
    assert summary["deviation_rel"] == pytest.approx(0.03 / TRACK.half_width_m, abs=1e-3)
    assert summary["run"] == str(tmp_path)
    plot = cv2.imread(str(tmp_path / "track.png"))
    assert min(plot.shape[:2]) > 500
    movie = cv2.VideoCapture(str(tmp_path / "drive.mp4"))
    assert movie.get(cv2.CAP_PROP_FRAME_COUNT) == 60
    assert movie.get(cv2.CAP_PROP_FPS) == pytest.approx(30.0, abs=0.1)


def test_without_truth_there_is_no_plot_and_no_guess(tmp_path):
    summary = drive(tmp_path, [step(seq, size=(160, 120)) for seq in range(5)])
    assert summary["laps"] is summary["off_track"] is summary["distance_m"] is None
    assert not (tmp_path / "track.png").exists()
    assert (tmp_path / "drive.mp4").stat().st_size > 0


def test_without_a_movie_or_pictures_there_is_none(tmp_path):
    assert drive(tmp_path, [step(0), step(1)], movie=False)["frames"] == 2
    assert not (tmp_path / "drive.mp4").exists()
    (tmp_path / "session.mcap").unlink()
    assert drive(tmp_path, [step(0), step(1)], pictures="none")["frames"] == 2
    assert not (tmp_path / "drive.mp4").exists()


def test_the_summary_says_which_engine_drove_even_of_a_run_that_was_cut_short(tmp_path):
    model = road_model(tmp_path / "road.onnx")
    used = {"name": "onnx", "precision": "fp32", "file": "road.onnx", "file_sha256": sha256_of(model),
            "model": str(model), "model_sha256": sha256_of(model)}
    with load_engine(model) as engine:
        for name, fault in (("plain", False), ("faulty", True)):
            (tmp_path / name).mkdir()
            driven = FaultyEngine(engine, Faults.parse(["slow_engine@9"])) if fault else engine
            recorder = make_recorder(tmp_path / name, replace(DriveConfig(), road=str(model)), driven, None)
            recorder(step(0))
            recorder.close()
            session = tmp_path / name / "session.mcap"
            session.write_bytes(session.read_bytes()[:-100])
            assert finish(tmp_path / name, movie=False)["engine"] == used
    (tmp_path / "blind").mkdir()
    make_recorder(tmp_path / "blind", replace(DriveConfig(), road="none"), None, None).close()
    assert finish(tmp_path / "blind")["engine"] is None
    assert drive(tmp_path, [])["engine"] is None, "nobody noted it"


def test_a_run_without_a_single_step_is_a_report_too(tmp_path):
    summary = drive(tmp_path, [])
    assert (summary["frames"], summary["duration_s"], summary["stops"]) == (0, 0.0, [])
    assert summary["loop"]["overhead_ms"] == {"p50": None, "p99": None, "p999": None}


def test_a_run_that_was_cut_short_can_still_be_read(tmp_path):
    drive(tmp_path, [step(seq) for seq in range(4)])
    session = tmp_path / "session.mcap"
    session.write_bytes(session.read_bytes()[:-100])
    assert finish(tmp_path)["frames"] == 4


def summary_of(steps):
    return summarise(rows_of([Moment(one, None, True, False) for one in steps]))


def test_stops_count_as_they_begin_and_only_once_armed():
    states = [(False, ("not_armed", "settling")), (True, ()), (True, ("slew",)), (True, ("slew", "deadman")),
              (True, ("deadman",)), (True, ()), (True, ("slew", "deadman")), (False, ("stale_frame", "not_armed"))]
    summary = summary_of([step(seq, *state) for seq, state in enumerate(states)])
    assert [(stop["reason"], stop["t_s"]) for stop in summary["stops"]] == [
        ("deadman", 0.1), ("deadman", 0.2), ("not_armed", 0.233), ("stale_frame", 0.233)]
    assert summary["notices"] == {"slew": 2}


def test_a_car_that_was_never_armed_says_why():
    summary = summary_of([step(0, False, ("not_armed", "bus_fault"))])
    assert [stop["reason"] for stop in summary["stops"]] == ["bus_fault", "not_armed"]


def test_the_loops_times_are_in_milliseconds():
    steps = [step(seq) for seq in range(50)]
    loop = summary_of(steps)["loop"]
    assert loop["frame_age_ms"]["p50"] == pytest.approx(20.0, abs=0.01)
    assert loop["inference_ms"]["p99"] == pytest.approx(4.0, abs=0.01)
    assert loop["overhead_ms"]["p999"] == pytest.approx(16.0, abs=0.01)
    assert loop["period_rsd"] == pytest.approx(0.0, abs=1e-3)
    assert loop["late"] == 0


def test_late_turns_are_seen_and_repeated_frames_are_not_counted():
    seqs = [0, 1, 2, 3, 3, 5, 9, 10, 11]
    summary = summary_of([step(seq) for seq in seqs])
    assert summary["frames"] == 8
    assert summary["loop"]["late"] == 2
    assert summary["loop"]["period_rsd"] > 0.3


def test_undone_and_damaged_pictures_are_not_in_the_movie(tmp_path, monkeypatch):
    last = replace(step(30).pilot, undo=True)
    steps = [step(seq, period_s=0.5) for seq in range(30)] + [replace(step(30, period_s=0.5), pilot=last)]
    drive(tmp_path, steps, movie=False)
    with Session.open(tmp_path) as session:
        make_movie(session, None, tmp_path / "drive.mp4")
        assert cv2.VideoCapture(str(tmp_path / "drive.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 21
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    with Session.open(tmp_path) as session:
        assert "no picture" in make_movie(session, None, tmp_path / "none.mp4")


def test_the_plot_shows_the_path_where_it_was_and_the_stops(tmp_path):
    from jetracer.drive.trackplot import STOP, draw_run

    path = np.array([TRACK.pose_at(s)[:2] for s in np.linspace(0.0, 4.0, 100)])
    empty = draw_run(TRACK, path[:0], np.zeros(0), path[:0])
    plain = draw_run(TRACK, path, np.linspace(0.2, 1.4, 100), path[:0])
    halted = draw_run(TRACK, path, np.linspace(0.2, 1.4, 100), path[50:51], "one stop")
    assert (empty != plain).any()
    red = (halted == STOP).all(axis=2)
    assert red.sum() > 50
    assert not (plain == STOP).all(axis=2).any()
