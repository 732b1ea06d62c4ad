"""Which TensorRT takes which ONNX operator: data, nothing else.

Source: docs/operators.md and docs/Changelog.md of onnx-tensorrt as released with 8.4, 8.5 and 10.15 (that of 8.2 is
8.4's less what the change log added after it), and the release notes of TensorRT 11.0 to 11.5. Where a list names an
operator for the first time and no change log says when it came, it counts from that list on.
"""
from __future__ import annotations

from typing import Dict, Tuple

from jetracer.engine.devices import Version, parse_version

VERSIONS: Tuple[Version, ...] = ((8, 2), (8, 5), (10, 3), (10, 16), (11, 4))  # of JetPacks, and the newest
# the newest opset that is read, from that TensorRT on
OPSETS = {(8, 0): 13, (8, 5): 17, (10, 0): 20, (10, 6): 22, (10, 15): 24, (11, 5): 25}
NEWEST_IR = 10  # that ONNX Runtime 1.19 reads, the newest for Python 3.8

_FIRST = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast Ceil Celu Clip Concat
Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout Einsum Elu
Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool GlobalLpPool
GlobalMaxPool Greater GreaterOrEqual GRU HardSigmoid Identity If ImageScaler InstanceNormalization IsNaN LeakyRelu
Less LessOrEqual Log LogSoftmax Loop LRN LSTM LpNormalization LpPool MatMul Max MaxPool Mean Min Mul Neg
NonMaxSuppression Not Or Pad ParametricSoftplus Pow PRelu QuantizeLinear RandomUniform RandomUniformLike Range
ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
Relu Reshape Resize ReverseSequence RNN Round ScaledTanh Scan Scatter ScatterElements ScatterND Selu Shape Sigmoid
Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu
Tile TopK Transpose Unsqueeze Upsample Where
"""
_LATER = {
    "8.4": "Shrink Xor",
    "8.5": "GridSample HardSwish MeanVarianceNormalization Mod NonZero OneHot RandomNormal RandomNormalLike Reciprocal "
           "RoiAlign Trilu",
    "8.6": "GroupNormalization IsInf LayerNormalization",
    "9.2": "Hardmax",
    "10.1": "DeformConv",
    "10.4": "BlackmanWindow HammingWindow HannWindow",
    "10.5": "STFT",
    "10.14": "Attention",
    "10.15": "CastLike Gelu Mish RMSNormalization RotaryEmbedding TensorScatter",
    "11.0": "Swish",
    "11.2": "DFT",
}
SINCE: Dict[str, Version] = {
    **dict.fromkeys(_FIRST.split(), (8, 0)),
    **{name: parse_version(version) for version, names in _LATER.items() for name in names.split()},
}

# What to write in its place, in words; what is not here goes by one of the three ways in docs/engines.md.
INSTEAD: Dict[str, str] = {
    "GridSample": "sample on a fixed grid: a Resize or a Slice where the grid is constant, else before the network",
    "NonMaxSuppression": "leave it out: end with boxes and scores, and let the detector's decoder choose",
    "NonZero": "keep a mask of fixed size (Where, Mul) instead of the places of its ones",
    "RoiAlign": "crop with Slice and Resize where the boxes are constant",
    "LayerNormalization": "ReduceMean, Sub, Mul, Sqrt and Div, as PyTorch's exporter writes it for opset 16 and before",
    "GroupNormalization": "Reshape, InstanceNormalization and Reshape, as for opset 16 and before",
    "HardSwish": "x * HardSigmoid(x) with alpha 1/6 and beta 0.5",
    "Gelu": "0.5 * x * (1 + Erf(x / sqrt 2))",
    "Mish": "x * Tanh(Softplus(x))",
    "Hardmax": "ArgMax, then OneHot or Equal with a constant range",
    "Trilu": "Mul with a constant mask",
    "OneHot": "Equal with a constant range, then Cast",
    "Reciprocal": "Div of 1 by it",
    "Mod": "Sub of Div, Floor and Mul",
    "QLinearConv": "quantise in Q/DQ form (QuantizeLinear and DequantizeLinear around a float Conv)",
    "QLinearMatMul": "quantise in Q/DQ form (QuantizeLinear and DequantizeLinear around a float MatMul)",
    "ConvInteger": "quantise statically in Q/DQ form; TensorRT takes no dynamic quantisation",
    "MatMulInteger": "quantise statically in Q/DQ form; TensorRT takes no dynamic quantisation",
    "DynamicQuantizeLinear": "quantise statically in Q/DQ form; TensorRT takes no dynamic quantisation",
    "MaxUnpool": "Resize, and a ConvTranspose or Conv after it",
}


def taken(op: str, tensorrt: Version) -> bool:
    """Whether that TensorRT's parser has an importer for an operator of ONNX's own."""
    return op in SINCE and SINCE[op] <= tensorrt[:2]


def newest_opset(tensorrt: Version) -> int:
    return OPSETS[max(start for start in OPSETS if start <= tensorrt[:2])]
