"""Finds what a session file holds, however it ended: finished, still growing, or cut off at any byte.

MCAP is a row of records, each with its kind and its length; chunks carry a checksum. A finished file is walked over
from record to record, its chunks unread. In any other every chunk is read, and counts if its checksum is right; the
ordinary reader of the package `mcap` finds nothing in such a file. https://mcap.dev/spec
"""
from __future__ import annotations

import fcntl
import os
import struct
from io import BytesIO
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from jetracer.camera.recordings import SESSION
from jetracer.core.errors import DataError
from jetracer.data.messages import PICTURE, STEP, UNDO
from jetracer.data.writer import Attachment

MAGIC = b"\x89MCAP0\r\n"
FOOTER, CHANNEL, MESSAGE, CHUNK, INDEX, ATTACHMENT, METADATA, LAST = 2, 4, 5, 6, 7, 9, 12, 15
_HEAD = struct.Struct("<BQ")  # kind and length of a record
_MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, number, time in ns, the same time again
_ENTRY = np.dtype([("time_ns", "<u8"), ("at", "<u8")])


class Record(NamedTuple):
    """A record's kind, and where its content lies in the file or chunk."""

    kind: int
    at: int
    size: int


class Chunk(NamedTuple):
    """Where a chunk lies in the file, and by channel its messages: arrays of their time and place in the chunk."""

    at: int
    size: int
    messages: Dict[int, np.ndarray]


class Contents(NamedTuple):
    """What was found. `damage` says in words what is wrong with the file; empty for a finished one."""

    chunks: List[Chunk]
    topics: Dict[str, int]  # channel by topic
    records: Dict[str, Dict[str, str]]  # metadata by name
    attachments: Dict[str, Attachment]
    damage: str


class Message(NamedTuple):
    channel: int
    number: int
    time_ns: int
    data: bytes


