from __future__ import annotations

from jetracer.camera.v4l2 import Identity, VideoNodes

from .test_usb import plugged_in


def nodes(folder):
    return VideoNodes(str(folder), str(folder / "sys"), str(folder))


def test_identity_and_back(tmp_path):
    plugged_in(tmp_path, 0, "Acme_1")
    plugged_in(tmp_path, 2, "", "Raw sensor")
    assert nodes(tmp_path).identity(tmp_path / "video0") == Identity("usb-Acme_1-video-index0", "HD Webcam", "0")
    for number in range(4):
        node = tmp_path / f"video{number}"
        assert nodes(tmp_path).find(nodes(tmp_path).identity(node)) == node


def test_twins_without_serial_numbers_are_not_told_apart(tmp_path):
    plugged_in(tmp_path, 0, "")
    plugged_in(tmp_path, 2, "")
    assert nodes(tmp_path).find(Identity("", "HD Webcam", "0")) is None
    assert nodes(tmp_path).find(Identity("", "", "")) is None


def test_holders_that_may_be_seen(tmp_path):
    node = tmp_path / "video0"
    node.touch()
    for number, name in ((12, "chrome"), (7, "python3")):
        process = tmp_path / "proc" / str(number)
        (process / "fd").mkdir(parents=True)
        (process / "fd" / "3").symlink_to(node)
        (process / "cmdline").write_text(f"/usr/bin/{name}\0")
        (process / "status").write_text("PPid:\t1\nUid:\t1000\t1000\t1000\t1000\n")
    (tmp_path / "proc" / "99").mkdir()  # one whose files may not be listed
    assert nodes(tmp_path).holders(node) == ["chrome (process 12)", "python3 (process 7)"]
    assert nodes(tmp_path).holders(tmp_path / "video1") == []
