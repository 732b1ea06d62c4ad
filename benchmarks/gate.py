"""What the parity gate rejects: networks that were made wrong in five ways, each a hundred times at random.

Each of a hundred networks is the given one with every weight off by 5 % at random: no two answer alike. Each is brought
to FP16 and to INT8 in both flavours as `jetracer optimize` does, and these must pass; a rejected one is a false alarm.
Then it is made wrong:

    scale         the scale of one activation of the INT8 model, 4 to 16 times too wide or too narrow
    colours       the model is shown the colours in another order; in FP32, FP16 or INT8
    outputs       aim x, aim y and confidence in another order
    saturation    an FP16 layer that on other pictures reaches 4 to 64 times what FP16 holds; it overflows or is cut off
    flipped bit   one bit of a file that passed: the ONNX file, and an engine file

"Wrong" was defined before the gate was tried on it. FP16 is calculated with its rounding (`emulated` in
`optimize/half.py`); the files go through `drive/prove.py` and `engine/load.py` as on a car.
"""
from __future__ import annotations

import hashlib
from collections import defaultdict
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.measure import progress, table, verdict
from jetracer.core.errors import JetRacerError
from jetracer.drive.prove import prove
from jetracer.engine.card import ModelCard
from jetracer.engine.engine_file import EngineHeader, read_engine, write_engine
from jetracer.engine.load import find_model, load_engine, sha256_of
from jetracer.engine.parity import Parity
from jetracer.optimize.frames import simulated
from jetracer.optimize.half import LARGEST, emulated, to_half
from jetracer.optimize.int8.calibrators import calibrate
from jetracer.optimize.int8.quantise import quantise
from jetracer.optimize.run import ranges, read_model, write_child

COUNT, QUICK_COUNT = 100, 2
FRAMES, SEED = 96, 150_000  # calibration: other tracks than the gate's own pictures are of
WEIGHTS_OFF = 0.05
TIMES_OFF, OUTGROWN = (4.0, 16.0), (4.0, 64.0)
FLAVOURS = ("cpu", "tensorrt")
HEALTHY = ("fp16", "int8 cpu", "int8 tensorrt")
WRONG = ("scale", "colours", "outputs", "saturation")


