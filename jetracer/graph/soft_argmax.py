"""The soft-argmax aim in standard operators: a function that a model file carries beside the node.

One file works everywhere: ONNX Runtime and TensorRT 9 run the function, TensorRT 10.7 and later prefer the plugin of
the node's name, and `jetracer doctor model --fix` writes the function out for TensorRT 8.
"""
from __future__ import annotations

from typing import Any

from onnx import FunctionProto, helper, parser

from jetracer.engine.soft_argmax import DOMAIN, NAME

_IR = 8  # the first with functions

_BODY = """
<domain: "jetracer", opset_import: ["" : 13]>
SoftArgmaxAim <sharpness> (heat) => (aim)
{
    shape = Shape (heat)
    flat_shape = Constant <value_ints = [0, 0, -1]> ()
    flat = Reshape (heat, flat_shape)
    factor = Constant <value_float: float = @sharpness> ()
    sharp = Mul (flat, factor)
    weight = Softmax <axis = 2> (sharp)
    grid = Reshape (weight, shape)
    zero = Constant <value_ints = [0]> ()
    two = Constant <value_ints = [2]> ()
    three = Constant <value_ints = [3]> ()
    four = Constant <value_ints = [4]> ()
    height = Slice (shape, two, three)
    width = Slice (shape, three, four)
    columns = ReduceSum <keepdims = 0> (grid, two)
    rows = ReduceSum <keepdims = 0> (grid, three)
    start = Constant <value_int = 0> ()
    step = Constant <value_int = 1> ()
    width_0 = Squeeze (width, zero)
    height_0 = Squeeze (height, zero)
    column = Range (start, width_0, step)
    row = Range (start, height_0, step)
    column_f = Cast <to = 1> (column)
    row_f = Cast <to = 1> (row)
    width_f = Cast <to = 1> (width)
    height_f = Cast <to = 1> (height)
    twice = Constant <value_float = 2.0> ()
    once = Constant <value_float = 1.0> ()
    column_2 = Mul (column_f, twice)
    row_2 = Mul (row_f, twice)
    column_3 = Add (column_2, once)
    row_3 = Add (row_2, once)
    column_4 = Div (column_3, width_f)
    row_4 = Div (row_3, height_f)
    column_5 = Sub (column_4, once)
    row_5 = Sub (row_4, once)
    x_each = Mul (columns, column_5)
    y_each = Mul (rows, row_5)
    x = ReduceSum <keepdims = 1> (x_each, two)
    y = ReduceSum <keepdims = 1> (y_each, two)
    aim = Concat <axis = 2> (x, y)
}
"""


def function() -> FunctionProto:
    return parser.parse_function(_BODY)


def with_function(model: Any) -> Any:
    """Give a model with `SoftArgmaxAim` nodes the function that stands for them; any other is left as it is."""
    nodes = [node for node in model.graph.node if (node.domain, node.op_type) == (DOMAIN, NAME)]
    there = {(entry.domain, entry.name) for entry in model.functions}
    if nodes and (DOMAIN, NAME) not in there:
        model.functions.append(function())
        model.ir_version = max(model.ir_version, _IR)
        if DOMAIN not in {entry.domain for entry in model.opset_import}:
            model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return model