def open_file(path: Union[str, Path]) -> Tuple[Path, int]:
    """The session file at `path`, which may be its run folder, and a descriptor to read it. Raises DataError."""
    place = Path(path).expanduser()
    place = place / SESSION if place.is_dir() else place
    try:
        return place, os.open(str(place), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(f"No session {place} ({error.strerror}); give a run folder or its {SESSION}.") from error


def scan(fd: int, path: Path, check: bool = False) -> Contents:
    """Look through an open file; with `check`, also through the chunks of a finished one.

    Raises DataError where it is no session at all.
    """
    size = os.fstat(fd).st_size
    if not MAGIC.startswith(os.pread(fd, len(MAGIC), 0)):  # a shorter file was cut off at once
        raise DataError(f"{path} is no recorded session; give the session.mcap of a drive.")
    records = list(_walk(fd, len(MAGIC), size))
    finished = bool(records) and records[-1].kind == FOOTER and os.pread(fd, 99, _end(records[-1])) == MAGIC
    chunks = _indexed(fd, records) if finished and not check else _checked(fd, records)
    topics = _topics(fd, path, chunks)
    named, attached = _beside(fd, records)
    return Contents(chunks, topics, named, attached, _damage(fd, records, chunks, size, finished))


def being_recorded(fd: int) -> bool:
    """Whether a recorder has the file; it holds a lock until it ends, however it ends."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def read_chunk(fd: int, chunk: Chunk) -> bytes:
    """What a chunk holds. Raises DataError where that is not what was written."""
    from mcap.records import Chunk as ChunkRecord
    from mcap.stream_reader import get_chunk_data_stream

    try:
        record = ChunkRecord.read(_stream(os.pread(fd, chunk.size, chunk.at)))
        stream, size = get_chunk_data_stream(record, validate_crc=True)
        return stream.read(size)
    except Exception as error:  # mcap, lz4 and zstandard each have errors of their own for what is torn
        raise DataError(f"the chunk at byte {chunk.at} is damaged ({error})") from error


def message_at(data: bytes, at: int) -> Message:
    """The message whose record begins at `at` of a chunk's data."""
    _, size = _HEAD.unpack_from(data, at)
    at += _HEAD.size
    channel, number, time_ns, _ = _MESSAGE_HEAD.unpack_from(data, at)
    return Message(channel, number, time_ns, data[at + _MESSAGE_HEAD.size : at + size])


def messages(data: bytes) -> Iterator[Message]:
    """All messages of a chunk's data, in order."""
    for record in _inside(data):
        if record.kind == MESSAGE:
            yield message_at(data, record.at - _HEAD.size)


def _walk(fd: int, at: int, size: int) -> Iterator[Record]:
    """The records of the file, as far as they make sense."""
    while at + _HEAD.size <= size:
        kind, length = _HEAD.unpack(os.pread(fd, _HEAD.size, at))
        record = Record(kind, at + _HEAD.size, length)
        if not 1 <= kind <= LAST or _end(record) > size:
            return
        yield record
        if kind == FOOTER:
            return
        at = _end(record)


def _inside(data: bytes) -> Iterator[Record]:
    at = 0
    while at < len(data):
        kind, length = _HEAD.unpack_from(data, at)
        record = Record(kind, at + _HEAD.size, length)
        yield record
        at = _end(record)


def _end(record: Record) -> int:
    return record.at + record.size


def _indexed(fd: int, records: List[Record]) -> List[Chunk]:
    """The chunks with what the index behind each says of it."""
    chunks: List[Chunk] = []
    for record in records:
        if record.kind == CHUNK:
            chunks.append(Chunk(record.at, record.size, {}))
        elif record.kind == INDEX and chunks:
            index = os.pread(fd, record.size, record.at)
            chunks[-1].messages[int.from_bytes(index[:2], "little")] = np.frombuffer(index, _ENTRY, offset=6)
    return chunks


def _checked(fd: int, records: List[Record]) -> List[Chunk]:
    """The chunks whose checksum is right, with what really is in them."""
    chunks = []
    for record in records:
        if record.kind == CHUNK:
            chunk = Chunk(record.at, record.size, {})
            try:
                data = read_chunk(fd, chunk)
            except DataError:
                continue
            entries: Dict[int, List[Tuple[int, int]]] = {}
            for inner in _inside(data):
                if inner.kind == MESSAGE:
                    channel, _, time_ns, _ = _MESSAGE_HEAD.unpack_from(data, inner.at)
                    entries.setdefault(channel, []).append((time_ns, inner.at - _HEAD.size))
            chunks.append(chunk._replace(messages={key: np.array(rows, _ENTRY) for key, rows in entries.items()}))
    return chunks


def _topics(fd: int, path: Path, chunks: List[Chunk]) -> Dict[str, int]:
    """Channels by topic, as the first chunk says; another program may have numbered them anew."""
    from mcap.records import Channel

    topics = {topic: number for number, topic in enumerate((PICTURE, STEP, UNDO), 1)}
    try:
        data = read_chunk(fd, chunks[0]) if chunks else b""
    except DataError:  # as this program numbers them
        return topics
    told = [Channel.read(_stream(data[record.at : _end(record)])) for record in _inside(data) if record.kind == CHANNEL]
    if told and STEP not in (channel.topic for channel in told):
        raise DataError(f"{path} is the MCAP file of another program (no {STEP}); give the session.mcap of a drive.")
    return {**topics, **{channel.topic: channel.id for channel in told}}


def _beside(fd: int, records: List[Record]) -> Tuple[Dict[str, Dict[str, str]], Dict[str, Attachment]]:
    """Metadata and attachments; the first of a name counts, a torn one does not."""
    from mcap import records as kinds

    named: Dict[str, Dict[str, str]] = {}
    attached: Dict[str, Attachment] = {}
    for record in records:
        if record.kind == METADATA:
            one = _read(fd, kinds.Metadata, record)
            if one is not None:
                named.setdefault(one.name, one.metadata)
        elif record.kind == ATTACHMENT:
            one = _read(fd, kinds.Attachment, record)
            if one is not None:
                attached.setdefault(one.name, Attachment(one.name, one.media_type, one.data))
    return named, attached


def _read(fd: int, kind: Any, record: Record) -> Optional[Any]:
    from mcap.exceptions import McapError

    try:
        return kind.read(_stream(os.pread(fd, record.size, record.at)))
    except (McapError, ValueError):  # ValueError: no UTF-8
        return None


def _stream(data: bytes) -> Any:
    from mcap.data_stream import ReadDataStream

    return ReadDataStream(BytesIO(data))


def _damage(fd: int, records: List[Record], chunks: List[Chunk], size: int, finished: bool) -> str:
    """What is wrong, in words; nothing of a finished file with all its chunks."""
    found = sum(record.kind == CHUNK for record in records)
    torn = size - (_end(records[-1]) if records else 0)
    text = []
    if not finished:
        text.append("it is still being recorded" if being_recorded(fd) else "it was cut off")
    if torn and not finished:
        text.append(f"{torn} bytes at its end are left out")
    if found > len(chunks):
        text.append(f"{found - len(chunks)} damaged chunks are left out")
    return ", ".join(text)
