"""From one format to another; what cannot be taken along is told."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Sequence

from jetracer.core.errors import ConfigError
from jetracer.data.formats.base import FORMATS, not_carried, read, write
from jetracer.data.sample import Dataset, Sample

Fill = Callable[[List[Sample]], List[Sample]]
_HINTS = {"aim": "; make it: --fill aim", "command": "; make it: --fill command"}


def convert(sources: Sequence[str], target: str, to: str, source_format: str = "", fill: Optional[Fill] = None
            ) -> Dict[str, Any]:
    """Read every source, write one new set; a JSON-ready account of it. `fill` adds what is missing in between.

    Deleted records come along only where the new format can keep them deleted. Raises ConfigError when a source is
    no data set, the target is there already, or no record has what the new format is made of.
    """
    kind = FORMATS.get(to)
    sets = [read(source, source_format) for source in sources]
    samples = _together(sets)
    if fill is not None:
        samples = fill(samples)
    left_behind = not_carried(samples, to)
    if "deleted" not in kind.carries:
        samples = [sample for sample in samples if not sample.deleted]
    if kind.needs and not any(getattr(sample, name) is not None for sample in samples for name in kind.needs):
        raise ConfigError(f"No record of {', '.join(sources)} has the {' or '.join(kind.needs)} that {to} is made of"
                          f"{_HINTS.get(kind.needs[0], '')}.")
    left_out = write(samples, target, to)
    return {
        "records": len(samples) - len(left_out), "path": str(target), "format": to,
        "read": {str(data.path): {"format": data.format, "records": len(data.samples)} for data in sets},
        "skipped": _told(sets, "skipped") + [note._asdict() for note in left_out],
        "flagged": _told(sets, "flagged"),
        "not_carried": left_behind,
    }


def _together(sets: Sequence[Dataset]) -> List[Sample]:
    """All samples; those of several sets keep their sessions apart by the name of their set."""
    if len(sets) == 1:
        return sets[0].samples
    samples = []
    for data in sets:
        name = data.path.resolve().name
        samples += [sample if sample.session == name else replace(sample, session=f"{name} {sample.session}".strip())
                    for sample in data.samples]
    return samples


def _told(sets: Sequence[Dataset], notes: str) -> List[Dict[str, str]]:
    return [{"path": f"{data.path}/{note.path}", "why": note.why} for data in sets for note in getattr(data, notes)]
