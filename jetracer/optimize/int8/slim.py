"""What a file says twice or need not say: of a small net of many layers that is as much as its scales.

No name of a node or of a tensor that a node makes is changed: people, `explain` and the gate know them by it.
"""
from __future__ import annotations

from copy import deepcopy
from itertools import count
from typing import Dict, List, Set, Tuple

from onnx import AttributeProto, ModelProto, TensorProto
from onnx.helper import get_attribute_value
from onnx.numpy_helper import from_array, to_array

QUANTISERS = ("QuantizeLinear", "DequantizeLinear")
_SAID_ANYWAY = {"dilations": 1, "strides": 1, "pads": 0, "group": 1}  # of a convolution (ONNX, Conv-11)


def slim(model: ModelProto) -> None:
    """Leave out, in place, what is the default, and store equal constants once, under short names."""
    graph = model.graph
    for node in graph.node:
        if node.op_type == "Conv":
            said = [entry for entry in node.attribute if not _default(entry)]
            del node.attribute[:]
            node.attribute.extend(said)
    own = {name for node in graph.node if node.op_type in QUANTISERS for name in node.input}
    _share(model, own | {value.name for value in (*graph.input, *graph.output)})


def _default(entry: AttributeProto) -> bool:
    if entry.name not in _SAID_ANYWAY:
        return False
    value = get_attribute_value(entry)
    return set(value if isinstance(value, list) else [value]) == {_SAID_ANYWAY[entry.name]}


def _share(model: ModelProto, own: Set[str]) -> None:
    """Equal constants become one; those named in `own` stay, for a runtime replaces what quantises tensor by tensor."""
    kept: List[TensorProto] = []
    short: Dict[Tuple[int, Tuple[int, ...], bytes], str] = {}
    renamed: Dict[str, str] = {}
    taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
    free = (name for name in map("c{}".format, count()) if name not in taken)
    for entry in model.graph.initializer:
        if entry.name in own:
            kept.append(entry)
            continue
        key = (entry.data_type, tuple(entry.dims), to_array(entry).tobytes())
        if key not in short:
            short[key] = next(free)
            kept.append(from_array(to_array(entry), short[key]))
        renamed[entry.name] = short[key]
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = renamed.get(name, name)
    kept = deepcopy(kept)  # they live in the list that is emptied
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
