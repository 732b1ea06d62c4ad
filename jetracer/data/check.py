"""What is wrong with a data set, by name: copies, blank and blurred pictures, odd labels, imbalance, leaks."""
from __future__ import annotations

import shlex
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from jetracer.data.look import Look, copies, look, near_copies
from jetracer.data.sample import Dataset, Sample
from jetracer.data.split import Split, read_split

BLUR = 0.25  # of the set's median sharpness
BINS = 15  # of the histogram of steering, -1 to 1
TURNING = 0.1  # a smaller steering is straight on
LOPSIDED = 0.65  # of all turning pictures to one side
JUMP, NEIGHBOURS_S = 0.5, 0.25  # steering off that of its neighbours in time
CONTRADICTION = 0.4  # difference of the steering of two pictures that look alike
FAR, RARE = 6.0, 0.03  # sigmas (by the median deviation) from the rest; more than this share is no outlier but a habit


def check(data: Dataset) -> Dict[str, Any]:
    """Look at every picture; a JSON-ready account. Pictures that cannot be decoded join `data.skipped`."""
    samples, looks = _look_at_all(data)
    names = [sample.name for sample in samples]
    same, near = copies(looks), near_copies(looks)
    divided = read_split(data.path) if data.path.is_dir() else None
    result = {
        **data.summary(), "records": len(samples),
        "labelled": sum(sample.labelled for sample in samples),
        "sessions": len({sample.session for sample in samples}),
        "sizes": ["%dx%d" % size for size in sorted({one.size for one in looks})],
        "duplicates": [[names[a], names[b]] for a, b in same],
        "near_duplicates": [[names[a], names[b]] for a, b in near],
        "blank": [name for name, one in zip(names, looks) if one.blank],
        "blurred": _blurred(names, looks),
        "outliers": outliers(samples) + _contradictions(samples, same + near),
        "steering": histogram(samples),
        "leaks": _leaks(samples, same + near, divided) if divided else None,
    }
    return {**result, "advice": advice(result)}


def _look_at_all(data: Dataset) -> Tuple[List[Sample], List[Look]]:
    samples, looks = [], []
    for sample in data.alive:
        seen = look(sample.picture)
        if seen is None:
            data.skip(sample.name, "cannot be decoded")
            continue
        samples.append(sample)
        looks.append(seen)
    return samples, looks


def _blurred(names: Sequence[str], looks: Sequence[Look]) -> List[str]:
    sharpness = np.array([one.sharpness for one in looks])
    if not len(sharpness):
        return []
    limit = BLUR * float(np.median(sharpness))
    return [name for name, one in zip(names, looks) if one.sharpness < limit and not one.blank]


def steering(sample: Sample) -> Optional[float]:
    """Where it goes, -1 left to 1 right: as driven, else the aim's x (NVIDIA's steering); None where nobody said."""
    if sample.command is not None:
        return sample.command.steering
    return sample.aim.x if sample.aim is not None else None


def histogram(samples: Sequence[Sample]) -> Optional[Dict[str, Any]]:
    """Counts of steering in equal bins over [-1, 1], and the balance of left and right; None without labels."""
    values = np.array([value for value in map(steering, samples) if value is not None])
    if not len(values):
        return None
    counts = np.histogram(values, BINS, (-1.0, 1.0))[0]
    left, right = int((values < -TURNING).sum()), int((values > TURNING).sum())
    return {"counts": counts.tolist(), "left": left, "straight": len(values) - left - right, "right": right,
            "mean": round(float(values.mean()), 4)}


def outliers(samples: Sequence[Sample]) -> List[Dict[str, str]]:
    """Labels that lie far from all others, or jump out of their drive."""
    found = []
    for axis in ("x", "y"):
        clicked = [sample for sample in samples if sample.aim is not None]
        values = np.array([getattr(sample.aim, axis) for sample in clicked])
        if len(values) >= 20:
            off = np.abs(values - np.median(values))
            sigma = max(0.05, 1.4826 * float(np.median(off)))
            far = np.flatnonzero(off > FAR * sigma)
            found += [{"path": clicked[at].name, "why": f"aim {axis} {values[at]:+.2f} is far from the rest"}
                      for at in far if len(far) <= RARE * len(values)]
    return found + _jumps(samples)


