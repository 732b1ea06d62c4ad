"""The rules, as data: what no operator list says by a name alone. Each row has its source.

`first` is the first TensorRT that is known to take what the check finds; None: none is. A row that is not `grave` is
taken, but not with the model's own answers.
Sources: "list 8.4 / 8.5 / 10.15": docs/operators.md of onnx-tensorrt, the restrictions of that operator; "log": its
docs/Changelog.md; issues by repository and number; "RTX 1.7": what the parser and builder of TensorRT for RTX 1.7 said,
which stand for TensorRT 11 here.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Tuple

from jetracer.engine.devices import Version
from jetracer.graph import checks
from jetracer.graph.view import Graph, Node

_FOLD = "compute them once: give them as constants, for pictures of one size"
_LINEAR = "mode 'linear' or 'nearest' with half_pixel, asymmetric or align_corners, and train with it"
_QDQ = "quantise for TensorRT: INT8, symmetric, bias left in float"
_REDUCE = ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
           "ReduceProd", "ReduceSum", "ReduceSumSquare")


@dataclass(frozen=True)
class Rule:
    name: str
    ops: Tuple[str, ...]  # empty: all
    find: Callable[[Graph, Node], str]
    first: Optional[Version]
    rewrite: str  # in words
    source: str
    fix: str = ""  # of graph/fixes.py, where it is mechanical
    grave: bool = True

    @property
    def always(self) -> bool:
        """Said even when every TensorRT takes it."""
        return not self.grave or self.first == (0, 0)


RULES: Tuple[Rule, ...] = (
    Rule("resize-cubic", ("Resize",), checks.resize_cubic, (11, 0), _LINEAR, "list 10.15; torch2trt 182; RTX 1.7"),
    Rule("resize-kind", ("Resize",), checks.resize_kind, None, _LINEAR, "list 10.15; torch2trt 182; RTX 1.7"),
    Rule("resize-scales", ("Resize",), checks.resize_scales, (10, 0), _FOLD, "onnx-tensorrt 483; list 10.15", "fold"),
    Rule("upsample-scales", ("Upsample",), checks.resize_scales, (11, 0), _FOLD, "TensorRT 1346; RTX 1.7", "fold"),
    Rule("upsample-gone", ("Upsample",), checks.upsample_gone, (0, 0),
         "Resize with asymmetric pixels does the same", "ONNX operator change log; torch2trt 108", "upsample"),
    Rule("axes", ("Squeeze", "Unsqueeze"), checks.foldable_axes, (10, 7), _FOLD, "list 8.5; log 10.7; torch2trt 200",
         "fold"),
    Rule("axes-open", ("Squeeze", "Unsqueeze"), checks.open_axes, None, "axes as constants", "list 10.15"),
    Rule("reduce-axes", _REDUCE, checks.axes, None, _FOLD, "list 10.15; RTX 1.7", "fold"),
    Rule("cumsum-axis", ("CumSum",), checks.axes, (10, 8), _FOLD, "list 8.5; log 10.8", "fold"),
    Rule("slice-axes", ("Slice",), checks.slice_axes, (10, 3), _FOLD, "list 8.5; log 10.3", "fold"),
    Rule("pad-axes", ("Pad",), checks.pad_axes, (10, 4), _FOLD, "log 10.4", "fold"),
    Rule("pad-wrap", ("Pad",), checks.pad_wrap, (10, 0), "Concat of two Slices and the picture", "log 10.0"),
    Rule("topk-count", ("TopK",), checks.topk_count, (8, 6), _FOLD, "list 8.5; log 8.6", "fold"),
    Rule("topk-limit", ("TopK",), checks.topk_limit, None, "choose fewer, sorted, or choose after the network",
         "list 10.15"),
    Rule("conv-weights", ("Conv", "ConvTranspose"), checks.weights, (8, 5), _FOLD, "list 8.4, 8.5", "fold"),
    Rule("norm-weights", ("InstanceNormalization",), checks.norm_weights, (8, 6), _FOLD, "list 8.5, 10.15", "fold"),
    Rule("pool-indices", ("MaxPool",), checks.pool_indices, None,
         "use the maxima only; instead of MaxUnpool a Resize", "list 8.4 to 10.15"),
    Rule("pool-dilation", ("MaxPool", "AveragePool", "LpPool"), checks.pool_dilation, None,
         "pool with a stride, or a dilated depthwise Conv", "list 10.15"),
    Rule("einsum", ("Einsum",), checks.einsum, (10, 12), "write it as Transpose and MatMul", "list 8.5; log 10.12"),
    Rule("nms-padded", ("NonMaxSuppression",), checks.nms_inputs, (8, 5),
         "leave it out of the graph: end it with boxes and scores, and let the detector's decoder choose",
         "list 8.4; log 8.5; onnx-tensorrt 552"),
    Rule("grid-rank", ("GridSample",), checks.grid_rank, (11, 2), "sample picture by picture, in 4 dimensions",
         "list 10.15; TensorRT 11.2 release notes"),
    Rule("scatter-reduction", ("ScatterND",), checks.scatter_reduction, None, "ScatterElements takes a reduction",
         "list 10.15"),
    Rule("quantised-bias", ("DequantizeLinear",), checks.quantised_bias, None, _QDQ, "list 10.15; RTX 1.7", "bias"),
    Rule("zero-point", ("QuantizeLinear", "DequantizeLinear"), checks.zero_point, None, _QDQ,
         "list 8.4 to 10.15; RTX 1.7", "signed"),
    Rule("unsigned", ("QuantizeLinear", "DequantizeLinear"), checks.unsigned, (11, 0), _QDQ, "list 10.15; RTX 1.7"),
    Rule("bytes-inside", (), checks.bytes_inside, None, "Cast to float32 first, right behind the input",
         "list 10.15; TensorRT 2809; RTX 1.7", "cast-first"),
    Rule("double", (), checks.double, None, "float32: TensorRT has no other", "list 8.4 to 10.15", "float",
         grave=False),
    Rule("int64-range", (), checks.int64_range, (9, 0), "numbers within INT32: TensorRT before 9 clamps them",
         "list 8.5; log 9.0; onnx-tensorrt 510"),
    Rule("if-ranks", ("If",), checks.if_ranks, None, "branches of one shape, or no If at all: torch.squeeze and view "
         "with fixed numbers export without one", "list 8.4, 10.15; TensorRT 2846", "branch"),
    Rule("if-shapes", ("If",), checks.if_shapes, (9, 0), "branches of one shape, or no If at all",
         "list 8.5; log 9.0; TensorRT 2846", "branch"),
    Rule("if-names", ("If",), checks.if_names, None, "give the branches' answers names of their own",
         "list 8.4 to 10.15"),
    Rule("empty-body", ("If", "Loop", "Scan"), checks.empty_body, (11, 0), "an Identity in the empty branch, or no "
         "If or Loop", "TensorRT 474; RTX 1.7", "branch"),
    Rule("training", ("Dropout", "BatchNormalization"), checks.training, None, "export after model.eval()",
         "list 10.15"),
    Rule("lstm", ("LSTM",), checks.lstm, None, "input_forget and layout left at 0", "list 10.15"),
    Rule("whole-numbers", ("ArgMax", "ArgMin", "TopK"), checks.whole_numbers, (9, 3), "Cast to float32 before it",
         "list 8.5; log 8.6, 9.3"),
    Rule("whole-power", ("Pow",), checks.whole_numbers, (10, 12), "Cast to float32 before it", "list 8.5; log 10.12"),
)
