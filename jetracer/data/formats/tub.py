"""Donkey's tub, version 2 (package donkeycar 4 and 5), both ways.

    manifest.json             5 lines of JSON: inputs, types, metadata, sessions, {paths, current_index, max_len,
                              deleted_indexes}
    catalog_K.catalog         one record a line, 1000 in each
    catalog_K.catalog_manifest   {"line_lengths": [...], "path", "start_index", "created_at"}
    images/N_cam_image_array_.jpg

A deleted index counts records from 0 over all catalogs, as Donkey's own reader does. A record's command is what
drove the car: the user's, or the pilot's where `user/mode` says so (then tagged "pilot").
"""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from jetracer.core.config import write_text
from jetracer.core.errors import DataError
from jetracer.core.types import Command
from jetracer.data.formats.base import Format, copy_picture
from jetracer.data.picture import find
from jetracer.data.sample import Dataset, Note, Sample, number, share

MANIFEST, PER_CATALOG = "manifest.json", 1000
INPUTS = ("cam/image_array", "user/angle", "user/throttle", "user/mode")
TYPES = ("image_array", "float", "float", "str")
_SPEED = ("enc/speed", "float")
_KNOWN = {*INPUTS, _SPEED[0], "pilot/angle", "pilot/throttle", "_index", "_session_id", "_timestamp_ms"}
PILOT = "pilot"


class Tub(Format):
    name = "tub"
    needs = ("command",)
    carries = frozenset(("speed_mps", "t_s", "session", "tags", "deleted"))

    @staticmethod
    def recognise(root: Path) -> bool:
        return (root / MANIFEST).is_file()

    def read(self, root: Path) -> Dataset:
        """Raises DataError when the manifest cannot be understood at all."""
        data = Dataset(root, self.name)
        catalogs = _read_manifest(root)[4]
        deleted = set(catalogs["deleted_indexes"])
        unknown: Dict[str, int] = {}
        for index, (where, line) in enumerate(_lines(data, catalogs["paths"])):
            record = _parsed(line)
            sample, why = (None, "not a JSON record") if record is None else _sample(root, record)
            if sample is None:
                data.skip(_name(record, where), why)
                continue
            for key in record.keys() - _KNOWN:
                unknown[key] = unknown.get(key, 0) + 1
            data.samples.append(replace(sample, deleted=True) if index in deleted else sample)
        for key, count in sorted(unknown.items()):
            data.flag(MANIFEST, f"{key} is not read ({count} records have it)")
        return data

    def write(self, samples: Sequence[Sample], root: Path) -> List[Note]:
        left_out, records, deleted = [], [], []
        (root / "images").mkdir()
        for sample in samples:
            name = f"{len(records)}_cam_image_array_.jpg"
            why = copy_picture(sample.picture, root / "images" / name)
            if why:
                left_out.append(Note(sample.name, why))
                continue
            if sample.deleted:
                deleted.append(len(records))
            records.append(_record(sample, len(records), name))
        _write_catalogs(root, records)
        _write_manifest(root, _manifest(records, deleted))
        return left_out

    def set_deleted(self, root: Path, names: Set[str], deleted: bool) -> Set[str]:
        manifest = _read_manifest(root)
        indexes = {}
        for index, (_, line) in enumerate(_lines(Dataset(root, self.name), manifest[4]["paths"])):
            name = (_parsed(line) or {}).get(INPUTS[0])
            if name in names:
                indexes[name] = index
        now = set(manifest[4]["deleted_indexes"])
        changed = now | set(indexes.values()) if deleted else now - set(indexes.values())
        manifest[4]["deleted_indexes"] = sorted(changed)
        _write_manifest(root, manifest)
        return set(indexes)


def _read_manifest(root: Path) -> List[Any]:
    """The five lines of the manifest; a lost tail is made up for by what lies in the folder."""
    lines = (root / MANIFEST).read_text(encoding="utf-8", errors="replace").splitlines()
    parsed = [_json(line) for line in lines[:5]]
    parsed += [None] * (5 - len(parsed))
    for at, kind in enumerate((list, list, dict, dict)):
        if not isinstance(parsed[at], kind):
            parsed[at] = kind()
    last = parsed[4]
    if not isinstance(last, dict) or not isinstance(last.get("paths"), list):
        # Donkey rewrites this line with every record, so a power cut takes it first.
        found = sorted(root.glob("catalog_*.catalog"), key=lambda path: int("0" + path.stem.rpartition("_")[2]))
        if not found:
            raise DataError(f"{root / MANIFEST} is no tub's manifest (version 2), and no catalog lies beside it.")
        parsed[4] = last = {"paths": [path.name for path in found], "current_index": 0, "max_len": PER_CATALOG}
    last["deleted_indexes"] = [index for index in last.get("deleted_indexes") or () if isinstance(index, int)]
    return parsed


