"""`jetracer doctor model` as a person and as a program call it."""
from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from jetracer.cli.main import main
from jetracer.engine.devices import DEVICES
from jetracer.engine.load import SHIPPED
from jetracer.graph.fixes import WRITES_OUT
from tests.engine.test_hybrid import gridded_model
from tests.graph.known_bad import KNOWN_BAD, model, node

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "engines.md").read_text()


@pytest.fixture
def bad(tmp_path):
    def written(name: str) -> str:
        onnx.save(KNOWN_BAD[name].make(), str(tmp_path / f"{name}.onnx"))
        return str(tmp_path / f"{name}.onnx")

    return written


def told(capsys, *words: str):
    code = main(["doctor", "model", *words, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_person_reads_node_versions_and_what_to_do(bad, capsys):
    assert main(["doctor", "model", bad("resize-cubic")]) == 1
    said = capsys.readouterr().out
    assert "FAIL  the_Resize (Resize) interpolates in mode 'cubic'" in said
    assert "not taken by TensorRT 8.2, 8.5, 10.3, 10.16; taken by 11.4" in said
    assert "-> mode 'linear'" in said


def test_nodes_alike_are_told_once(tmp_path, capsys):
    many = [node("Mod", f"v{index} two", f"v{index + 1}", f"mod_{index}") for index in range(9)]
    made = model([node("Relu", "image", "v0"), *many], {"image": [1, 4]}, {"v9": [1, 4]},
                 two=np.full(1, 2, np.float32))
    for one in made.graph.node[1:]:
        one.attribute.append(onnx.helper.make_attribute("fmod", 1))
    onnx.save(made, str(tmp_path / "many.onnx"))
    assert main(["doctor", "model", str(tmp_path / "many.onnx"), "--trt", "8.2"]) == 1
    said = capsys.readouterr().out
    assert said.count("FAIL") == 1 and "so do mod_1, mod_2, mod_3 and 5 more" in said


def test_the_shipped_model_has_no_trouble(capsys):
    code, result = told(capsys, "road")
    assert code == 0 and result["troubles"] == [] and result["model"] == str(SHIPPED / "road.onnx")
    assert all(word["refused"] == [] for word in result["asked"])


def test_json_has_the_documented_form(bad, capsys):
    _, result = told(capsys, bad("quantised-bias"))
    example = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.S).group(1))
    assert set(result) == set(example)
    assert set(result["troubles"][0]) == set(example["troubles"][0])


def test_one_tensorrt_or_a_device(bad, capsys):
    path = bad("grid-sample")
    assert told(capsys, path, "--trt", "8.2")[0] == 1
    assert told(capsys, path, "--trt", "8.5.2")[0] == 0
    code, result = told(capsys, path, "--device", "nano")
    assert code == 1 and result["versions"] == ["8.2"]
    assert main(["doctor", "model", path, "--device", "cpu"]) == 2
    assert main(["doctor", "model", path, "--trt", "7.1"]) == 2


@pytest.mark.skipif(not WRITES_OUT, reason="onnx before 1.19 does not write operators out: pip install 'onnx>=1.19'")
def test_fix_writes_a_model_that_is_proven(bad, tmp_path, capsys):
    out = tmp_path / "good.onnx"
    code, result = told(capsys, bad("layer-norm"), "--fix", str(out))
    assert code == 0 and result["fixed"]["done"] == ["expand", "opset"] and result["fixed"]["difference"] <= 1e-4
    assert told(capsys, str(out))[1]["troubles"] == []


def test_fix_of_what_has_no_trouble(tmp_path, capsys):
    assert main(["doctor", "model", "road", "--fix", str(tmp_path / "out.onnx")]) == 0
    said = capsys.readouterr().out
    assert "nothing is to mend" in said and f"jetracer build {SHIPPED / 'road.onnx'}" in said
    assert not (tmp_path / "out.onnx").exists()


def test_a_model_that_is_taken_whole_need_not_be_divided(tmp_path, capsys):
    assert main(["doctor", "model", "road", "--trt", "10.3", "--cut", str(tmp_path / "road.hybrid")]) == 0
    said = capsys.readouterr().out
    assert f"It need not be divided: jetracer build {SHIPPED / 'road.onnx'}" in said and "1 part, which" in said


def test_fix_says_what_is_left(bad, tmp_path, capsys):
    assert main(["doctor", "model", bad("pool-indices"), "--fix", str(tmp_path / "out.onnx")]) == 1
    assert "Nothing of it can be mended by itself." in capsys.readouterr().out
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("content, says", [
    (None, "There is no model"), (b"", "is empty"), (b"\xff\xfe rubbish", "is no ONNX model"),
    (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    (onnx.ModelProto(ir_version=8).SerializeToString(), "without a node"),
])
def test_what_cannot_be_read_is_said_in_one_sentence(content, says, tmp_path, capsys):
    path = tmp_path / "road.onnx"
    if content is not None:
        path.write_bytes(content)
    assert main(["doctor", "model", str(path)]) == 1
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1


def test_weights_in_a_file_that_is_missing(tmp_path, capsys):
    path = tmp_path / "model.onnx"
    onnx.save_model(KNOWN_BAD["layer-norm"].make(), str(path), save_as_external_data=True,
                    location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    assert main(["doctor", "model", str(path)]) == 1
    assert "keeps its weights in another file, which is missing" in capsys.readouterr().err


def test_parts_are_written_for_one_tensorrt(tmp_path, capsys):
    whole = gridded_model(tmp_path / "road.onnx")
    out = tmp_path / "road.hybrid"
    code, result = told(capsys, str(whole), "--trt", "8.2", "--parts", str(out))
    assert code == 0 and [part["runs"] for part in result["parts"]["parts"]] == ["onnx", "tensorrt", "onnx", "tensorrt"]
    assert result["parts"]["difference"] <= 1e-4 and (tmp_path / "road.4.onnx").exists()
    code, result = told(capsys, str(whole), "--device", "nano", "--cut", str(out))
    assert code == 0 and [part["runs"] for part in result["parts"]["parts"]] == ["onnx", "tensorrt"]
    assert main(["doctor", "model", str(whole), "--trt", "8.2", "--parts", str(out)]) == 0
    assert f"Now, on the device: jetracer build {out}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--parts", "out.hybrid"], ["--trt", "8.2", "--parts", "out.onnx"],
                                   ["--trt", "8.2", "--parts", "a.hybrid", "--cut", "b.hybrid"]])
def test_parts_need_one_tensorrt_and_a_place(words, capsys):
    assert main(["doctor", "model", "road", *words]) == 2
    assert "Parts are for one TensorRT" in capsys.readouterr().err


def test_parts_are_built_on_a_gpu(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jetracer.cli.build.device_here", lambda: DEVICES["cpu"])
    assert main(["build", str(tmp_path / "road.hybrid")]) == 1
    assert "has no NVIDIA GPU: drive the model" in capsys.readouterr().err
    assert main(["build", str(tmp_path / "road.hybrid"), "--dry-run"]) == 2
    assert "is built whole, where it lies" in capsys.readouterr().err
