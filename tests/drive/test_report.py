import json
import os
import shutil

import cv2
import numpy as np
import pytest

from jetracer.core.types import AUTOMATIC, Aim, Command, Decision, Frame, Pilot, Scene, Step, Stop
from jetracer.drive.movie import make_movie
from jetracer.drive.report import Report, finish, summarise
from jetracer.drive.telemetry import Telemetry, picture_path, read_rows, step_of
from jetracer.sim.referee import Truth
from jetracer.sim.track import generate

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


def drive(folder, steps, ways=None, **options):
    places = iter(ways) if ways is not None else None
    report = Report(folder, TRACK if places else None, (lambda: truth(next(places))) if places else None, **options)
    for one in steps:
        report(one)
    return report.close()


def test_a_run_folder_holds_summary_plot_and_movie(tmp_path):
    summary = drive(tmp_path, [step(seq) for seq in range(60)], np.linspace(0.0, TRACK.length_m * 1.1, 60))
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert (summary["laps"], summary["off_track"], summary["collisions"]) == (1, 0, 0)
    assert summary["frames"] == 60
    assert summary["duration_s"] == pytest.approx(59 * PERIOD_S, abs=1e-3)
    assert summary["distance_m"] == pytest.approx(TRACK.length_m * 1.1, abs=0.01)
    assert summary["deviation_rel"] == pytest.approx(0.03 / TRACK.half_width_m, abs=1e-3)
    assert summary["run"] == str(tmp_path)
    assert summary["dropped_rows"] == 0
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


def test_without_a_movie_no_pictures_are_kept(tmp_path):
    summary = drive(tmp_path, [step(0), step(1)], movie=False)
    assert summary["frames"] == 2
    assert not any((tmp_path / "frames").iterdir())
    assert not (tmp_path / "drive.mp4").exists()


def test_a_run_without_a_single_step_is_a_report_too(tmp_path):
    summary = drive(tmp_path, [])
    assert (summary["frames"], summary["duration_s"], summary["stops"]) == (0, 0.0, [])
    assert summary["loop"]["overhead_ms"] == {"p50": None, "p99": None, "p999": None}


def test_what_was_written_is_what_was_driven(tmp_path):
    telemetry = Telemetry(tmp_path)
    wanted = step(3, stops=("slew", "deadman"))
    telemetry(wanted)
    telemetry.close()
    telemetry.close()
    (row,) = read_rows(tmp_path)
    back = step_of(row, wanted.frame.image)
    assert back.wanted == wanted.wanted
    assert back.decision.command == wanted.decision.command
    assert back.decision.stops == wanted.decision.stops
    assert back.scene == wanted.scene
    assert back.sections_s == wanted.sections_s
    kept = cv2.imread(str(picture_path(tmp_path, 3)))
    assert kept.shape == (224, 224, 3)


def test_a_slow_disk_costs_rows_and_never_time(tmp_path):
    telemetry = Telemetry(tmp_path, waiting=1)
    os.mkfifo(picture_path(tmp_path, 0))  # writing to it waits until somebody reads
    for seq in range(10):
        telemetry(step(seq))
    dropped = telemetry.dropped
    with picture_path(tmp_path, 0).open("rb") as reader:
        assert reader.read(2) == b"\xff\xd8"
        reader.read()
    telemetry.close()
    assert 8 <= dropped <= 9
    assert len(read_rows(tmp_path)) == 10 - dropped


def test_a_full_disk_is_told_at_the_end(tmp_path):
    report = Report(tmp_path, movie=True)
    shutil.rmtree(tmp_path / "frames")
    report(step(0))
    summary = report.close()
    assert "No such file" in summary["telemetry_error"]
    assert summary["dropped_rows"] == 1
    assert report.close() is summary


def test_high_rates_keep_thirty_pictures_a_second(tmp_path):
    telemetry = Telemetry(tmp_path, waiting=1000)
    for seq in range(120):
        telemetry(step(seq, period_s=1 / 120, size=(32, 32)))
    telemetry.close()
    assert 28 <= len(list((tmp_path / "frames").iterdir())) <= 32
    assert len(read_rows(tmp_path)) == 120


def test_a_run_that_was_cut_short_can_still_be_read(tmp_path):
    drive(tmp_path, [step(seq) for seq in range(4)])
    text = (tmp_path / "steps.csv").read_text()
    (tmp_path / "steps.csv").write_text(text[:-100])
    assert finish(tmp_path)["frames"] == 3


def rows_of(tmp_path, steps):
    telemetry = Telemetry(tmp_path, waiting=1000)
    for one in steps:
        telemetry(one)
    telemetry.close()
    return read_rows(tmp_path)


def test_stops_count_as_they_begin_and_only_once_armed(tmp_path):
    states = [(False, ("not_armed", "settling")), (True, ()), (True, ("slew",)), (True, ("slew", "deadman")),
              (True, ("deadman",)), (True, ()), (True, ("slew", "deadman")), (False, ("stale_frame", "not_armed"))]
    summary = summarise(rows_of(tmp_path, [step(seq, *state) for seq, state in enumerate(states)]))
    assert [(stop["reason"], stop["t_s"]) for stop in summary["stops"]] == [
        ("deadman", 0.1), ("deadman", 0.2), ("not_armed", 0.233), ("stale_frame", 0.233)]
    assert summary["notices"] == {"slew": 2}


def test_a_car_that_was_never_armed_says_why(tmp_path):
    summary = summarise(rows_of(tmp_path, [step(0, False, ("not_armed", "bus_fault"))]))
    assert [stop["reason"] for stop in summary["stops"]] == ["bus_fault", "not_armed"]


def test_the_loops_times_are_in_milliseconds(tmp_path):
    steps = [step(seq) for seq in range(50)]
    loop = summarise(rows_of(tmp_path, steps), late=3)["loop"]
    assert loop["frame_age_ms"]["p50"] == pytest.approx(20.0, abs=0.01)
    assert loop["inference_ms"]["p99"] == pytest.approx(4.0, abs=0.01)
    assert loop["overhead_ms"]["p999"] == pytest.approx(16.0, abs=0.01)
    assert loop["period_rsd"] == pytest.approx(0.0, abs=1e-3)
    assert loop["late"] == 3


def test_late_turns_are_seen_and_repeated_frames_are_not_counted(tmp_path):
    seqs = [0, 1, 2, 3, 3, 5, 9, 10, 11]
    summary = summarise(rows_of(tmp_path, [step(seq) for seq in seqs]))
    assert summary["frames"] == 8
    assert summary["loop"]["late"] == 2
    assert summary["loop"]["period_rsd"] > 0.3


def test_pictures_that_cannot_be_read_make_no_movie(tmp_path):
    rows = rows_of(tmp_path, [step(0)])
    picture_path(tmp_path, 0).write_bytes(b"no picture")
    assert "no picture" in make_movie(tmp_path, rows, None, tmp_path / "drive.mp4")
    shutil.rmtree(tmp_path / "frames")
    assert "no pictures" in make_movie(tmp_path, rows, None, tmp_path / "drive.mp4")


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
