"""An ONNX file in FP16 or INT8 drives only with a record of parity, of itself and undamaged."""
from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from jetracer.core.errors import EngineRefused, JetRacerError, ModelCorrupt, ModelNotFound
from jetracer.engine import protobuf
from jetracer.engine.card import write_card
from jetracer.engine.load import load_engine
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.proof import PARITY_KEY, parted, why_not, write_proof

from .tiny_models import CARD, int8_model, road_model

INT8 = replace(CARD, precision="int8")
PASSED = {"passed": True, "why": [], "aim_px": {"mean": 1e-05, "max": 0.25}}


@pytest.fixture
def model(tmp_path):
    return road_model(tmp_path / "road.onnx", INT8)


def test_without_a_record_it_does_not_drive(model):
    with pytest.raises(EngineRefused, match=r"was never compared with its parent in FP32.*jetracer build .*road\.onnx"):
        load_engine(model)


def test_with_one_it_drives_and_answers_the_same(model):
    with OnnxEngine(model) as engine:
        wanted = {name: values.copy() for name, values in engine.infer({"image": engine._input}).items()}
    write_proof(model, PASSED)
    with load_engine(model) as engine:
        assert engine.card == INT8
        for name, values in engine.infer({"image": engine._input}).items():
            np.testing.assert_array_equal(values, wanted[name])
    onnx.checker.check_model(onnx.load(str(model)))


def test_the_record_is_read_as_it_was_written_and_replaced_by_the_next(model):
    before = model.read_bytes()
    write_proof(model, {"passed": False, "why": ["it is off"]})
    write_proof(model, PASSED)
    body, record = parted(model.read_bytes())
    assert body == before and record["model_sha256"] == hashlib.sha256(before).hexdigest()
    assert {key: record[key] for key in PASSED} == PASSED
    metadata = {entry.key: entry.value for entry in onnx.load(str(model)).metadata_props}
    assert json.loads(metadata[PARITY_KEY]) == record


@pytest.mark.parametrize("record, words", [
    ({"passed": False, "why": ["the aim is off"]}, r"does not agree with its parent \(the aim is off\)"),
    ({"passed": "yes"}, "does not agree with its parent"),
    ({}, "does not agree with its parent"),
])
def test_a_record_that_it_failed_keeps_it_from_driving(model, record, words):
    write_proof(model, record)
    with pytest.raises(EngineRefused, match=words):
        load_engine(model)


def test_every_flipped_bit_is_found(tmp_path):
    """In a file as small as can be: the graph's part is like any other, the record's is whole."""
    node = helper.make_node("Identity", ["x"], ["y"])
    ports = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])] for name in "xy"]
    path, flipped = tmp_path / "tiny.onnx", tmp_path / "flipped.onnx"
    onnx.save(helper.make_model(helper.make_graph([node], "g", *ports)), str(path))
    write_proof(path, {"passed": True, "e": 1e-05})
    content = path.read_bytes()
    assert why_not(path, INT8) == ""
    with flipped.open("wb") as file:
        for place in range(len(content)):
            for bit in range(8):
                file.seek(0)
                file.write(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1:])
                file.flush()
                assert why_not(flipped, INT8), (place, bit)


def test_flipped_bits_do_not_drive(model):
    """Through all that a drive does: the card may be what is damaged."""
    write_proof(model, PASSED)
    content = model.read_bytes()
    for place in np.linspace(0, len(content) - 1, 60).astype(int):
        model.write_bytes(content[:place] + bytes([content[place] ^ 1 << int(place) % 8]) + content[place + 1:])
        with pytest.raises(JetRacerError):
            load_engine(model)


def test_what_changes_the_file_afterwards_voids_the_record(tmp_path):
    model = int8_model(tmp_path / "int8.onnx")
    write_proof(model, PASSED)
    write_card(model, replace(INT8, name="another"))
    assert "or was changed after" in why_not(model, INT8)
    write_proof(model, PASSED)
    model.write_bytes(model.read_bytes() + protobuf.record(14, protobuf.record(1, b"note")))
    assert "or was changed after that" in why_not(model, INT8)


def test_a_card_that_lies_about_its_precision(tmp_path, model):
    write_proof(model, {"passed": False, "why": []})
    assert "does not agree" in why_not(model, CARD)
    quantised = helper.make_node("QuantizeLinear", ["x", "s"], ["y"])
    graph = onnx.GraphProto(node=[quantised])
    (tmp_path / "q.onnx").write_bytes(onnx.ModelProto(graph=graph).SerializeToString())
    assert "never compared" in why_not(tmp_path / "q.onnx", CARD)


def test_one_in_fp32_needs_none(tmp_path):
    assert why_not(road_model(tmp_path / "road.onnx"), CARD) == ""
    with load_engine("road") as engine:
        assert engine.card.precision == "fp32"


def test_files_that_are_none(tmp_path):
    with pytest.raises(ModelNotFound, match="cannot be read"):
        write_proof(tmp_path / "none.onnx", PASSED)
    (tmp_path / "cut.onnx").write_bytes(protobuf.record(7, b"graph")[:-1])
    with pytest.raises(ModelCorrupt, match="cut off or damaged"):
        write_proof(tmp_path / "cut.onnx", PASSED)
    assert "cut off or damaged" in why_not(tmp_path / "cut.onnx", INT8)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 1 << 40])
def test_protobuf_is_written_as_onnx_does(value):
    info = helper.make_tensor_value_info("n" * 200, TensorProto.FLOAT16, [value])
    dim = protobuf.record(1, protobuf.whole(1, value))
    kind = protobuf.record(1, protobuf.whole(1, TensorProto.FLOAT16) + protobuf.record(2, dim))
    assert protobuf.record(1, b"n" * 200) + protobuf.record(2, kind) == info.SerializeToString()
