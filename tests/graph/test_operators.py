"""The table of operators beside the real parser's own, that of TensorRT for RTX, which stands for TensorRT 11."""
from __future__ import annotations

import onnx
import pytest

from jetracer.graph.operators import SINCE, newest_opset, taken

# those that TensorRT does with plugins, which TensorRT for RTX does not come with
BY_PLUGIN = {"DFT", "DeformConv"}


def known(newest: int):
    """ONNX's own operators that were there in an opset, or before it."""
    return {schema.name for schema in onnx.defs.get_all_schemas_with_history()
            if schema.domain == "" and schema.since_version <= newest}


def test_it_is_that_of_the_real_parser():
    trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install -e '.[tensorrt]'")
    logger = trt.Logger(trt.Logger.ERROR)
    network = trt.Builder(logger).create_network(0)
    parser = trt.OnnxParser(network, logger)
    names = known(newest_opset((11, 4))) | set(SINCE)
    assert len(names) > 180
    real = {name for name in names if parser.supports_operator(name)}
    assert real == {name for name in names if taken(name, (11, 4))} - BY_PLUGIN


def test_versions():
    assert not taken("GridSample", (8, 2)) and taken("GridSample", (8, 5)) and taken("GridSample", (8, 5, 2))
    assert not taken("Unique", (11, 4)) and not taken("Unheard", (11, 4))
    assert [newest_opset(version) for version in ((8, 2), (8, 5), (8, 6), (10, 3), (10, 16), (11, 4), (11, 5))] == [
        13, 17, 17, 20, 24, 24, 25]
