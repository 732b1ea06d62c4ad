"""What an operator's time on a CPU depends on, as few numbers: its family, and traits that the time is a sum of.

    traits(graph, node, memory) -> ("conv.direct", {"macs4": ..., "rows": ..., ...})

Traits count what the kernels of ONNX Runtime (MLAS) do: convolutions on blocks of channels take up to four blocks of
output channels at once, output row by output row; those that do not fit blocks, and dense layers, are matrix products.
Millions of multiply-accumulates or of bytes; thousands of rows.
"""
from __future__ import annotations

from typing import Callable, Dict, Tuple

from jetracer.graph.view import Graph, Node
from jetracer.optimize.count import FREE, MACS

Traits = Dict[str, float]
MEGA, KILO = 1e-6, 1e-3
AT_ONCE = 4  # blocks of output channels that a kernel computes together
POINT_DEPTH = 128  # input channels that a 1x1 convolution adds up before it writes
BROADCAST = ("Add", "Mul", "Sub", "Div", "Pow", "Min", "Max", "Where")


def traits(graph: Graph, node: Node, block: int, cold: float) -> Tuple[str, Traits]:
    """(family, traits). `block`: channels of a block, 8 with AVX, 16 with AVX-512; `cold`: the share of the weights
    that the caches no longer hold when their layer's turn comes. Raises ModelError where a size is not fixed."""
    if node.domain.endswith("nchwc") and node.op == "Conv":
        family, found = _blocked(graph, node, block)
    elif node.op in ("Conv", "FusedConv"):
        family, found = _unblocked(graph, node)
    elif node.op in MACS:
        family, found = _product(graph, node)
    else:
        family, found = _OTHER.get(node.op, _by_bytes)(graph, node)
    found["calls"] = 1.0
    stored = sum(graph.bytes(name) for name in set(node.inputs) & set(graph.constants))
    if stored * cold > 0 and node.op in MACS:
        found["cold"] = stored * cold * MEGA
    return family, found


