"""The calibration as files: TensorRT's cache and our manifest."""
from __future__ import annotations

import struct

import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.core.errors import ConfigError, DataError  # noqa: E402
from jetracer.optimize.int8.calibrators import calibrate  # noqa: E402
from jetracer.optimize.int8.manifest import Manifest, hash_of, read_manifest, write_manifest  # noqa: E402
from jetracer.optimize.int8.quantise import quantise  # noqa: E402
from jetracer.optimize.int8.table import Range, Table  # noqa: E402
from jetracer.optimize.int8.trt_cache import read_cache, write_cache  # noqa: E402
from tests.optimize.int8.nets import answer, pictures, residual_net  # noqa: E402


def test_a_cache_as_tensorrt_writes_it_is_read(tmp_path):
    file = tmp_path / "calibration.cache"
    file.write_text("TRT-8201-EntropyCalibration2\nimage: 3c010a14\n(Unnamed Layer* 3) [Sum]_output: 3d8efa35\n")
    ranges = read_cache(file).ranges
    assert ranges["image"].high == pytest.approx(127 * struct.unpack(">f", bytes.fromhex("3c010a14"))[0])
    assert ranges["image"].low == -ranges["image"].high
    assert "(Unnamed Layer* 3) [Sum]_output" in ranges


def test_a_cache_goes_around(tmp_path):
    table = Table({"a: b": Range(-1.5, 0.2), "c/d": Range(0.0, 127.0), "zero": Range(0, 0)})
    write_cache(table, tmp_path / "one")
    again = read_cache(tmp_path / "one")
    highs = {name: one.high for name, one in again.ranges.items()}
    assert highs == pytest.approx({"a: b": 1.5, "c/d": 127.0, "zero": 0.0})
    write_cache(again, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert "c/d: 3f800000\n" in (tmp_path / "one").read_text()


@pytest.mark.parametrize("text", ["", "something: 3c010a14\n", "TRT-8201-EntropyCalibration2\nimage 3c010a14\n",
                                  "TRT-8201-EntropyCalibration2\nimage: 7f800000\n"])
def test_a_damaged_cache_is_refused(tmp_path, text):
    (tmp_path / "cache").write_text(text)
    with pytest.raises(DataError, match="cache"):
        read_cache(tmp_path / "cache")
    with pytest.raises(ConfigError, match="check the path"):
        read_cache(tmp_path / "none")


def test_a_cache_is_a_table_to_quantise_with(tmp_path):
    model, frames = residual_net(), pictures(16)
    table = calibrate(model, (frame[None] for frame in frames), "minmax")
    write_cache(table, tmp_path / "cache")
    again = read_cache(tmp_path / "cache")
    one, other = (quantise(model, found, "tensorrt") for found in (table, again))
    assert answer(one, frames[0]) == pytest.approx(answer(other, frames[0]), abs=1e-5)
    # what cannot be below zero does not get half of its numbers there
    one, other = (quantise(model, found, "cpu") for found in (table, again))
    assert answer(one, frames[0]) == pytest.approx(answer(other, frames[0]), abs=0.05)


def test_a_manifest_goes_around_and_tells_when_it_was_changed(tmp_path):
    one = Manifest("road.onnx", "ab" * 32, Table({"x": Range(-1, 2.5)}, "percentile"), "laps",
                   {"count": 3, "sha256": hash_of(pictures(3))}, ("node",), "jetracer optimize int8 road")
    write_manifest(one, tmp_path / "one.json")
    assert read_manifest(tmp_path / "one.json") == one
    text = (tmp_path / "one.json").read_text()
    (tmp_path / "two.json").write_text(text.replace("2.5", "2.6"))
    with pytest.raises(DataError, match="changed by hand"):
        read_manifest(tmp_path / "two.json")
    (tmp_path / "two.json").write_text("{}")
    with pytest.raises(DataError, match="calibrate anew"):
        read_manifest(tmp_path / "two.json")
    with pytest.raises(ConfigError, match="check the path"):
        read_manifest(tmp_path / "none.json")


def test_frames_in_another_order_are_other_frames():
    frames = pictures(3)
    assert hash_of(frames) == hash_of(list(frames)) != hash_of(frames[::-1])


def test_a_manifest_says_what_was_kept_in_float_and_repaired(tmp_path):
    first = Manifest("m.onnx", "ab", Table({"a": Range(0, 1)}, "minmax"), frames={"sha256": "cd"})
    mixed, mended = first.within(["b", "a"], [], first.table), first.within([], ["AdaRound"], first.table)
    assert mixed.keep == ("a", "b") and len({first.hash, mixed.hash, mended.hash}) == 3
    assert first.within([], [], first.table).hash == first.hash
    quiet = first.within([], [], Table({"a": Range(0, 0.5)}, "minmax"), {"a"})
    assert quiet.hash != first.hash and quiet.frames["least_noise"] == ["a"]
    assert quiet.within([], [], quiet.table) == quiet, "made again with --cache, it is the same"
    write_manifest(mended, tmp_path / "m.json")
    assert read_manifest(tmp_path / "m.json") == mended
