"""Makes a finished session file of one that was cut off, so that other programs read it too."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Union

from jetracer.core.errors import DataError
from jetracer.data.scan import Contents, being_recorded, messages, open_file, read_chunk, scan
from jetracer.data.writer import SessionWriter, sync_folder

REPAIRED = "repaired"  # metadata: what was wrong
_CHUNKS_AT_ONCE = 64  # between two waits for the disk


def repair(path: Union[str, Path]) -> str:
    """Put a finished file with all that can be read in the place of the session at `path`, or leave all as it is.

    Returns what was wrong, empty where nothing was. Raises DataError, also where the disk refuses.
    """
    place, fd = open_file(path)
    part = place.with_name(place.name + ".part")
    try:
        if being_recorded(fd):
            raise DataError(f"{place} is still being recorded; end that drive first.")
        contents = scan(fd, place, check=True)
        if contents.damage:
            _copy(fd, contents, part)
            os.replace(str(part), str(place))
            sync_folder(place.parent)
        return contents.damage
    except OSError as error:
        raise DataError(f"{place} could not be repaired ({error.strerror}); it is as it was.") from error
    finally:
        part.unlink(missing_ok=True)
        os.close(fd)


def _copy(fd: int, contents: Contents, part: Path) -> None:
    """A finished file with the same messages. Raises OSError."""
    records = {**contents.records, REPAIRED: {"damage": contents.damage}}
    topics = {channel: topic for topic, channel in contents.topics.items()}
    part.unlink(missing_ok=True)  # of a repair that was cut off itself
    writer = SessionWriter(part, records, list(contents.attachments.values()))
    try:
        for number, chunk in enumerate(contents.chunks, 1):
            for message in messages(read_chunk(fd, chunk)):
                writer.add(topics[message.channel], message.time_ns, message.data, message.number)
            if number % _CHUNKS_AT_ONCE:
                writer.end_chunk()
            else:
                writer.flush()
        writer.finish()
    finally:
        writer.close()
