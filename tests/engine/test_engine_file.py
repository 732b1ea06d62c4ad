"""An engine file runs where it was built, undamaged and proven, or not at all."""
from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import numpy as np
import pytest

from jetracer.core.errors import CardError, EngineRefused, ModelCorrupt, ModelError, ModelNotFound
from jetracer.engine.build import build_engine
from jetracer.engine.devices import device
from jetracer.engine.engine_file import EngineHeader, may_drive, read_engine, write_engine
from jetracer.engine.load import load_engine
from jetracer.engine.tensorrt_native import TensorRTEngine

from .fake_cuda import FakeCuda
from .fake_tensorrt import VERSIONS, fake_tensorrt
from .tiny_models import CARD, HEIGHT, WIDTH, road_model

IMAGE = np.random.default_rng(1).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)


def made(path, version="10.3.0.26", **entries):
    """An engine that is as if it had been compared with its model."""
    cuda = FakeCuda()
    trt = fake_tensorrt(version, cuda)
    model = road_model(path / "road.onnx")
    kind = device("xavier-agx" if version < "8.5" or version[:3] == "8.5" else "orin-agx")
    build_engine(model, replace(kind, newest=(11, 4)), trt, cuda)
    header, plan = read_engine(path / "road.engine")
    proven = {"passed": True, "plan_sha256": header.plan_sha256, "model_sha256": header.model_sha256}
    header = replace(header, **{"parity": proven, **entries})
    write_engine(path / "road.engine", header, plan)
    return TensorRTEngine(path / "road.engine", trt=trt, cuda=cuda)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_answers_as_its_model_does(version, tmp_path):
    with made(tmp_path, version) as engine, load_engine(tmp_path / "road.onnx") as model:
        assert engine.card == model.card
        facts = engine.facts()
        assert (facts["engine"], facts["file"], facts["precision"]) == ("tensorrt", "road.engine", "fp16")
        assert facts["file_sha256"] == hashlib.sha256((tmp_path / "road.engine").read_bytes()).hexdigest()
        for name, answer in model.infer({"image": IMAGE}).items():
            cast = 1e-3 if version.startswith("11") else 0.0  # it is given the model in FP16
            np.testing.assert_allclose(engine.infer({"image": IMAGE})[name], answer, rtol=0, atol=cast)


def test_every_flipped_bit_is_found(tmp_path):
    header = EngineHeader("road.onnx", "ab" * 32, asdict(CARD), "10.3.0", "Orin", "8.7", "fp16", (),
                          hashlib.sha256(b"plan").hexdigest())
    whole, path = tmp_path / "whole.engine", tmp_path / "flipped.engine"
    write_engine(whole, header, b"plan")
    assert read_engine(whole)[0].key == header.key and read_engine(whole)[1] == b"plan"
    content = whole.read_bytes()
    with path.open("wb") as file:
        for place in range(len(content)):
            for bit in range(8):
                file.seek(0)
                file.write(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1:])
                file.flush()
                with pytest.raises(ModelCorrupt, match=r"damaged; build it again: jetracer build .*flipped\.onnx"):
                    read_engine(path)


@pytest.mark.parametrize("keep", [0, 7, 30, 43, 200, -1])
def test_a_cut_off_file_is_found(keep, tmp_path):
    made(tmp_path)
    path = tmp_path / "road.engine"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelCorrupt, match="damaged"):
        read_engine(path)


def test_other_files(tmp_path):
    path = tmp_path / "road.engine"
    with pytest.raises(ModelNotFound, match="cannot be read"):
        read_engine(path)
    path.write_bytes(b"ftrt" + bytes(100))
    with pytest.raises(EngineRefused, match="bare TensorRT plan"):
        read_engine(path)
    made(tmp_path, format=2)
    with pytest.raises(EngineRefused, match=r"another version of JetRacer; build it again: jetracer build"):
        read_engine(path)


@pytest.mark.parametrize("entries, words", [
    ({"tensorrt": "10.7.0"}, r"built for TensorRT 10.7.0, here is 10.3.0.26; build it again: jetracer build"),
    ({"gpu": "Xavier", "capability": "7.2"}, r"built for the GPU Xavier \(7.2\), here is Orin \(8.7\)"),
    ({"model_sha256": "0" * 64}, "built for the model with SHA-256 000000000000, here is"),
])
def test_an_engine_of_another_device_or_model_is_refused(entries, words, tmp_path):
    with pytest.raises(EngineRefused, match=words):
        made(tmp_path, **entries).open()


@pytest.mark.parametrize("parity, words", [
    ({}, "never compared with its model"),
    ({"passed": True}, "of another engine"),
    ({"passed": False, "same": True}, "does not agree with its model"),
    ({"passed": "yes", "same": True}, "does not agree with its model"),
    ({"same": True}, "does not agree with its model"),
])
def test_what_was_not_proven_must_not_drive(parity, words, tmp_path):
    engine = made(tmp_path)
    header, plan = read_engine(engine.path)
    if parity.pop("same", False):
        parity = {"plan_sha256": header.plan_sha256, "model_sha256": header.model_sha256, **parity}
    write_engine(engine.path, replace(header, parity=parity), plan)
    assert words in may_drive(replace(header, parity=parity))
    with pytest.raises(EngineRefused, match=rf"must not drive: .*{words}; drive the model itself: jetracer"):
        engine.open()
    assert not engine._cuda.opened


def test_a_card_that_does_not_fit_the_engine(tmp_path):
    with pytest.raises(CardError, match=r"promises image: uint8 \[1, 8, 32, 3\], but the engine takes image"):
        made(tmp_path, card=asdict(replace(CARD, input=replace(CARD.input, width=32)))).open()
    with pytest.raises(CardError, match="has no output 'heading'"):
        made(tmp_path, card=asdict(replace(CARD, outputs={"heading": "aim"}))).open()


def test_what_does_not_fit_and_what_is_closed(tmp_path):
    engine = made(tmp_path)
    with pytest.raises(ModelError, match="is not open"):
        engine.infer({"image": IMAGE})
    with engine:
        engine.open()
        with pytest.raises(ModelError, match="takes image: uint8"):
            engine.infer({"image": IMAGE[:, 1:]})
    engine.close()
    with pytest.raises(ModelError, match="is not open"):
        engine.infer({"image": IMAGE})


def test_load_engine_takes_it_and_no_bare_plan(tmp_path):
    made(tmp_path)
    with pytest.raises(ModelError, match=r"TensorRT cannot be imported|no NVIDIA driver|built for"):
        load_engine(tmp_path / "road.engine")
    with pytest.raises(ModelError, match="bare TensorRT plan"):
        load_engine(tmp_path / "road.plan")


def test_the_key_tells_engines_apart():
    header = EngineHeader("road.onnx", "ab", {}, "10.3.0", "Orin", "8.7", "fp16", (), "")
    others = [replace(header, **change) for change in (
        {"model_sha256": "cd"}, {"tensorrt": "10.7.0"}, {"gpu": "Thor"}, {"capability": "11.0"}, {"precision": "int8"},
        {"flags": ("dla0",)})]
    assert len({other.key for other in (header, *others)}) == 7
    assert replace(header, model="elsewhere/road.onnx", plan_sha256="ef").key == header.key
