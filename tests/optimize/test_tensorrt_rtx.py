"""Every net that is exported, in FP16, is one that TensorRT's real parser and builder accept."""
from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[optimize]'")
trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install -e '.[tensorrt]'")

from jetracer.engine.build_plan import Settings  # noqa: E402
from jetracer.engine.card import ModelCard, ModelInput  # noqa: E402
from jetracer.engine.tensorrt_11 import TensorRT11  # noqa: E402
from jetracer.export.onnx import OUTPUTS, RoadGraph, random_pictures, write_graph  # noqa: E402
from jetracer.graph.view import view  # noqa: E402
from jetracer.models.backbones import BACKBONES, OWN, make_net  # noqa: E402
from jetracer.models.road_net import PICTURE_PX  # noqa: E402
from jetracer.optimize.fp16 import converted  # noqa: E402
from jetracer.optimize.half import HALF  # noqa: E402

CARD = ModelCard("road", "some", "fp32", outputs={"aim": "aim", "confidence": "how sure"})


@pytest.mark.filterwarnings("ignore:.*Timing cache operations:DeprecationWarning")  # RTX keeps none
@pytest.mark.parametrize("name", BACKBONES.names)
def test_it_builds(name, tmp_path):
    torch.manual_seed(0)
    side = PICTURE_PX if name == OWN else 96
    write_graph(RoadGraph(make_net(name).eval()), tmp_path / "model.onnx", side, OUTPUTS)
    card = replace(CARD, input=ModelInput(width=side, height=side))
    cast = converted(onnx.load(str(tmp_path / "model.onnx")), card, random_pictures(2, 0, side)).model
    types = view(cast).types
    heavy = [node for node in cast.graph.node if node.op_type in ("Conv", "Gemm")]
    assert all(types[node.output[0]] == HALF for node in heavy), "what takes the time is in FP16"
    adapter, settings = TensorRT11(trt), Settings("fp16", workspace_mb=64, strongly_typed=True)
    assert adapter.optimise(adapter.parse(cast.SerializeToString(), settings), settings).plan