def _lines(data: Dataset, paths: Sequence[str]) -> Iterator[Tuple[str, str]]:
    """("catalog_0.catalog line 7", its text) of every record, in order."""
    for name in paths:
        path = data.path / Path(str(name)).name
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            data.skip(path.name, f"the catalog cannot be read: {error.strerror}")
            continue
        for at, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield f"{path.name} line {at}", line


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _parsed(line: str) -> Optional[Dict[str, Any]]:
    record = _json(line)
    return record if isinstance(record, dict) else None


def _name(record: Optional[Mapping[str, Any]], where: str) -> str:
    return str((record or {}).get(INPUTS[0]) or where)


def _sample(root: Path, record: Mapping[str, Any]) -> Tuple[Optional[Sample], str]:
    name = record.get(INPUTS[0])
    if not isinstance(name, str):
        return None, f"has no {INPUTS[0]}"
    mode = record.get("user/mode") or "user"
    by_pilot = mode != "user" and record.get("pilot/angle") is not None
    angle_key = "pilot/angle" if by_pilot else "user/angle"
    throttle_key = "pilot/throttle" if by_pilot and mode == "local" else "user/throttle"
    angle, throttle = share(record.get(angle_key)), share(record.get(throttle_key))
    if angle is None or throttle is None:
        key = angle_key if angle is None else throttle_key
        return None, f"{key} {record.get(key)!r} is not in [-1, 1]"
    picture, why = find(root, name)
    if picture is None:
        return None, why
    t_ms = number(record.get("_timestamp_ms"))
    return Sample(picture, command=Command(angle, throttle), speed_mps=number(record.get(_SPEED[0])),
                  t_s=None if t_ms is None else t_ms / 1000.0, session=str(record.get("_session_id") or ""),
                  tags=(PILOT,) if by_pilot else ()), ""


def _record(sample: Sample, index: int, image: str) -> Dict[str, Any]:
    driven = PILOT in sample.tags
    record = {
        "_index": index, "_session_id": sample.session or "0", "_timestamp_ms": round(1000.0 * (sample.t_s or 0.0)),
        "cam/image_array": image, "user/mode": "local" if driven else "user",
        "user/angle": float(sample.command.steering), "user/throttle": float(sample.command.throttle),
    }
    if driven:
        record.update({"pilot/angle": record["user/angle"], "pilot/throttle": record["user/throttle"]})
    if sample.speed_mps is not None:
        record[_SPEED[0]] = float(sample.speed_mps)
    return record


def _write_catalogs(root: Path, records: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, max(1, len(records)), PER_CATALOG):
        name = f"catalog_{start // PER_CATALOG}"
        lines = [json.dumps(record, allow_nan=False, sort_keys=True) + "\n"
                 for record in records[start : start + PER_CATALOG]]
        (root / f"{name}.catalog").write_bytes("".join(lines).encode("ascii"))
        about = {"created_at": _begun_s(records), "line_lengths": [len(line) for line in lines],
                 "path": f"{name}.catalog_manifest", "start_index": start}
        (root / f"{name}.catalog_manifest").write_text(json.dumps(about, sort_keys=True) + "\n", encoding="utf-8")


def _manifest(records: Sequence[Mapping[str, Any]], deleted: Sequence[int]) -> List[Any]:
    keys = [(key, kind) for key, kind in (*zip(INPUTS, TYPES), _SPEED, ("pilot/angle", "float"),
                                          ("pilot/throttle", "float"))
            if key in INPUTS or any(key in record for record in records)]
    sessions = list(dict.fromkeys(record["_session_id"] for record in records))
    about: Dict[str, Any] = {"created_at": _begun_s(records)}
    if sessions:
        about["sessions"] = {"all_full_ids": sessions, "last_id": len(sessions) - 1, "last_full_id": sessions[-1]}
    count = max(1, -(-len(records) // PER_CATALOG))
    catalogs = {"paths": [f"catalog_{at}.catalog" for at in range(count)], "current_index": len(records),
                "max_len": PER_CATALOG, "deleted_indexes": list(deleted)}
    return [[key for key, _ in keys], [kind for _, kind in keys], {}, about, catalogs]


def _write_manifest(root: Path, lines: Sequence[Any]) -> None:
    write_text(root / MANIFEST, "".join(json.dumps(line) + "\n" for line in lines))


def _begun_s(records: Sequence[Mapping[str, Any]]) -> float:
    return records[0]["_timestamp_ms"] / 1000.0 if records else 0.0
