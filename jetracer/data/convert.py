"""From one format to another; what cannot be taken along is told."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from jetracer.core.errors import ConfigError
from jetracer.data.formats.base import FORMATS, not_carried, read, write
from jetracer.data.sample import Dataset, Sample
from jetracer.data.targets import Geometry, with_aims, with_commands


def convert(sources: Sequence[str], target: str, to: str, source_format: str = "", fill: str = "",
            geometry: Optional[Geometry] = None, throttle: float = 0.0) -> Dict[str, Any]:
    """Read every source, write one new set; a JSON-ready account of it.

    `fill`: "aim" or "command", made from the other where it is missing. Deleted records come along only where
    the new format can keep them deleted. Raises ConfigError when a source is none, or the target is there already.
    """
    FORMATS.get(to)  # a wrong name must not cost the time of reading
    sets = [read(source, source_format) for source in sources]
    samples = _together(sets)
    if fill == "aim":
        samples = with_aims(samples, geometry or Geometry())
    elif fill == "command":
        samples = with_commands(samples, geometry or Geometry(), throttle)
    left_behind = not_carried(samples, to)
    kind = FORMATS.get(to)
    if "deleted" not in kind.carries:
        samples = [sample for sample in samples if not sample.deleted]
    if kind.needs and not any(getattr(sample, name) is not None for sample in samples for name in kind.needs):
        hint = "; make it: --fill command" if to == "tub" else "; make it: --fill aim" if "aim" in kind.needs else ""
        raise ConfigError(f"No record of {', '.join(sources)} has the {' or '.join(kind.needs)} that {to} needs{hint}.")
    left_out = write(samples, target, to)
    skipped = [{"path": f"{data.path}/{note.path}", "why": note.why} for data in sets for note in data.skipped]
    return {
        "records": len(samples) - len(left_out), "path": str(target), "format": to,
        "read": {str(data.path): {"format": data.format, "records": len(data.samples)} for data in sets},
        "skipped": skipped + [note._asdict() for note in left_out],
        "flagged": [{"path": f"{data.path}/{note.path}", "why": note.why} for data in sets for note in data.flagged],
        "not_carried": left_behind,
    }


def _together(sets: Sequence[Dataset]) -> List[Sample]:
    """All samples; those of several sets keep their sessions apart by the name of their set."""
    if len(sets) == 1:
        return sets[0].samples
    samples = []
    for data in sets:
        label = Path(data.path).resolve().name
        samples += [replace(sample, session=f"{label} {sample.session}".strip())
                    for sample in data.samples]
    return samples
