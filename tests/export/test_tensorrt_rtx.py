"""Every net that is exported is one that TensorRT's real parser and builder accept, and the doctor finds nothing in."""
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install -e '.[tensorrt]'")

from jetracer.engine.build_plan import Settings  # noqa: E402
from jetracer.engine.tensorrt_11 import TensorRT11  # noqa: E402
from jetracer.export.onnx import OUTPUTS, RoadGraph, write_graph  # noqa: E402
from jetracer.graph.diagnose import diagnose  # noqa: E402
from jetracer.graph.view import load_model, view  # noqa: E402
from jetracer.models.backbones import BACKBONES, make_net  # noqa: E402
from jetracer.models.road_net import PICTURE_PX  # noqa: E402


@pytest.mark.filterwarnings("ignore:.*Timing cache operations:DeprecationWarning")  # RTX keeps none
@pytest.mark.parametrize("name", BACKBONES.names)
def test_it_builds(name, tmp_path):
    write_graph(RoadGraph(make_net(name).eval()), tmp_path / "model.onnx", PICTURE_PX, OUTPUTS)
    assert diagnose(view(load_model(tmp_path / "model.onnx"))) == []
    adapter, settings = TensorRT11(trt), Settings("fp32", workspace_mb=64, strongly_typed=True)
    network = adapter.parse((tmp_path / "model.onnx").read_bytes(), settings)
    assert adapter.optimise(network, settings).plan
