"""Writes a session file so that a power cut at any byte costs the last moments at most.

Chunks are short, and each is on the disk before the next begins. The file always ends at the end of a chunk: one that
a full disk cut in two is taken away again.
"""
from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Sequence

from jetracer.data.messages import channels

FACTS, RESULT = "jetracer", "result"  # metadata: what is known at the start, and at the end
CONFIG, CARD = "config.toml", "model.json"  # attachments
_NO_LIMIT = 1 << 40  # bytes; chunks end by time, not by size


class Attachment(NamedTuple):
    """A small file inside the session file."""

    name: str
    kind: str  # media type
    content: bytes


class SessionWriter:
    """A session file, from its creation to `finish`. Raises OSError where the disk refuses.

    `records` are metadata by name. JPEG does not compress any further, so chunks are stored as they are.
    """

    def __init__(self, path: Path, records: Mapping[str, Mapping[str, str]], attachments: Sequence[Attachment]) -> None:
        from mcap.writer import CompressionType, Writer

        self.path = Path(path)
        self._buffer = _Buffer()
        self._mcap = Writer(self._buffer, chunk_size=_NO_LIMIT, compression=CompressionType.NONE)
        self._ids: Dict[str, int] = {}
        self._fd = os.open(str(self.path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)  # says that it is being recorded, as long as this process lives
            self._begin(records, attachments)
            sync_folder(self.path.parent)
        except OSError:
            self.close()
            with suppress(OSError):
                self.path.unlink()
            raise

    def add(self, topic: str, time_ns: int, data: bytes, number: int = 0) -> None:
        """Put a message into the chunk that is being filled; nothing is written yet."""
        self._mcap.add_message(self._ids[topic], time_ns, data, time_ns, number)

    def end_chunk(self) -> None:
        """The next message begins a new chunk."""
        self._mcap.flush()

    def flush(self) -> None:
        """End the chunk, and return when all is on the disk."""
        self.end_chunk()
        self._store()

    def note(self, name: str, facts: Mapping[str, str]) -> None:
        """One more metadata record, after the last chunk."""
        self.end_chunk()
        self._mcap.add_metadata(name, dict(facts))

    def finish(self) -> None:
        """Write the index that other tools look for."""
        self._mcap.finish()
        self._store()

    def close(self) -> None:
        """Leave the file as it is; unfinished, it can still be read. May be called again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _begin(self, records: Mapping[str, Mapping[str, str]], attachments: Sequence[Attachment]) -> None:
        self._mcap.start(library="jetracer")
        for one in attachments:
            self._mcap.add_attachment(0, 0, one.name, one.kind, one.content)
        for name, facts in records.items():
            self._mcap.add_metadata(name, dict(facts))
        for channel in channels():
            schema = self._mcap.register_schema(channel.schema_name, channel.schema_encoding, channel.schema)
            self._ids[channel.topic] = self._mcap.register_channel(channel.topic, channel.encoding, schema)
        self._store()

    def _store(self) -> None:
        whole = self._buffer.stored
        rest = memoryview(self._buffer.take())
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fdatasync(self._fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, whole)
            raise


class _Buffer:
    """What the MCAP writer needs of a stream. Nothing reaches the disk before it is taken, and then whole chunks."""

    def __init__(self) -> None:
        self.stored = 0  # bytes taken so far
        self._parts: List[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.stored + self._size

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self.stored += len(data)
        self._parts, self._size = [], 0
        return data


def sync_folder(folder: Path) -> None:
    """Make a file's new name as lasting as its content. Raises OSError."""
    fd = os.open(str(folder), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