def _jumps(samples: Sequence[Sample]) -> List[Dict[str, str]]:
    drive = sorted((sample for sample in samples if sample.t_s is not None and steering(sample) is not None),
                   key=lambda sample: (sample.session, sample.t_s))
    found = []
    for before, sample, after in zip(drive, drive[1:], drive[2:]):
        together = before.session == after.session and after.t_s - before.t_s <= 2 * NEIGHBOURS_S
        gaps = [steering(sample) - steering(other) for other in (before, after)]
        # off both, to the same side: a bend that begins is off one of them only
        if together and min(map(abs, gaps)) > JUMP and gaps[0] * gaps[1] > 0:
            found.append({"path": sample.name, "why": f"steering {steering(sample):+.2f} jumps out of its drive "
                                                      f"({steering(before):+.2f}, {steering(after):+.2f})"})
    return found


def _contradictions(samples: Sequence[Sample], alike: Sequence[Tuple[int, int]]) -> List[Dict[str, str]]:
    found = []
    for a, b in alike:
        one, other = steering(samples[a]), steering(samples[b])
        if one is not None and other is not None and abs(one - other) > CONTRADICTION:
            found.append({"path": samples[b].name, "why": f"{other:+.2f} where {samples[a].name}, which looks the "
                                                          f"same, has {one:+.2f}"})
    return found


def _leaks(samples: Sequence[Sample], alike: Sequence[Tuple[int, int]], divided: Split) -> Dict[str, Any]:
    """What training and validation share: sessions (when split by session), and pictures that look alike."""
    side = {**dict.fromkeys(divided.train, "train"), **dict.fromkeys(divided.val, "val")}
    sides: Dict[str, set] = {}
    for sample in samples:
        if sample.name in side:
            sides.setdefault(sample.session, set()).add(side[sample.name])
    pairs = [[samples[a].name, samples[b].name] for a, b in alike
             if {side.get(samples[a].name), side.get(samples[b].name)} == {"train", "val"}]
    shared = sorted(session for session, both in sides.items() if len(both) == 2) if divided.by == "session" else []
    return {"sessions": shared, "pictures": pairs, "unknown": sum(sample.name not in side for sample in samples)}


def advice(result: Dict[str, Any]) -> List[str]:
    """What to do about it, the worst first; empty when all is well."""
    told, path = [], shlex.quote(str(result["path"]))
    balance, leaks = result["steering"], result["leaks"]
    count = {name: len(result[name]) for name in ("skipped", "duplicates", "blank", "blurred", "outliers")}
    if count["skipped"]:
        told.append(f"Records that cannot be used: {count['skipped']}; see the list.")
    if leaks and (leaks["sessions"] or leaks["pictures"]):
        told.append(f"Training and validation share {len(leaks['sessions'])} sessions and {len(leaks['pictures'])} "
                    "pairs of pictures that look alike: the validation error is too good to be true.")
    if count["duplicates"]:
        told.append(f"Exact copies: {count['duplicates']}; jetracer data delete {path} --found duplicates")
    told += [f"Pictures that are {kind}: {count[kind]}; look at them." for kind in ("blank", "blurred") if count[kind]]
    if count["outliers"]:
        told.append(f"Labels that look wrong: {count['outliers']}; look at them.")
    if balance and balance["left"] + balance["right"] >= 10:
        right = balance["right"] / (balance["left"] + balance["right"])
        if max(right, 1.0 - right) > LOPSIDED:
            told.append(f"{max(right, 1 - right):.0%} of the bends go {'right' if right > 0.5 else 'left'}: drive the "
                        "other way round too, or train with mirrored pictures.")
    if result["labelled"] < result["records"]:
        told.append(f"Without a label: {result['records'] - result['labelled']}; jetracer data label {path}")
    if leaks is None:
        told.append(f"Not split yet; jetracer data split {path}")
    return told
