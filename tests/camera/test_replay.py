from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.recordings import Pictures, natural_key
from jetracer.camera.replay import ReplayCamera
from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
REAL = Path(os.environ.get("JETRACER_REAL_DATA") or BESIDE)
needs_real = pytest.mark.skipif(
    not (REAL / "donkey_track").is_dir(),
    reason="no recorded frames here; set JETRACER_REAL_DATA to the folder that holds donkey_track/",
)


def write(folder: Path, *names: str) -> Path:
    """Pictures whose grey level is their place in `names`, times ten."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((24, 32, 3), 10 * number, np.uint8))
    return folder


def replay(path, clock=None, **more) -> ReplayCamera:
    config = CameraConfig(name="replay", path=str(path), **{"fps": 10.0, **more})
    camera = ReplayCamera(config, clock or FakeClock(5.0))
    camera.open()
    return camera


def levels(camera, count):
    return [int(camera.read(1.0).image[0, 0, 0]) for _ in range(count)]


def test_natural_order_and_end(tmp_path):
    camera = replay(write(tmp_path, "2.png", "10.png", "100.png"), realtime=False)
    assert levels(camera, 3) == [0, 10, 20]
    for _ in range(2):
        with pytest.raises(CameraEnded, match="over after 3 pictures"):
            camera.read(1.0)


def test_mixed_names_sort_without_complaint():
    names = ["b", "a10", "a9", "10_a", "9_b", "9"]
    assert sorted(names, key=natural_key) == ["9", "9_b", "10_a", "a9", "a10", "b"]


def test_realtime_stamps_are_exact_and_a_late_reader_skips(tmp_path):
    clock = FakeClock(5.0)
    camera = replay(write(tmp_path, *(f"{n}.png" for n in range(20))), clock)
    first, second = camera.read(1.0), camera.read(1.0)
    assert (first.t_s, second.t_s, clock.now_s()) == pytest.approx((5.0, 5.1, 5.1))
    clock.advance(0.55)
    late = camera.read(1.0)
    assert late.seq == 6 and late.t_s == pytest.approx(5.6)
    clock.advance(60.0)
    assert camera.read(1.0).seq == 19
    with pytest.raises(CameraEnded):
        camera.read(1.0)


def test_nothing_in_time_is_a_timeout(tmp_path):
    camera = replay(write(tmp_path, "1.png", "2.png"))
    camera.read(1.0)
    with pytest.raises(CameraTimeout):
        camera.read(0.02)
    assert camera.read(1.0).seq == 1


def test_as_fast_as_asked_stamps_the_time_of_the_read(tmp_path):
    camera = replay(write(tmp_path, "1.png", "2.png"), realtime=False)
    assert [camera.read(0.0).t_s for _ in range(2)] == [5.0, 5.0]


def test_loop_keeps_counting(tmp_path):
    folder = write(tmp_path, "1.png", "2.png")
    clock = FakeClock(0.0)
    camera = replay(folder, clock, loop=True)
    frames = [camera.read(1.0) for _ in range(5)]
    assert [frame.seq for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.t_s for frame in frames] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    clock.advance(2.05)
    assert camera.read(1.0).t_s == pytest.approx(2.4)
    assert levels(replay(folder, loop=True, realtime=False), 5) == [0, 10, 0, 10, 0]


def test_labels_give_order_and_timing_and_breaks_are_shortened(tmp_path):
    write(tmp_path / "images", "a.png", "b.png", "c.png", "d.png")
    rows = ["file,timestamp_ms", "c.png,1000", "a.png,1050", "b.png,90000", "d.png,90070"]
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    camera = replay(tmp_path, FakeClock(0.0))
    frames = [camera.read(1.0) for _ in range(4)]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [20, 0, 10, 30]
    assert [frame.t_s for frame in frames] == pytest.approx([0.0, 0.05, 0.15, 0.22])


@pytest.mark.parametrize("text", [
    "file,angle\na.png,1", "file,timestamp_ms\na.png,soon", "file,timestamp_ms\nx.png,1",
])
def test_labels_without_usable_times_are_passed_over(tmp_path, text):
    write(tmp_path, "a.png", "b.png")
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    assert Pictures(tmp_path, 10.0).times == [0.0, 0.1]


def test_damaged_pictures_are_skipped_and_counted(tmp_path):
    folder = write(tmp_path, "1.png", "2.png", "3.png", "4.png")
    (folder / "2.png").write_bytes(b"not a picture")
    (folder / "3.png").write_bytes(b"")
    camera = replay(folder, realtime=False)
    assert [camera.read(1.0).seq for _ in range(2)] == [0, 3]
    assert camera.skipped == 2


def test_nothing_but_damaged_pictures_ends_even_in_a_loop(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"no")
    with pytest.raises(CameraError, match="Not one picture"):
        replay(tmp_path, loop=True).read(1.0)


@pytest.mark.parametrize("fill, words", [
    (lambda path: path.mkdir(), "holds no pictures"),
    (lambda path: None, "no recording"),
    (lambda path: path.write_bytes(b"junk"), "ffmpeg"),
])
def test_nothing_to_play(tmp_path, fill, words):
    fill(tmp_path / "x")
    with pytest.raises(CameraError, match=words):
        replay(tmp_path / "x")


def test_no_path():
    with pytest.raises(CameraError, match="--camera replay:PATH"):
        replay("")


def test_must_be_opened_first():
    with pytest.raises(CameraError, match="not open"):
        ReplayCamera(CameraConfig(name="replay", path="x")).read(0.0)


def test_opened_again_it_begins_again(tmp_path, video):
    for path in (write(tmp_path / "pictures", "1.png", "2.png"), video):
        camera = replay(path, realtime=False)
        levels(camera, 1)
        camera.open()
        assert camera.read(1.0).seq == 1
        camera.close()
        camera.close()
        with camera:
            assert camera.read(1.0).seq == 0


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "lap.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    for number in range(10):
        writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    writer.release()
    return path


def test_video_plays_at_its_own_rate(video):
    clock = FakeClock(0.0)
    camera = replay(video, clock)
    first, second = camera.read(1.0), camera.read(1.0)
    assert second.t_s - first.t_s == pytest.approx(0.05)
    clock.advance(0.21)
    late = camera.read(1.0)
    assert late.seq == 5 and abs(int(late.image[0, 0, 0]) - 100) <= 3


def test_video_loops_and_ends(video):
    looping = replay(video, loop=True, realtime=False)
    assert [round(level / 20) for level in levels(looping, 13)][-3:] == [0, 1, 2]
    camera = replay(video, realtime=False)
    levels(camera, 10)
    with pytest.raises(CameraEnded):
        camera.read(1.0)


@needs_real
def test_a_real_donkey_drive_keeps_its_own_timing():
    clock = FakeClock(0.0)
    camera = replay(REAL / "donkey_track", clock)
    frames = [camera.read(1.0) for _ in range(100)]
    assert len(camera) == 500 and frames[0].image.shape == (120, 160, 3)
    steps = np.diff([frame.t_s for frame in frames])
    assert float(np.median(steps)) == pytest.approx(0.05, abs=0.003)
    assert [frame.seq for frame in frames] == list(range(100))


@needs_real
def test_real_nvidia_clicks_are_played():
    camera = replay(REAL / "jetracer_fabo" / "xy", realtime=False)
    frames = [camera.read(1.0) for _ in range(128)]
    assert {frame.image.shape for frame in frames} == {(224, 224, 3)}
    assert camera.skipped == 0
