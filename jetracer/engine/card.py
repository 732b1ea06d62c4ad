"""The model card: what a model needs and promises, kept inside the model file itself.

In an ONNX file it is JSON under the key "jetracer.card" of `metadata_props`. A model made elsewhere can have
it beside the file instead: `road.onnx` -> `road.card.json`.
"""
from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple, Union

from jetracer.core.errors import CardError, ModelCorrupt, ModelError

CARD_KEY = "jetracer.card"
LAYOUTS = ("NHWC", "NCHW")
DTYPES = ("uint8", "float32")
COLORS = ("bgr", "rgb")
PRECISIONS = ("fp32", "fp16", "int8")
_HALF = 10  # TensorProto.FLOAT16

NVIDIA_HINT = (
    "If it was trained with NVIDIA's notebooks, put this beside it as {sidecar}: "
    '{{"task": "road", "name": "{stem}", "precision": "fp32", '
    '"input": {{"name": "{input}", "width": 224, "height": 224, "layout": "NCHW", '
    '"dtype": "float32", "color": "bgr"}}, "normalisation": '
    '{{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}, "outputs": {{"{output}": "aim"}}}}'
)


@dataclass(frozen=True)
class ModelInput:
    """The one picture a model takes: (1, height, width, 3) for NHWC, (1, 3, height, width) for NCHW."""

    name: str = "image"
    width: int = 224  # px
    height: int = 224  # px
    layout: str = "NHWC"
    dtype: str = "uint8"  # uint8: camera bytes, normalisation folded into the graph; float32: see ModelCard
    color: str = "bgr"  # order of the channels the model was trained with

    @property
    def shape(self) -> Tuple[int, int, int, int]:
        if self.layout == "NHWC":
            return (1, self.height, self.width, 3)
        return (1, 3, self.height, self.width)


@dataclass(frozen=True)
class ModelCard:
    """All that a program must know to use a model, and all that a person should.

    `normalisation`: how pixels became numbers in training. For float32 inputs its "mean" and "std" (a number
    for each channel, in the order of `input.color`, for pixels scaled to [0, 1]) are applied by perception;
    for uint8 inputs they are folded into the graph and this is a record only.
    `outputs` maps each output's name to its meaning; an output is found by its name or by its meaning.
    """

    task: str  # "road" or "detect"
    name: str
    precision: str  # what most of it is calculated in: fp32, fp16 or int8
    input: ModelInput = ModelInput()
    outputs: Mapping[str, str] = field(default_factory=dict)
    classes: Tuple[str, ...] = ()
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    trained: Mapping[str, Any] = field(default_factory=dict)  # frames, tracks, seeds, hash
    parents: Tuple[str, ...] = ()  # models it was pruned, distilled or quantised from
    metrics: Mapping[str, Any] = field(default_factory=dict)
    delay_s: float = 0.0  # delay from picture to wheels it was trained for
    created_by: str = ""  # the command that made it

    def output(self, meaning: str) -> Optional[str]:
        """The name of the output that carries `meaning` ("aim", "confidence", ...), or None."""
        if meaning in self.outputs:
            return meaning
        return next((name for name, text in self.outputs.items() if text == meaning), None)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str, where: str = "model card") -> ModelCard:
        """Parse and check a card. Raises CardError naming the wrong entry; `where` is used in its text."""
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise CardError(f"{where} is not valid JSON ({error}); export the model again.") from error
        card = _build(ModelCard, content, where)
        _check(card, where)
        return card


def _build(kind: type, content: Any, where: str) -> Any:
    """A dataclass from a parsed JSON object; lists become tuples, keys are checked."""
    if not isinstance(content, dict):
        raise CardError(f"{where} must be a JSON object, but is: {str(content)[:40]!r}.")
    known = {entry.name for entry in fields(kind)}
    for key in content:
        if key not in known:
            near = get_close_matches(key, sorted(known), 1)
            hint = f"did you mean {near[0]!r}?" if near else "if a newer JetRacer made it, update this one."
            raise CardError(f"{where} has an unknown entry {key!r}; {hint}")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    if kind is ModelCard and "input" in values:
        values["input"] = _build(ModelInput, values["input"], f"{where}, input")
    try:
        return kind(**values)
    except TypeError as error:
        raise CardError(f"{where} lacks an entry ({error}); it needs at least task, name and precision.") from error


