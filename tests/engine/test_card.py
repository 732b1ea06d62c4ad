from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from jetracer.core.errors import CardError, ModelCorrupt
from jetracer.engine.card import CARD_KEY, ModelCard, ModelInput, find_card, held_precision, sidecar, write_card

from .tiny_models import CARD, road_model


def changed(**entries) -> str:
    return json.dumps({**json.loads(CARD.to_json()), **entries})


def test_json_round_trip_keeps_everything():
    card = replace(CARD, classes=("cone", "car"), parents=("a", "b"), metrics={"error": 0.03}, delay_s=0.2)
    assert ModelCard.from_json(card.to_json()) == card


def test_shapes():
    assert ModelInput(width=4, height=2).shape == (1, 2, 4, 3)
    assert ModelInput(width=4, height=2, layout="NCHW").shape == (1, 3, 2, 4)


def test_outputs_are_found_by_name_or_meaning():
    card = replace(CARD, outputs={"output_0": "aim", "confidence": "how sure"})
    assert card.output("aim") == "output_0"
    assert card.output("confidence") == "confidence"
    assert card.output("boxes") is None


@pytest.mark.parametrize("text, words", [
    ("{", "not valid JSON"),
    ("[1]", "must be a JSON object"),
    ('{"task": "road"}', "lacks an entry.*name"),
    ('{"task": "road", "name": "road", "outputs": {"aim": "aim"}}', "lacks an entry.*task, name and precision"),
    (changed(precision="half"), "precision is 'half', but must be one of fp32, fp16, int8"),
    (changed(colour="bgr"), "unknown entry 'colour'"),
    (changed(clases=["cone"]), "did you mean 'classes'"),
    (changed(input={"name": "x", "layout": "CHW"}), "layout is 'CHW', but must be one of NHWC, NCHW"),
    (changed(input={"name": "x", "dtype": "int8"}), "dtype is 'int8'"),
    (changed(input={"name": "x", "color": "grey"}), "color is 'grey'"),
    (changed(input={"name": "x", "width": 0}), "width is 0"),
    (changed(input={"name": "x", "height": "224"}), "height is '224'"),
    (changed(input={"hight": 224}), "card, input has an unknown entry 'hight'; did you mean 'height'"),
    (changed(input=7), "input must be a JSON object"),
    (changed(outputs={}), "names no outputs"),
    (changed(outputs=["aim"]), "names no outputs"),
])
def test_wrong_cards_say_what_is_wrong(text, words):
    with pytest.raises(CardError, match=words):
        ModelCard.from_json(text)


def test_written_into_a_model_and_replaced(tmp_path):
    import onnx

    path = road_model(tmp_path / "road.onnx")
    newer = replace(CARD, name="newer")
    write_card(path, newer)
    metadata = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}
    assert find_card(path, metadata) == newer
    assert list(metadata) == [CARD_KEY]
    assert [file.name for file in tmp_path.iterdir()] == ["road.onnx"]


@pytest.mark.parametrize("said", ["fp16", "int8"])
def test_a_precision_that_the_graph_does_not_have_is_not_written(said, tmp_path):
    path = road_model(tmp_path / "road.onnx")
    before = path.read_bytes()
    with pytest.raises(CardError, match=f"says {said}, but the graph is in fp32; correct its precision"):
        write_card(path, replace(CARD, precision=said))
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind, told", [
    ("QuantizeLinear", "int8"), ("QLinearConv", "int8"), ("ConvInteger", "int8"), ("DequantizeLinear", "fp32"),
    ("Conv", "fp32"),
])
def test_the_precision_of_a_graph(kind, told):
    from onnx import TensorProto, helper

    def model(*nodes):
        return helper.make_model(helper.make_graph(nodes, "some", [], []))

    one = helper.make_node(kind, ["x"], ["y"])
    assert held_precision(model(one)) == told
    cast = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT16)
    assert held_precision(model(cast)) == "fp16"
    assert held_precision(model(helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT))) == "fp32"


def test_writing_into_something_else(tmp_path):
    path = tmp_path / "road.onnx"
    path.write_bytes(b"\xff\xff\xff junk")
    with pytest.raises(ModelCorrupt, match="export it again"):
        write_card(path, CARD)


def test_a_card_beside_the_file_comes_first(tmp_path):
    path = tmp_path / "road.onnx"
    beside = replace(CARD, name="beside")
    sidecar(path).write_text(beside.to_json(), encoding="utf-8")
    assert sidecar(path).name == "road.card.json"
    assert find_card(path, {CARD_KEY: CARD.to_json()}) == beside


def test_without_a_card_the_error_shows_one_that_works(tmp_path):
    path = tmp_path / "mine.onnx"
    with pytest.raises(CardError, match="carries no model card") as caught:
        find_card(path, {}, "input_0", "output_0")
    example = str(caught.value).split(".card.json: ")[1]
    card = ModelCard.from_json(example)
    assert card.input.shape == (1, 3, 224, 224) and card.output("aim") == "output_0"


def test_reading_a_card_needs_no_onnx_package(tmp_path):
    path = road_model(tmp_path / "road.onnx")
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "from jetracer.engine.load import load_engine\n"
        f"print(load_engine({str(path)!r}).card.name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "tiny"