class Sister(NamedTuple):
    """A network of its own, what it is like in each precision, and how large its tensors get."""

    path: Path
    card: ModelCard
    fp32: onnx.ModelProto
    forms: Dict[str, onnx.ModelProto]  # by HEALTHY
    largest: Dict[str, float]


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"count", "healthy": {form: {"passed", ...}}, "wrong": {kind: {"rejected", "missed"}}, "flipped", "goal_met"}"""
    count = QUICK_COUNT if quick else COUNT
    pictures = simulated(16 if quick else FRAMES, SEED).pictures
    seen: Dict[str, List[Dict[str, Any]]] = defaultdict(list)
    with TemporaryDirectory() as folder:
        for number in range(count):
            random = np.random.default_rng([number, 0x6A7E])
            sister = make_sister(find_model(road), Path(folder) / "road.onnx", pictures, random)
            for form in HEALTHY:
                seen[form].append(_tried(sister, sister.forms[form], form.split(maxsplit=1)[0], form))
            for kind in WRONG:
                seen[kind].append(_tried(sister, *_DAMAGE[kind](sister, random)))
            progress(f"{number + 1} of {count} networks; rejected so far: "
                     + ", ".join(f"{name} {sum(not one['passed'] for one in all_)}" for name, all_ in seen.items()))
        flipped = _flipped(sister, Path(folder), count, np.random.default_rng(0xB17))
    return _summed(count, seen, flipped)


def _summed(count: int, seen: Dict[str, List[Dict[str, Any]]], flipped: Dict[str, int]) -> Dict[str, Any]:
    healthy = {form: {"passed": sum(one["passed"] for one in seen[form]), **_worst(seen[form]),
                      "alarms": [one for one in seen[form] if not one["passed"]]} for form in HEALTHY}
    wrong = {kind: {"rejected": sum(not one["passed"] for one in seen[kind]),
                    "missed": [one for one in seen[kind] if one["passed"]]} for kind in WRONG}
    met = (all(one["rejected"] == count for one in wrong.values()) and all(n == count for n in flipped.values())
           and all(one["passed"] == count for one in healthy.values()))
    return {"count": count, "healthy": healthy, "wrong": wrong, "flipped": flipped, "goal_met": met}


def _worst(all_: List[Dict[str, Any]]) -> Dict[str, float]:
    return {name: round(max(one[name] for one in all_), 4) for name in ("aim_px", "aim_max_px", "steering_deg")}


def make_sister(source: Path, path: Path, pictures: np.ndarray, random: np.random.Generator) -> Sister:
    """Write the network in FP32 to `path`, and make its forms."""
    model, card = read_model(source)
    for weights in model.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.ndim >= 2:
            off = values * (1.0 + WEIGHTS_OFF * random.standard_normal(values.shape))
            weights.CopyFrom(numpy_helper.from_array(off.astype(np.float32), weights.name))
    onnx.save(model, str(path))
    ranged = calibrate(model, (picture[np.newaxis] for picture in pictures))
    forms = {"fp16": emulated(to_half(model)), **{f"int8 {name}": quantise(model, ranged, name) for name in FLAVOURS}}
    return Sister(path, card, model, forms, ranges(model, card, pictures[::8]))


def _tried(sister: Sister, model: onnx.ModelProto, precision: str, what: str) -> Dict[str, Any]:
    """What the gate says about a file, and whether `load_engine` holds to it."""
    path = sister.path.with_name("child.onnx")
    write_child(path, model, sister.path, replace(sister.card, precision=precision))
    parity = prove(path, sister.path)
    if _loads(path) != parity.passed:
        raise JetRacerError(f"{what}: load_engine does not hold to the record of parity.")
    return {"what": what, "passed": parity.passed, "why": list(parity.why)[:3], **_figures(parity)}


def _figures(parity: Parity) -> Dict[str, float]:
    aim, steering = parity.aim_px or {}, parity.steering_deg or {}
    return {"aim_px": aim.get("mean", 0.0), "aim_max_px": aim.get("max", 0.0),
            "steering_deg": steering.get("mean", 0.0)}


def _loads(path: Path) -> bool:
    try:
        load_engine(path).close()
    except JetRacerError:
        return False
    return True


# the four ways to be wrong: (sister, random) -> model, precision, in words
def _scale(sister: Sister, random: np.random.Generator) -> Tuple[onnx.ModelProto, str, str]:
    flavour = str(random.choice(FLAVOURS))
    model = deepcopy(sister.forms[f"int8 {flavour}"])
    weights = {value.name for value in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] not in weights]
    node = nodes[random.integers(len(nodes))]
    times = float(np.exp(random.uniform(*np.log(TIMES_OFF)))) ** random.choice((-1.0, 1.0))
    shared = {node.input[1], *(other.input[1] for other in model.graph.node if other.input[:1] == node.output[:1])}
    for value in model.graph.initializer:
        if value.name in shared:
            scaled = numpy_helper.to_array(value) * np.float32(times)
            value.CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), value.name))
    return model, "int8", f"{flavour}: scale of {node.input[0]} times {times:.3g}"


def _colours(sister: Sister, random: np.random.Generator) -> Tuple[onnx.ModelProto, str, str]:
    form = str(random.choice(("fp32", *HEALTHY)))
    model = deepcopy(sister.fp32 if form == "fp32" else sister.forms[form])
    order = _another_order(random)
    image = sister.card.input.name
    for node in model.graph.node:
        node.input[:] = ["recoloured" if name == image else name for name in node.input]
    model.graph.initializer.append(numpy_helper.from_array(np.array(order, np.int64), "order"))
    model.graph.node.insert(0, helper.make_node("Gather", [image, "order"], ["recoloured"], axis=3))
    return model, form.split(maxsplit=1)[0], f"{form}: colours {order}"


def _outputs(sister: Sister, random: np.random.Generator) -> Tuple[onnx.ModelProto, str, str]:
    form = str(random.choice(("fp32", *HEALTHY)))
    model = deepcopy(sister.fp32 if form == "fp32" else sister.forms[form])
    order = _another_order(random)
    names = [sister.card.output("aim"), sister.card.output("confidence")]
    for node in model.graph.node:
        node.output[:] = [f"right {name}" if name in names else name for name in node.output]
    model.graph.initializer.extend([numpy_helper.from_array(np.array(order, np.int64), "order"),
                                    numpy_helper.from_array(np.array([2, 1], np.int64), "sizes")])
    model.graph.node.extend([
        helper.make_node("Concat", [f"right {name}" for name in names], ["all answers"], axis=1),
        helper.make_node("Gather", ["all answers", "order"], ["mixed answers"], axis=1),
        helper.make_node("Split", ["mixed answers", "sizes"], names, axis=1)])
    return model, form.split(maxsplit=1)[0], f"{form}: outputs {order}"


def _saturation(sister: Sister, random: np.random.Generator) -> Tuple[onnx.ModelProto, str, str]:
    """A layer's answers times k, rounded to FP16 there, and divided by k again: in FP32 nothing would change."""
    model = deepcopy(sister.forms["fp16"])
    heavy = [node.output[0] for node in sister.fp32.graph.node if node.op_type in ("Conv", "Gemm", "Add")]
    name = str(random.choice(heavy))
    times = float(np.exp(random.uniform(*np.log(OUTGROWN))))
    factor = np.float32(times * LARGEST / sister.largest[name])
    cut_off = bool(random.integers(2))
    at = next(number for number, node in enumerate(model.graph.node) if name in node.output)
    model.graph.node[at].output[:] = [f"small {one}" if one == name else one for one in model.graph.node[at].output]
    constants = {"up": factor, "down": np.float32(1) / factor, "least": -LARGEST, "most": LARGEST}
    model.graph.initializer.extend(numpy_helper.from_array(np.array(value, np.float32), f"sat {key}")
                                   for key, value in constants.items())
    held = helper.make_node("Clip", ["sat grown", "sat least", "sat most"], ["sat held"]) if cut_off else \
        helper.make_node("Identity", ["sat grown"], ["sat held"])
    wide = [helper.make_node("Cast", [f"small {name}"], ["sat in"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["sat in", "sat up"], ["sat grown"]), held,
            helper.make_node("Cast", ["sat held"], ["sat half"], to=TensorProto.FLOAT16),
            helper.make_node("Cast", ["sat half"], ["sat wide"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["sat wide", "sat down"], ["sat out"]),
            helper.make_node("Cast", ["sat out"], [name], to=_kind(model, name))]
    for step, node in enumerate(wide, 1):
        model.graph.node.insert(at + step, node)
    return model, "fp16", f"{name} reaches {times:.3g} times the largest, {'cut off' if cut_off else 'overflows'}"


def _kind(model: onnx.ModelProto, name: str) -> int:
    """FP16 where `emulated` rounds the tensor by a cast that makes it, else FP32."""
    return TensorProto.FLOAT16 if any(node.op_type == "Cast" and name in node.input for node in model.graph.node) \
        else TensorProto.FLOAT


def _another_order(random: np.random.Generator) -> List[int]:
    orders = ([0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])
    return orders[random.integers(len(orders))]


_DAMAGE: Dict[str, Callable[..., Tuple[onnx.ModelProto, str, str]]] = {
    "scale": _scale, "colours": _colours, "outputs": _outputs, "saturation": _saturation}


def _flipped(sister: Sister, folder: Path, count: int, random: np.random.Generator) -> Dict[str, int]:
    """How many files with one flipped bit are refused, of an ONNX file and of an engine file that may drive."""
    child = folder / "proven.onnx"
    write_child(child, sister.forms["int8 cpu"], sister.path, replace(sister.card, precision="int8"))
    prove(child, sister.path)
    plan = child.read_bytes()
    engine = folder / "proven.engine"
    digest = hashlib.sha256(plan).hexdigest()
    header = EngineHeader("road.onnx", sha256_of(child), asdict(sister.card), "10.3.0", "Orin", "8.7", "int8", (),
                          digest, {"passed": True, "plan_sha256": digest})
    write_engine(engine, header, plan)
    return {path.suffix[1:]: sum(_refused(path, random) for _ in range(count)) for path in (child, engine)}


def _refused(path: Path, random: np.random.Generator) -> bool:
    content = bytearray(path.read_bytes())
    content[random.integers(len(content))] ^= 1 << int(random.integers(8))
    flipped = path.with_name(f"flipped{path.suffix}")
    flipped.write_bytes(content)
    try:
        read_engine(flipped) if path.suffix == ".engine" else load_engine(flipped).close()
    except JetRacerError:
        return True
    return False


def show(result: Dict[str, Any]) -> str:
    count = result["count"]
    rows = [[kind, f"{one['rejected']}/{count}"] for kind, one in result["wrong"].items()]
    rows += [[f"flipped bit, {kind}", f"{refused}/{count}"] for kind, refused in result["flipped"].items()]
    good = [[form, f"{count - one['passed']}/{count}", one["aim_px"], one["aim_max_px"], one["steering_deg"]]
            for form, one in result["healthy"].items()]
    lines = [table(rows, ["made wrong", "rejected"]), "",
             table(good, ["made right", "false alarms", "worst mean px", "worst px", "worst mean degrees"])]
    for title, group, key in (("missed", "wrong", "missed"), ("false alarm", "healthy", "alarms")):
        lines += [f"  {title}: {one['what']} (aim {one['aim_px']:.2f} px) {'; '.join(one['why'])}"
                  for found in result[group].values() for one in found[key][:8]]
    return "\n".join([*lines, verdict("all that is wrong is rejected, and nothing else", result["goal_met"])])
