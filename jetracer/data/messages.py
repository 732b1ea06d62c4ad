"""What a session file holds, message by message. The file is MCAP (https://mcap.dev), so that other tools open it too.

| topic | encoding | what |
|---|---|---|
| `/camera` | protobuf `foxglove.CompressedImage` | a picture, JPEG |
| `/step` | JSON `jetracer.Step` | a turn of the loop, every field; in simulation the world's truth too |
| `/undo` | JSON `jetracer.Undo` | the pictures from `from_ns` to `to_ns` are thrown away; nothing is deleted |

A picture stands right before the step that saw it, in the same chunk. Pictures are protobuf because JSON would carry
them as base64, a third larger, and because Rerun reads no JSON; steps are JSON because they are ours alone, and JSON
with its schema in the file needs nothing to be read.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, get_type_hints

import numpy as np

from jetracer.core.errors import DataError
from jetracer.core.types import Frame, Step
from jetracer.data.plain import finite, json_schema, plain, read_as

PICTURE, STEP, UNDO = "/camera", "/step", "/undo"
_FRAME = ("t_s", "seq")  # all of it but the picture
_REST = tuple(field.name for field in fields(Step) if field.name != "frame")


class Channel(NamedTuple):
    """How a topic is told to MCAP."""

    topic: str
    encoding: str
    schema_name: str
    schema_encoding: str
    schema: bytes


@dataclass(frozen=True)
class Undo:
    """Pictures taken in [from_ns, to_ns] of the file's own time are thrown away."""

    from_ns: int
    to_ns: int


class RecordedFrame(Frame):
    """A frame whose picture is read and decoded when it is first looked at."""

    def __init__(self, read: Optional[Callable[[], bytes]], t_s: float, seq: int) -> None:
        self.__dict__.update(t_s=t_s, seq=seq, _read=read)

    def jpeg(self) -> bytes:
        """The picture as recorded, not decoded. Raises DataError."""
        if self._read is None:
            raise DataError(f"No picture was kept of frame {self.seq}; a session's own steps all have one.")
        return decode_picture(self._read())

    @cached_property
    def image(self) -> np.ndarray:  # type: ignore[override]
        import cv2

        image = cv2.imdecode(np.frombuffer(self.jpeg(), np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise DataError(f"The picture of frame {self.seq} is damaged.")
        return image


def encode_step(step: Step, truth: Any = None) -> bytes:
    """`truth` is the simulated world's, a named tuple, or None."""
    content: Dict[str, Any] = {"frame": {name: getattr(step.frame, name) for name in _FRAME}}
    content.update((name, plain(getattr(step, name))) for name in _REST)
    if truth is not None:
        content["truth"] = truth._asdict()
    return _json(content)


def decode_step(data: bytes, make_frame: Callable[[float, int], Frame]) -> Tuple[Step, Optional[SimpleNamespace]]:
    """The step and the truth, if any; `make_frame(t_s, seq)` makes the frame with its picture."""
    content = json.loads(data)
    truth = content.get("truth")
    frame = make_frame(float(content["frame"]["t_s"]), content["frame"]["seq"])
    hints = _step_hints()
    rest = {name: read_as(hints[name], content[name]) for name in _REST if name in content}
    return Step(frame, **rest), None if truth is None else _truth(truth)


def encode_undo(undo: Undo) -> bytes:
    return _json(plain(undo))


def decode_undo(data: bytes) -> Undo:
    return read_as(Undo, json.loads(data))


def encode_picture(jpeg: bytes, time_ns: int) -> bytes:
    from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage

    image = CompressedImage(data=jpeg, format="jpeg", frame_id="camera")
    image.timestamp.FromNanoseconds(time_ns)
    return image.SerializeToString()


def decode_picture(data: bytes) -> bytes:
    from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage

    return CompressedImage.FromString(data).data


def channels() -> List[Channel]:
    """All topics, in the order in which they are registered."""
    return [
        Channel(PICTURE, "protobuf", "foxglove.CompressedImage", "protobuf", _picture_schema()),
        Channel(STEP, "json", "jetracer.Step", "jsonschema", _json(_step_schema())),
        Channel(UNDO, "json", "jetracer.Undo", "jsonschema", _json(json_schema(Undo))),
    ]


def _picture_schema() -> bytes:
    """The message's file and the one it imports, as MCAP wants them: a FileDescriptorSet."""
    from foxglove_schemas_protobuf.CompressedImage_pb2 import DESCRIPTOR
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    files = FileDescriptorSet()
    for one in (*DESCRIPTOR.dependencies, DESCRIPTOR):
        one.CopyToProto(files.file.add())
    return files.SerializeToString()


def _step_schema() -> Dict[str, Any]:
    frame = {"type": "object", "properties": {"t_s": {"type": "number"}, "seq": {"type": "integer"}}}
    hints = _step_hints()
    rest = {name: json_schema(hints[name]) for name in _REST}
    return {"title": "jetracer.Step", "type": "object",
            "properties": {"frame": frame, **rest, "truth": {"type": "object"}}}


def _truth(content: Dict[str, Any]) -> SimpleNamespace:
    numbers = {name: float(value) if isinstance(value, str) else value for name, value in content.items()}
    return SimpleNamespace(**numbers)


@lru_cache(maxsize=None)
def _step_hints() -> Dict[str, Any]:
    return get_type_hints(Step)


def _json(content: Dict[str, Any]) -> bytes:
    try:
        return json.dumps(content, allow_nan=False, separators=(",", ":"), default=float).encode()
    except ValueError:  # a number that JSON lacks; a pilot not heard yet has t_s = -inf
        return json.dumps(finite(content), separators=(",", ":"), default=float).encode()
