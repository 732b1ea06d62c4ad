import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from jetracer.cli.evaluate import told_frames
from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim
from jetracer.drive.frames import evaluate_frames
from jetracer.engine.null import NullEngine

REAL = Path(os.environ.get("JETRACER_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def picture(path, size=(224, 224)):
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    assert cv2.imwrite(str(path), image)


def test_errors_are_in_pixels_at_224_and_as_a_fraction_of_the_width(tmp_path):
    picture(tmp_path / "112_112_a.jpg")
    picture(tmp_path / "224_336_b.jpg", (448, 448))  # the same picture twice as large: aim (0, 0.5)
    result = evaluate_frames(NullEngine(Aim(0.25, 0.0)), tmp_path)
    assert result["records"] == result["answered"] == 2
    near, far = 28.0, float(np.hypot(28.0, 56.0))
    assert result["error_px"]["mean"] == pytest.approx((near + far) / 2, abs=1e-3)
    assert result["error_px"]["max"] == pytest.approx(far, abs=1e-3)
    assert result["error_rel"]["max"] == pytest.approx(far / 224, abs=1e-3)
    assert result["bias_px"] == {"x": 28.0, "y": -28.0}
    assert result["correlation_x"] is None
    assert json.loads(json.dumps(result)) == result


def test_the_baseline_answers_the_mean_of_the_labels(tmp_path):
    picture(tmp_path / "56_112_a.jpg")
    picture(tmp_path / "168_112_b.jpg")
    result = evaluate_frames(NullEngine(Aim(0.0, 0.0)), tmp_path)
    assert result["error_px"]["mean"] == result["baseline"]["error_px"]["mean"] == 56.0


def test_clicks_on_and_beyond_the_border_count_in_the_outer_bins(tmp_path):
    for name in ("0_224_a.jpg", "224_0_b.jpg", "-20_100_c.jpg", "250_100_d.jpg"):
        picture(tmp_path / name)
    bins = evaluate_frames(NullEngine(), tmp_path)["by_x"]
    assert [entry["records"] for entry in bins] == [2, 0, 0, 0, 2]
    assert bins[1]["mean_px"] is None
    assert bins[0]["bias_x_px"] > 0 > bins[-1]["bias_x_px"]


def test_the_bins_are_told_as_lines(tmp_path):
    picture(tmp_path / "0_224_a.jpg")
    told = told_frames(evaluate_frames(NullEngine(), tmp_path))
    assert "aim at   0 to  45 px: 1 pictures, " in told and "45 to  90 px: no pictures" in told
    assert "{" not in told


def test_odd_files_are_listed_by_name_and_harm_nothing(tmp_path):
    picture(tmp_path / "10_10_good.jpg")
    picture(tmp_path / "holiday.png")
    (tmp_path / "20_20_torn.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    (tmp_path / "30_30_empty.jpg").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("hello")
    result = evaluate_frames(NullEngine(), tmp_path)
    assert result["records"] == 1
    assert {entry["path"] for entry in result["skipped"]} == {
        "holiday.png", "20_20_torn.jpg", "30_30_empty.jpg", "notes.txt"}


def test_pictures_without_content_are_not_answered(tmp_path):
    cv2.imwrite(str(tmp_path / "1_1_black.png"), np.zeros((224, 224, 3), np.uint8))
    result = evaluate_frames(NullEngine(), tmp_path)
    assert (result["records"], result["answered"]) == (1, 0)
    assert "error_px" not in result


def donkey(root, rows):
    (root / "images").mkdir()
    lines = ["file,angle,throttle"]
    for number, angle in enumerate(rows):
        picture(root / "images" / f"{number}.jpg", (160, 120))
        lines.append(f"{number}.jpg,{angle},0.3")
    lines += ["gone.jpg,0.1,0.3", "0.jpg,wild,0.3", "0.jpg,7,0.3", ""]
    (root / "labels.csv").write_text("\n".join(lines))


def test_donkey_frames_give_the_agreement_of_the_steering(tmp_path):
    donkey(tmp_path, [0.5, 0.8, -0.3, 0.02])
    result = evaluate_frames(NullEngine(Aim(0.4, 0.0)), tmp_path)
    assert (result["kind"], result["records"], result["turning"]) == ("donkey", 4, 3)
    assert result["sign_agreement"] == result["baseline"]["sign_agreement"] == pytest.approx(2 / 3)
    assert result["correlation"] is None
    assert [entry["path"] for entry in result["skipped"]] == ["gone.jpg", "0.jpg", "0.jpg"]


def test_a_straight_drive_has_no_sign_to_agree_on(tmp_path):
    donkey(tmp_path, [0.0, 0.01])
    result = evaluate_frames(NullEngine(), tmp_path)
    assert result["sign_agreement"] is None
    assert result["baseline"]["sign_agreement"] is None


def test_a_folder_of_folders_says_which_to_take(tmp_path):
    (tmp_path / "xy").mkdir()
    picture(tmp_path / "xy" / "1_1_a.jpg")
    (tmp_path / "speed").mkdir()
    picture(tmp_path / "speed" / "1_2_b.jpg")
    with pytest.raises(ConfigError, match="There are pictures in speed, xy"):
        evaluate_frames(NullEngine(), tmp_path)


def test_a_missing_or_empty_folder_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="There is no data set"):
        evaluate_frames(NullEngine(), tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="no data set that JetRacer knows"):
        evaluate_frames(NullEngine(), tmp_path)
    picture(tmp_path / "holiday.jpg")
    (tmp_path / "labels.csv").write_text("file\nholiday.jpg\n")
    with pytest.raises(ConfigError, match=r"No labelled picture.*jetracer data label"):
        evaluate_frames(NullEngine(), tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no recorded frames in {REAL}; set JETRACER_REAL_DATA")
@pytest.mark.parametrize("name, kind, records", [
    ("jetracer_fabo/xy", "xy", 128), ("donkey_track", "donkey", 500)])
def test_recorded_frames_are_all_read(name, kind, records):
    result = evaluate_frames(NullEngine(), REAL / name)
    assert (result["kind"], result["records"], result["skipped"]) == (kind, records, [])
    assert result["answered"] == records