def _check(card: ModelCard, where: str) -> None:
    for key, allowed in (("layout", LAYOUTS), ("dtype", DTYPES), ("color", COLORS)):
        value = getattr(card.input, key)
        if value not in allowed:
            raise CardError(f"{where}: input {key} is {value!r}, but must be one of {', '.join(allowed)}.")
    if card.precision not in PRECISIONS:
        raise CardError(f"{where}: precision is {card.precision!r}, but must be one of {', '.join(PRECISIONS)}.")
    for key in ("width", "height"):
        value = getattr(card.input, key)
        if not isinstance(value, int) or not 1 <= value <= 8192:
            raise CardError(f"{where}: input {key} is {value!r}, but must be a number of pixels.")
    if not isinstance(card.outputs, Mapping) or not card.outputs:
        raise CardError(f"{where} names no outputs; a road model needs {{\"aim\": \"...\"}}.")


def sidecar(path: Union[str, Path]) -> Path:
    """Where a card may lie beside its model: road.onnx -> road.card.json."""
    return Path(path).with_suffix(".card.json")


def find_card(
    path: Union[str, Path], metadata: Mapping[str, str], input_name: str = "image", output_name: str = "aim"
) -> ModelCard:
    """The card beside the model file if there is one, else the one inside its `metadata`.

    Raises CardError with the next step, in which the graph's own names of input and output are filled in.
    """
    beside = sidecar(path)
    if beside.is_file():
        return ModelCard.from_json(beside.read_text(encoding="utf-8"), str(beside))
    if CARD_KEY in metadata:
        return ModelCard.from_json(metadata[CARD_KEY], f"The card in {path}")
    hint = NVIDIA_HINT.format(sidecar=beside, stem=Path(path).stem, input=input_name, output=output_name)
    raise CardError(f"{path} carries no model card, so its input and outputs are unknown. {hint}")


def write_card(path: Union[str, Path], card: ModelCard) -> None:
    """Put `card` into the ONNX file at `path`, in place of an older one; all of the file changes or nothing.

    Needs the onnx package, which the car does not. Raises ModelError, ModelCorrupt, or CardError when the card's
    precision is not the graph's.
    """
    try:
        import onnx
    except ImportError as error:
        raise ModelError("Writing a card needs the onnx package; run: pip install onnx") from error
    try:
        model = onnx.load(str(path))
    except Exception as error:  # onnx passes on whatever protobuf raises, which differs by version
        raise ModelCorrupt(f"{path} is not a readable ONNX model ({error}); export it again.") from error
    if card.precision != held_precision(model):
        raise CardError(f"The card for {path} says {card.precision}, but the graph is in {held_precision(model)}; "
                        "correct its precision.")
    kept = {entry.key: entry.value for entry in model.metadata_props if entry.key != CARD_KEY}
    onnx.helper.set_model_props(model, {**kept, CARD_KEY: card.to_json()})
    part = Path(f"{path}.part")
    part.write_bytes(model.SerializeToString())
    os.replace(part, path)


def held_precision(model: Any) -> str:
    """What an onnx.ModelProto calculates in, "fp16" and "int8" also where a part of it stays in FP32."""
    kinds = {node.op_type for node in model.graph.node}
    if any(kind.startswith(("QuantizeLinear", "QLinear")) or kind.endswith("Integer") for kind in kinds):
        return "int8"
    half = any(value.data_type == _HALF for value in model.graph.initializer)
    casts = (value.i for node in model.graph.node if node.op_type == "Cast" for value in node.attribute)
    return "fp16" if half or _HALF in casts else "fp32"
