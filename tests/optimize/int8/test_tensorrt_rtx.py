"""The INT8 file for TensorRT of every net that is exported is one that TensorRT's real parser and builder accept."""
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")
trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install -e '.[tensorrt]'")

from jetracer.core.errors import ModelError  # noqa: E402
from jetracer.engine.build_plan import Settings  # noqa: E402
from jetracer.engine.tensorrt_11 import TensorRT11  # noqa: E402
from jetracer.export.onnx import OUTPUTS, RoadGraph, random_pictures, write_graph  # noqa: E402
from jetracer.models.backbones import BACKBONES, make_net  # noqa: E402
from jetracer.models.road_net import PICTURE_PX  # noqa: E402
from jetracer.optimize.int8.calibrators import calibrate  # noqa: E402
from jetracer.optimize.int8.quantise import quantise  # noqa: E402

SETTINGS = Settings("int8", workspace_mb=64, strongly_typed=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*Timing cache operations:DeprecationWarning")  # RTX keeps none


def quantised(name, folder, flavour):
    torch.manual_seed(0)
    write_graph(RoadGraph(make_net(name).eval()), folder / "model.onnx", PICTURE_PX, OUTPUTS)
    model = onnx.load(str(folder / "model.onnx"))
    table = calibrate(model, random_pictures(1, 0)[:, np.newaxis], "minmax")
    return quantise(model, table, flavour).SerializeToString()


@pytest.mark.parametrize("name", BACKBONES.names)
def test_it_builds(name, tmp_path):
    adapter = TensorRT11(trt)
    network = adapter.parse(quantised(name, tmp_path, "tensorrt"), SETTINGS)
    assert adapter.optimise(network, SETTINGS).plan


def test_the_file_for_the_cpu_is_one_it_refuses(tmp_path):
    """So that the test above is one that can fail: zero points and s32 biases are what TensorRT has not."""
    adapter = TensorRT11(trt)
    with pytest.raises(ModelError, match="TensorRT"):
        adapter.optimise(adapter.parse(quantised("road_net", tmp_path, "cpu"), SETTINGS), SETTINGS)
