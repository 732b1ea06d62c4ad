"""Small nets of random sizes, whose operators are timed to learn what an operator costs on this computer.

Every one is a row of the blocks that picture nets are made of: convolutions of all kinds, residual and inverted blocks,
branches, shuffles, dense layers, attention. The sizes are drawn, from a seed; none is a published net.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

import numpy as np

from jetracer.optimize.row import Row

Random = np.random.Generator
MOST_MACS = 40_000_000  # of one operator, so that a net can be timed often
SIDES = (7, 7, 10, 14, 14, 17, 20, 28, 28, 35, 40, 56, 56, 80, 112)
POOLS = ("MaxPool", "AveragePool")
ODD = 0.15  # share of channel counts that are no multiple of 8


def channels(random: Random, low: int, high: int) -> int:
    """Drawn evenly by the logarithm; most of them multiples of 8, as in most nets."""
    found = float(np.exp(random.uniform(np.log(low), np.log(high))))
    return max(1, round(found)) if random.random() < ODD else max(8, 8 * round(found / 8))


def one_of(random: Random, *things: Any) -> Any:
    return things[random.integers(len(things))]


def _fits(row: Row, outputs: int, area: int = 1) -> int:
    """The output channels, cut down so that the convolution stays cheap."""
    most = int(MOST_MACS / (row.shape[1] * area * row.shape[2] * row.shape[3]))
    return outputs if outputs <= most else max(8, most // 8 * 8)


def _stride(row: Row, random: Random, share: float = 0.25) -> int:
    return 2 if random.random() < share and row.shape[2] >= 14 else 1


def _start(random: Random, name: str, low: int = 7, high: int = 112, most: int = 512) -> Row:
    """A map in the middle of a net: its channels in blocks already, where convolutions use that."""
    side = one_of(random, *(side for side in SIDES if low <= side <= high))
    row = Row(name, (1, 8 * int(random.integers(1, 5)), side, side), random)
    row.conv(_fits(row, channels(random, 16, min(most, 200_000 // side))), 1)
    return row


def picture(random: Random, name: str) -> Row:
    """Bytes of a camera, and the first layers on them."""
    side = one_of(random, 96, 112, 128, 160, 192, 224, 256)
    row = Row(name, (1, side, side, 3), random, picture=True)
    row.op("Cast", to=1)
    row.transpose(0, 3, 1, 2)
    row.op("Sub", row.number(128.0))
    row.op("Mul", row.number(1 / 64))
    row.conv(channels(random, 8, 96), one_of(random, 3, 3, 4, 5, 7), one_of(random, 2, 2, 4))
    if random.random() < 0.5:
        row.halve("MaxPool")
    return row


def plain(random: Random, name: str) -> Row:
    """Convolutions that see more than a point."""
    row = _start(random, name)
    for _ in range(5):
        side = one_of(random, 3, 3, 3, 3, 5, 7, (1, 7), (7, 1), (1, 3), (3, 1))
        area = side * side if isinstance(side, int) else side[0] * side[1]
        row.conv(_fits(row, channels(random, 16, 512), area), side, _stride(row, random))
    return row


def point(random: Random, name: str) -> Row:
    row = _start(random, name)
    for _ in range(6):
        row.conv(_fits(row, channels(random, 16, 1536)), 1, _stride(row, random, 0.15),
                 act=one_of(random, "Relu", ""))
    return row


def residual(random: Random, name: str) -> Row:
    row = _start(random, name, most=256)
    for _ in range(3):
        kept, width = row.at, row.shape[1]
        row.conv(_fits(row, width, 9), 3)
        row.conv(width, 3, act="")
        row.op("Add", kept)
        row.op("Relu")
    return row


def inverted(random: Random, name: str) -> Row:
    """Wide, by the channel, narrow; some with squeeze and excitation, as MobileNet and EfficientNet have it."""
    row = _start(random, name, most=160)
    act = one_of(random, "Relu", "HardSwish", "Swish", "Clip")
    for _ in range(3):
        kept, width, given = row.at, row.shape[1], row.shape
        wide = _fits(row, channels(random, 3 * width, 6 * width))
        row.conv(wide, 1, act=act)
        row.conv(wide, one_of(random, 3, 5, 7), _stride(row, random), groups=wide, act=act)
        if random.random() < 0.5:
            _squeeze(row, random)
        row.conv(width if row.shape[2] == given[2] else channels(random, 16, 320), 1, act="")
        if row.shape == given:
            row.op("Add", kept)
    return row


def _squeeze(row: Row, random: Random) -> None:
    kept, shape = row.at, row.shape
    row.average()
    row.conv(channels(random, max(8, shape[1] // 8), max(9, shape[1] // 3)), 1)
    row.conv(shape[1], 1, act="")
    row.op(one_of(random, "HardSigmoid", "Sigmoid"))
    row.op("Mul", kept, shape=shape)


def grouped(random: Random, name: str) -> Row:
    row = _start(random, name, most=128)
    for _ in range(3):
        each = one_of(random, 4, 8, 8, 16, 16, 24, 32)
        width = each * max(1, round(channels(random, 32, 512) / each))
        row.conv(width, 1)
        row.conv(width, 3, _stride(row, random), groups=width // each)
    return row


def shuffled(random: Random, name: str) -> Row:
    """Half of the channels through convolutions, then mixed with the rest, as ShuffleNet has it."""
    row = _start(random, name, most=32)
    half = one_of(random, 12, 24, 29, 58, 61, 116, 88, 232)
    row.conv(2 * half, 1)
    for _ in range(3):
        _, _, high, wide = row.shape
        parts = row.split(half, half)
        row.conv(half, 1)
        row.conv(half, 3, groups=half, act="")
        row.conv(half, 1)
        row.op("Concat", parts[0], shape=(1, 2 * half, high, wide), axis=1)
        row.reshape(1, 2, half, high, wide)
        row.transpose(0, 2, 1, 3, 4)
        row.reshape(1, 2 * half, high, wide)
    return row


def branched(random: Random, name: str) -> Row:
    """Branches that are put side by side, pools among them, as Inception and DenseNet have it."""
    row = _start(random, name, low=10, most=192)
    for _ in range(2):
        start, shape = row.at, row.shape
        ends, width = [start], shape[1]
        for kind in random.choice(["conv", "MaxPool", "AveragePool", "norm"], 2, replace=False):
            row.at, row.shape = start, shape
            _branch(row, str(kind), random)
            ends.append(row.at)
            width += row.shape[1]
        row.at = ends[0]
        row.op("Concat", *ends[1:], shape=(1, width, *shape[2:]), axis=1)
        row.conv(_fits(row, channels(random, 32, 256)), 1)
    row.halve(one_of(random, *POOLS))
    return row


def _branch(row: Row, kind: str, random: Random) -> None:
    if kind == "norm":
        width = row.shape[1]
        row.op("BatchNormalization", *(row.weight(width) for _ in range(3)), row.positive(width))
        row.op("Relu")
    elif kind == "conv":
        row.conv(channels(random, 16, 96), 1)
        row.conv(channels(random, 16, 128), 3)
    else:
        row.smooth(kind)
    row.conv(channels(random, 16, 96), 1)


def single(random: Random, name: str) -> Row:
    """Operators on numbers one by one, on maps that no convolution has put in blocks."""
    side, width = one_of(random, *SIDES), channels(random, 16, 192)
    row = Row(name, (1, width, side, side), random)
    kinds = ["Relu", "Sigmoid", "HardSwish", "HardSigmoid", "Tanh", "Exp", "Sqrt", "Erf", "Add", "Mul", "Div", "Sub",
             "Pow", "Clip"]
    for kind in map(str, random.permutation(kinds)[:7]):
        if kind in ("Add", "Mul", "Div", "Sub"):
            row.op(kind, [row.positive(1, width, 1, 1), row.positive(*row.shape), row.number(1.5)][random.integers(3)])
        elif kind == "Pow":
            row.op("Abs")
            row.op(kind, row.number(2.0))
        else:
            row.activate(kind)
    row.op("ReduceMean", axes=[2, 3], keepdims=0, shape=(1, width))
    return row


def moved(random: Random, name: str) -> Row:
    """Operators that move numbers, cut them out and put them together."""
    side, width = one_of(random, *(side for side in SIDES if side < 80)), channels(random, 16, 192)
    row = Row(name, (1, width, side, side), random)
    row.op("Abs")
    row.transpose(0, 2, 3, 1)
    row.op("Pad", row.numbers(0, 0, 0, 0, 0, 1, 1, 0), shape=(1, side + 1, side + 1, width))
    row.op("Slice", row.numbers(0, 0), row.numbers(side, side), row.numbers(1, 2), shape=(1, side, side, width))
    kept = row.at
    row.op("Slice", row.numbers(2), row.numbers(side), row.numbers(1), shape=(1, side - 2, side, width))
    part = row.at
    row.at = kept
    row.op("Slice", row.numbers(0), row.numbers(2), row.numbers(1), shape=(1, 2, side, width))
    row.op("Concat", part, shape=(1, side, side, width), axis=1)
    row.op("Mul", row.positive(width))
    row.transpose(0, 3, 1, 2)
    row.smooth(one_of(random, *POOLS))
    grown = (1, width, 2 * side, 2 * side)
    row.op("Resize", "", "", row.numbers(*grown), mode=one_of(random, "nearest", "linear"),
           coordinate_transformation_mode="asymmetric", nearest_mode="floor", shape=grown)
    row.average()
    return row


def dense(random: Random, name: str) -> Row:
    row = Row(name, (1, channels(random, 64, 4096)), random)
    for _ in range(4):
        row.dense(channels(random, 4, 4096))
        if random.random() < 0.5:
            row.op("Relu")
    return row


def tokens(random: Random, name: str) -> Row:
    """Rows of numbers: normalised, multiplied, gelu, as ConvNeXt and transformers have it."""
    count, width = one_of(random, 49, 50, 64, 196, 197, 400, 784, 3136), channels(random, 48, 768)
    width = width if count * width < 400_000 else max(48, 400_000 // count // 8 * 8)
    row = Row(name, (1, count, width), random)
    for _ in range(2):
        kept = row.at
        row.op("LayerNormalization", row.weight(width), row.weight(width), axis=-1)
        wide = min(4 * width, max(8, MOST_MACS // (count * width) // 8 * 8))
        row.matmul(row.weight(width, wide, spread=width ** -0.5), wide)
        row.op("Add", row.weight(wide))
        row.gelu()
        row.matmul(row.weight(wide, width, spread=wide ** -0.5), width)
        row.op("Add", row.weight(width))
        row.op("Mul", row.weight(width))
        row.op("Add", kept)
    return row


def attention(random: Random, name: str) -> Row:
    heads, count, each = one_of(random, 3, 4, 6, 12), one_of(random, 49, 50, 64, 196), 32
    row = Row(name, (heads, count, each), random)
    for _ in range(2):
        kept = row.at
        turned = row.transpose(0, 2, 1)
        row.at, row.shape = kept, (heads, count, each)
        row.op("Mul", row.number(each ** -0.5))
        row.matmul(turned, count)
        row.op("Add", row.weight(1, count, count))
        row.op("Softmax", axis=-1)
        row.matmul(kept, each)
        row.transpose(1, 0, 2)
        row.reshape(count, heads * each)
        row.dense(heads * each)
        row.reshape(count, heads, each)
        row.transpose(1, 0, 2)
    return row


def heavy(random: Random, name: str) -> Row:
    """More weights than caches hold, so that every one comes from memory."""
    row = _start(random, name, low=7, high=14, most=256)
    for _ in range(6):
        row.conv(one_of(random, 384, 512, 640, 768), one_of(random, 1, 3, 3))
    row.average()
    row.op("Flatten", shape=(1, row.shape[1]))
    for outputs in (4096, 2048, 10):
        row.dense(outputs)
    return row


# how many of each
_KINDS = {picture: 12, plain: 16, point: 14, residual: 8, inverted: 16, grouped: 10, shuffled: 8, branched: 10,
          single: 12, moved: 10, dense: 8, tokens: 8, attention: 5, heavy: 3}
KINDS: Dict[str, Callable[[Random, str], Row]] = {kind.__name__: kind for kind in _KINDS}
COUNTS = {kind.__name__: count for kind, count in _KINDS.items()}


def micro_nets(seed: int = 0, counts: Mapping[str, int] = COUNTS) -> Dict[str, bytes]:
    """{name: ONNX file}, the same for the same seed."""
    made = {}
    for place, (kind, build) in enumerate(KINDS.items()):
        for number in range(counts.get(kind, 0)):
            name = f"{kind}{number}"
            made[name] = build(np.random.default_rng([seed, place, number]), name).model()
    return made
