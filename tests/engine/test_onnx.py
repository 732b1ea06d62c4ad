"""ONNX Runtime and, where it is installed, OpenVINO: what is true of one is true of the other."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetracer.core.errors import CardError, ModelCorrupt, ModelError, ModelNotFound
from jetracer.engine.base import ENGINES
from jetracer.engine.card import ModelInput
from jetracer.engine.onnx_runtime import OnnxEngine

from .tiny_models import CARD, HEIGHT, WIDTH, changing_model, nvidia_model, road_model


def picture(blue=0, green=0, red=0) -> np.ndarray:
    return np.full((1, HEIGHT, WIDTH, 3), (blue, green, red), np.uint8)


def with_input(**entries):
    return replace(CARD, input=replace(CARD.input, **entries))


@pytest.fixture(params=["onnx", "openvino"])
def library(request):
    """The class of an engine."""
    if request.param == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed; run: pip install openvino")
    return ENGINES.get(request.param)


@pytest.fixture
def engine(tmp_path, library):
    with library(road_model(tmp_path / "road.onnx")) as engine:
        yield engine


def test_answers_and_card(engine):
    answer = engine.infer({"image": picture(51, 102, 255)})
    np.testing.assert_allclose(answer["aim"], [[0.2, 0.4]], atol=1e-6)
    np.testing.assert_allclose(answer["confidence"], [[1.0]], atol=1e-6)
    assert engine.card == CARD


def test_every_call_sees_its_own_picture(engine):
    for level in (0, 255, 51, 0):
        aim = engine.infer({"image": picture(level)})["aim"]
        assert aim[0, 0] == pytest.approx(level / 255)


def test_answers_live_in_memory_of_our_own(engine):
    first = engine.infer({"image": picture(51)})
    second = engine.infer({"image": picture(102)})
    assert first["aim"] is second["aim"]


def test_a_view_that_is_not_contiguous_is_taken_as_it_looks(engine):
    wide = np.zeros((1, HEIGHT, 2 * WIDTH, 3), np.uint8)
    wide[:, :, ::2] = 255
    assert engine.infer({"image": wide[:, :, ::2]})["aim"][0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("inputs, words", [
    ({"image": picture().astype(np.float32)}, "given image: float32"),
    ({"image": picture()[:, 1:]}, r"given image: uint8 \[1, 7, 16, 3\]"),
    ({"picture": picture()}, "takes image: uint8 .* but was given picture"),
    ({}, "given nothing"),
])
def test_what_does_not_fit_is_refused_in_words(engine, inputs, words):
    with pytest.raises(ModelError, match=words):
        engine.infer(inputs)


def test_batch_of_any_size_is_run_with_one(library, tmp_path):
    with library(road_model(tmp_path / "road.onnx", batch="batch")) as engine:
        assert engine.infer({"image": picture(255)})["aim"].shape == (1, 2)


def test_outputs_of_changing_size(library, tmp_path):
    with library(changing_model(tmp_path / "changing.onnx")) as engine:
        image = picture()
        assert engine.infer({"image": image})["aim"].shape == (4, 0)
        image[0, 3, 5, 1] = 9
        assert engine.infer({"image": image})["aim"].T.tolist() == [[0, 3, 5, 1]]


def test_nvidia_style_model_with_a_card_beside_it(library, tmp_path):
    wanted = ModelInput("input_0", WIDTH, HEIGHT, "NCHW", "float32")
    card = replace(CARD, input=wanted, outputs={"output_0": "aim"})
    with library(nvidia_model(tmp_path / "trained.onnx", card)) as engine:
        answer = engine.infer({"input_0": np.full((1, 3, HEIGHT, WIDTH), 0.5, np.float32)})
    np.testing.assert_allclose(answer["output_0"], [[0.5, 0.5]], atol=1e-6)


def test_nvidia_style_model_without_a_card(library, tmp_path):
    with pytest.raises(CardError, match=r"no model card.*NVIDIA.*trained.card.json.*input_0.*output_0"):
        library(nvidia_model(tmp_path / "trained.onnx")).open()


@pytest.mark.parametrize("card, words", [
    (with_input(name="picture"), "names the input 'picture', but the model has 'image'"),
    (with_input(width=32), r"uint8 \[1, 8, 32, 3\].*takes uint8 \[1, 8, 16, 3\]"),
    (with_input(dtype="float32"), "promises an input of float32"),
    (replace(CARD, outputs={"heading": "aim"}), "output 'heading', but the model has 'aim', 'confidence'"),
])
def test_a_card_that_does_not_fit_the_graph(library, tmp_path, card, words):
    with pytest.raises(CardError, match=words):
        library(road_model(tmp_path / "road.onnx", card)).open()


def test_not_there(library, tmp_path):
    road_model(tmp_path / "road.onnx")
    with pytest.raises(ModelNotFound, match=r"no model .*raod\.onnx; in that folder are: road\.onnx"):
        library(tmp_path / "raod.onnx").open()
    with pytest.raises(ModelNotFound, match="check the path"):
        library(tmp_path / "nowhere" / "road.onnx").open()
    with pytest.raises(ModelNotFound, match="is a folder"):
        library(tmp_path).open()


def damage_cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("damage, words", [
    (lambda data: b"", "is empty"),
    (lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    (lambda data: b"\xffnot a model" * 50, "no model that (ONNX Runtime|OpenVINO) "),
    (damage_cut, "no model that (ONNX Runtime|OpenVINO) "),
    (lambda data: data.replace(b"\x22\x04Cast", b"\x22\x04C\xe9st"), "no model that (ONNX Runtime|OpenVINO) "),
])
def test_damaged_files(library, tmp_path, damage, words, capfd):
    path = road_model(tmp_path / "road.onnx")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelCorrupt, match=words) as caught:
        library(path).open()
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""  # --json prints there


def test_must_be_opened_and_may_be_closed_twice(library, tmp_path):
    engine = library(road_model(tmp_path / "road.onnx"))
    with pytest.raises(ModelError, match="not open"):
        engine.infer({"image": picture()})
    engine.open()
    engine.open()
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match="not open"):
        engine.infer({"image": picture()})
    with engine:
        assert engine.infer({"image": picture(255)})["aim"][0, 0] == pytest.approx(1.0)


def test_one_thread_unless_told_otherwise(tmp_path):
    path = road_model(tmp_path / "road.onnx")
    for threads in (1, 2):
        with OnnxEngine(path, threads=threads) as engine:
            assert engine._session.get_session_options().intra_op_num_threads == threads
