import cv2
import numpy as np
import pytest

from jetracer.data.picture import Picture, find, flaw, size_of
from tests.data.sets import image, jpeg


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_whole_pictures_have_no_flaw_and_tell_their_size(tmp_path, suffix):
    path = jpeg(tmp_path / f"a{suffix}", size=(80, 60))
    assert flaw(str(path)) == ""
    assert Picture("a", path).size() == (80, 60)


@pytest.mark.parametrize("suffix, why", [(".jpg", "torn: the JPEG has no end"), (".png", "torn: the PNG has no end")])
def test_a_picture_cut_anywhere_is_torn(tmp_path, suffix, why):
    whole = jpeg(tmp_path / f"a{suffix}").read_bytes()
    path = tmp_path / f"torn{suffix}"
    for keep in np.linspace(16, len(whole) - 1, 25).astype(int):
        path.write_bytes(whole[:keep])
        assert flaw(str(path)) == why
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))  # as a power cut leaves it: a tail of zeros
    assert flaw(str(path)) == why


def test_zeros_after_the_end_are_no_flaw(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(tmp_path / "b.jpg").read_bytes() + bytes(8))
    assert flaw(str(path)) == ""


def test_other_files_are_no_pictures(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    assert flaw(str(tmp_path / "empty.jpg")) == "the file is empty"
    assert flaw(str(tmp_path / "text.jpg")) == "not a picture"
    assert size_of(b"hello") is None


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/secret.jpg", "a/../../secret.jpg", ""])
def test_names_never_lead_out_of_the_set(tmp_path, name):
    jpeg(tmp_path / "secret.jpg")
    assert find(tmp_path / "set", name) == (None, "the name leads out of the folder")


def test_a_picture_of_a_log_is_loaded_when_asked_for():
    data = cv2.imencode(".jpg", image(size=(40, 30)))[1].tobytes()
    picture = Picture("7", load=lambda: data)
    assert picture.size() == (40, 30)
    assert picture.image().shape == (30, 40, 3)