def _blocked(graph: Graph, node: Node, block: int) -> Tuple[str, Traits]:
    weight, after = graph.shape(node.inputs[1]), graph.shape(node.outputs[0])
    groups = node.attribute("group", 1)
    area = weight[2] * weight[3]
    moved = {"in": _bytes(graph, node.inputs[0]), "out": _bytes(graph, node.outputs[0]),
             "weights": _bytes(graph, node.inputs[1])}
    if len(node.inputs) > 3 and node.inputs[3]:
        moved["added"] = _bytes(graph, node.inputs[3])
    act = node.attribute("activation", "Relu")
    if act not in ("Relu", "Clip"):
        moved[f"act.{act}"] = _bytes(graph, node.outputs[0])
    if groups > 1 and weight[1] == 1:
        macs = after[1] * after[2] * after[3] * area
        return "conv.depth", {**moved, "macs": macs * MEGA, "rows": after[1] / block * after[2] * KILO,
                              "edge": macs * _edge(node, after) * MEGA,
                              "strided": macs * MEGA * (node.attribute("strides", (1,))[-1] > 1)}
    sets, deep = _sets(weight[0] // groups, block), weight[1]
    point = area == 1 and not any(node.attribute("pads", ()))
    first = deep < block and groups == 1
    per_block = after[2] * after[3] * deep * area * block * groups * MEGA
    found = {f"macs{size}": count * size * per_block for size, count in sets.items()}
    passes = -(-deep // (POINT_DEPTH if point else block)) if not first else 1
    strided = node.attribute("strides", (1,))[-1] > 1
    lines = after[2] * (1 if first or point else weight[2])
    found.update(moved, rows=sum(sets.values()) * groups * lines * passes * KILO, written=moved["out"] * passes)
    macs = sum(found[f"macs{size}"] for size in sets)
    if not point:
        found["edge"] = macs * _edge(node, after)
    found["narrow"] = macs * _left_over(after, point and not strided)
    if strided:
        found["strided"] = macs
    return "conv.first" if first else "conv.point" if point else "conv.direct", found


def _sets(outputs: int, block: int) -> Dict[int, int]:
    """{blocks at once: how many such sets}"""
    blocks = -(-outputs // block)
    found = {AT_ONCE: blocks // AT_ONCE, blocks % AT_ONCE: 1}
    return {size: count for size, count in found.items() if size and count}


def _edge(node: Node, after: Tuple[int, ...]) -> float:
    """The share of output columns whose window reaches over the picture's edge: they are computed one by one."""
    pads = node.attribute("pads", (0, 0, 0, 0))
    stride = node.attribute("strides", (1, 1))[-1]
    return min(1.0, sum(-(-pad // stride) for pad in (pads[1], pads[3])) / after[3])


def _left_over(after: Tuple[int, ...], flat: bool) -> float:
    """The share of outputs that are left over where three are computed together."""
    count = after[2] * after[3] if flat else after[3]
    return count % 3 / count


def _unblocked(graph: Graph, node: Node) -> Tuple[str, Traits]:
    weight, after = graph.shape(node.inputs[1]), graph.shape(node.outputs[0])
    groups, points = node.attribute("group", 1), _size(after[2:])
    deep = _size(weight[1:])
    found = {"macs": _size(after) * deep * MEGA, "in": _bytes(graph, node.inputs[0]),
             "out": _bytes(graph, node.outputs[0]), "weights": _bytes(graph, node.inputs[1]),
             "groups": groups * KILO, "unrolled": groups * deep * points * 4 * MEGA * (_size(weight[2:]) > 1)}
    thin = weight[0] // groups
    if groups > 1 and weight[1] == 1 and thin == 1:
        return "conv.depth.single", found
    found["thin"] = found["macs"] / thin  # few rows of a matrix product leave its kernel half empty
    return ("conv.grouped" if groups > 1 else "conv.product"), found


def _product(graph: Graph, node: Node) -> Tuple[str, Traits]:
    right, after = node.inputs[1], graph.shape(node.outputs[0])
    macs = MACS[node.op](graph, node)
    fixed = right in graph.constants
    rows = _size(after[:-1]) if fixed else after[-2]
    if rows == 1:
        return "product.vector", {"weights": _bytes(graph, right), "out": _bytes(graph, node.outputs[0])}
    found = {"macs": macs * MEGA, "thin": macs / rows * MEGA, "short": macs / after[-1] * MEGA,
             "in": _bytes(graph, node.inputs[0]), "out": _bytes(graph, node.outputs[0]),
             "weights": _bytes(graph, right), "batch": _size(after[:-2]) * KILO if not fixed else 0.0}
    return ("product.fixed" if fixed else "product.both"), found


def _by_bytes(graph: Graph, node: Node) -> Tuple[str, Traits]:
    if node.op in FREE:
        return "free", {}
    moved = {"in": sum(_bytes(graph, name) for name in set(node.inputs) if name),
             "out": sum(_bytes(graph, name) for name in node.outputs if name)}
    return f"{node.op}{_variant(graph, node)}", moved


def _variant(graph: Graph, node: Node) -> str:
    """How the second operand meets the first: each with its own, one for all, or a row or column of them."""
    if node.op not in BROADCAST or len(node.inputs) < 2:
        return ""
    size = max(graph.size(name) for name in node.inputs[:2])
    least = min(graph.size(name) for name in node.inputs[:2])
    if least == size:
        return ""
    if least == 1:
        return ".one"
    small = min(node.inputs[:2], key=graph.size)
    return ".row" if graph.shape(small)[-1:] == graph.shape(node.outputs[0])[-1:] else ".column"


def _pool(graph: Graph, node: Node) -> Tuple[str, Traits]:
    area = _size(node.attribute("kernel_shape"))
    return f"{node.op}{'.blocked' if node.domain else ''}", {
        "windows": graph.size(node.outputs[0]) * area * MEGA, "in": _bytes(graph, node.inputs[0]),
        "out": _bytes(graph, node.outputs[0])}


def _global(graph: Graph, node: Node) -> Tuple[str, Traits]:
    return f"{node.op}{'.blocked' if node.domain else ''}", {
        "in": _bytes(graph, node.inputs[0]), "maps": graph.shape(node.outputs[0])[1] * KILO}


def _transpose(graph: Graph, node: Node) -> Tuple[str, Traits]:
    """What stays together is copied, what does not is moved number by number."""
    order = node.attribute("perm")
    shape, kept, at = graph.shape(node.outputs[0]), 1, len(order) - 1
    while at >= 0 and order[at] == at:
        kept *= shape[at]
        at -= 1
    data = _bytes(graph, node.outputs[0])
    if kept > 1:
        return "Transpose.runs", {"out": data, "runs": _size(shape) / kept * KILO}
    return "Transpose", {"out": data}


def _parts(graph: Graph, node: Node) -> Tuple[str, Traits]:
    """Concat, Split, Slice: runs of memory that are copied."""
    shapes = [graph.shape(name) for name in (node.inputs if node.op == "Concat" else node.outputs) if name]
    axis = node.attribute("axis", 1) % len(shapes[0])
    if node.op == "Slice":
        given = graph.shape(node.inputs[0])
        axis = next((at for at in reversed(range(len(given))) if given[at] != shapes[0][at]), 0)
    runs = sum(_size(shape[:axis]) for shape in shapes)
    return node.op, {"out": sum(_bytes(graph, name) for name in node.outputs if name), "runs": runs * KILO,
                     "parts": float(len(shapes))}


def _rows(graph: Graph, node: Node) -> Tuple[str, Traits]:
    """Softmax and layer norm: row by row."""
    shape = graph.shape(node.inputs[0])
    return node.op, {"in": _bytes(graph, node.inputs[0]), "rows": _size(shape[:-1]) * KILO}


_OTHER: Dict[str, Callable[[Graph, Node], Tuple[str, Traits]]] = {
    "MaxPool": _pool, "AveragePool": _pool, "GlobalAveragePool": _global, "GlobalMaxPool": _global,
    "Transpose": _transpose, "Concat": _parts, "Split": _parts, "Slice": _parts, "Softmax": _rows,
    "LayerNormalization": _rows,
}


def _bytes(graph: Graph, name: str) -> float:
    graph.shape(name)  # where it is not fixed, this says so
    return graph.bytes(name) * MEGA


def _size(sides: Tuple[int, ...]) -> int:
    size = 1
    for side in sides:
        size *= side
    return size
