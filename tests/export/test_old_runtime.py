"""All that is exported runs on the original Nano's newest ONNX Runtime, 1.19.2 under Python 3.8, with the same answers.

The models are made here, with torch; `.venv-3.8` runs them. `make pythons` makes it, and CI does that first.
"""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.engine.card import ModelCard, ModelInput, write_card  # noqa: E402
from jetracer.export.onnx import OUTPUTS, RoadGraph, random_pictures, write_graph  # noqa: E402
from jetracer.models.backbones import BACKBONES, OWN, make_net  # noqa: E402
from jetracer.models.road_net import PICTURE_PX  # noqa: E402
from jetracer.optimize.fp16 import BY_KIND  # noqa: E402
from jetracer.optimize.half import to_half  # noqa: E402
from jetracer.optimize.int8.calibrators import calibrate  # noqa: E402
from jetracer.optimize.int8.quantise import quantise  # noqa: E402
from tests.export.old_runtime import ask  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv-3.8" / "bin" / "python"
OLD = "1.19.2"
OPSETS = (13, 17)
SMALLER = ("pilotnet", "road_net")  # which are made in FP16 and INT8 too
PICTURES, SIDE = 6, 96
# largest difference of an answer, in parts of the answers' standard deviation over the pictures: FP32 differs by the
# order of its sums; in INT8 a number that lies between two steps may be rounded to the other one
WITHIN = {"fp32": 1e-3, "fp16": 1e-2, "int8-cpu": 0.25, "int8-trt": 0.25}


@pytest.fixture(scope="module")
def old_python():
    if not PYTHON.exists():
        pytest.skip(f"there is no {PYTHON.parent.parent.name} with ONNX Runtime {OLD}: install Python 3.8 and run "
                    "`make pythons`")
    return PYTHON


def settled(name, size_px):
    """A net with random weights whose norms have seen pictures, and whose answers stay within what a file clamps."""
    torch.manual_seed(0)
    net = make_net(name).train()
    pictures = torch.randn(4, 3, size_px, size_px) * 0.7 + 0.2
    with torch.no_grad():
        net(pictures)
        last = [layer for layer in net.eval().modules() if isinstance(layer, torch.nn.Linear)][-1]
        largest = float(torch.cat(net(pictures), dim=1).abs().max())
        last.weight *= 0.3 / largest
        last.bias *= 0.3 / largest
    return net


def write_models(name, folder):
    """The net at each opset in FP32; some at the first in FP16 and in both flavours of INT8. Its pictures' size."""
    size_px = PICTURE_PX if name == OWN else SIDE
    net = settled(name, size_px // 2 if name == OWN else size_px)
    card = ModelCard("road", name, "fp32", ModelInput(width=size_px, height=size_px),
                     {"aim": "aim", "confidence": "confidence"})
    for opset in OPSETS:
        write_graph(RoadGraph(net), folder / f"{name}.fp32.{opset}.onnx", size_px, OUTPUTS, opset)
        write_card(folder / f"{name}.fp32.{opset}.onnx", card)
    if name not in SMALLER:
        return size_px
    graph = onnx.load(str(folder / f"{name}.fp32.{OPSETS[0]}.onnx"))
    kept = {node.output[0] for node in graph.graph.node if node.op_type in BY_KIND}
    table = calibrate(graph, (picture[None] for picture in random_pictures(4, 5, size_px)), "minmax")
    onnx.save(to_half(graph, kept), str(folder / f"{name}.fp16.onnx"))
    for flavour, precision in (("cpu", "int8-cpu"), ("tensorrt", "int8-trt")):
        onnx.save(quantise(graph, table, flavour, weight_bits=7), str(folder / f"{name}.{precision}.onnx"))
    return size_px


@pytest.mark.parametrize("name", BACKBONES.names)
def test_every_net_answers_the_same_there(name, old_python, tmp_path):
    pictures = random_pictures(PICTURES, 1, write_models(name, tmp_path))
    wanted = {}
    for path in tmp_path.glob("*.onnx"):
        wanted[f"{path.stem}/pictures"] = pictures
        wanted.update({f"{path.stem}/{output}": values for output, values in ask(path, pictures).items()})
    np.savez(tmp_path / "answers.npz", **wanted)
    done = subprocess.run([str(old_python), "-W", "error", "-m", "tests.export.old_runtime", str(tmp_path)], cwd=ROOT,
                          capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["python"].startswith("3.8.") and told["onnxruntime"] == OLD
    assert len(told["models"]) == len(OPSETS) + (len(WITHIN) - 1 if name in SMALLER else 0)
    assert not {model: answer for model, answer in told["models"].items() if not fits(model, answer)}


def fits(model, answer):
    precision = model.split(".")[1]
    return "apart" in answer and max(answer["apart"].values()) <= WITHIN[precision]
