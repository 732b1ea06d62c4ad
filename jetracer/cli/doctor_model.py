"""`jetracer doctor model`: what a TensorRT does not take of an ONNX model, and what to write instead."""
from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from jetracer.cli.parser import Parser
from jetracer.core.config import write_bytes
from jetracer.core.errors import ConfigError, ModelError
from jetracer.engine.devices import DEVICES, Version, device, dotted, parse_version
from jetracer.engine.load import find_model

_MARKS = {"fail": "FAIL", "warn": "warn"}
MANY = 4  # nodes of one kind that are named


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    from jetracer.graph.diagnose import diagnose
    from jetracer.graph.real_parser import ask
    from jetracer.graph.view import load_model, view

    path = find_model(options.model)
    versions = _versions(options)
    model = load_model(path)
    graph = view(model)
    troubles = diagnose(graph, versions)
    told = {
        "model": str(path), "opset": graph.opset, "nodes": len(graph.nodes),
        "versions": [dotted(one) for one in versions],
        "troubles": [asdict(one) for one in troubles],
        "asked": [word._asdict() for word in ask(model.SerializeToString())],
    }
    if options.fix:
        told["fixed"] = _fix(model, options.fix, versions)
    if options.parts or options.cut:
        told["parts"] = _parts(options, model, path, versions)
    print(json.dumps(told) if options.json else "\n".join(_lines(told)))
    left = told["fixed"]["left"] if options.fix else told["troubles"]
    return int(not told.get("parts") and any(one["status"] == "fail" for one in left))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer doctor model", description=__doc__,
                    epilog="docs/engines.md lists the troubles, and three ways round them.")
    add = parser.add_argument
    add("model", metavar="MODEL", help="an ONNX file, or a shipped model's name")
    add("--trt", metavar="V", help="one TensorRT, such as 8.2; default: 8.2, 8.5, 10.3, 10.16 and 11.4")
    add("--device", metavar="NAME", help=f"the newest TensorRT of a device: {', '.join(DEVICES)}")
    add("--fix", metavar="OUT.onnx", type=Path, help="write a model with all that is mechanical mended, proven equal")
    add("--parts", metavar="OUT.hybrid", type=Path, help="write it in parts: what TensorRT takes, and the rest for "
                                                         "ONNX Runtime; needs --trt or --device")
    add("--cut", metavar="OUT.hybrid", type=Path, help="the same, in two parts at most")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _versions(options: argparse.Namespace) -> Sequence[Version]:
    from jetracer.graph.operators import VERSIONS

    if options.trt:
        asked = parse_version(options.trt)
        if asked < (8, 0):
            raise ConfigError(f"TensorRT {options.trt} is too old: 8.0 (JetPack 4.6) is the first that is supported.")
        return (asked,)
    if options.device:
        newest = device(options.device).newest
        if not newest:
            raise ConfigError(f"{options.device} has no TensorRT: ONNX Runtime runs the model there as it is.")
        return (newest,)
    return VERSIONS


def _fix(model: Any, out: Path, versions: Sequence[Version]) -> Dict[str, Any]:
    """Mend, prove, write. A model that answers differently is not written. Raises ModelError, ConfigError."""
    from jetracer.graph.mend import mend
    from jetracer.graph.prove import WITHIN, agree

    mended = mend(model, versions)
    left = [asdict(one) for one in mended.left]
    if not mended.done:
        return {"path": "", "done": [], "difference": 0.0, "left": left}
    same, worst = agree(model, mended.model)
    if not same:
        raise ModelError(f"The mended model ({', '.join(mended.done)}) answers differently, by {worst:.2g} of the "
                         f"largest answer (at most {WITHIN:g} is rounding), and was not written; mend it by hand.")
    write_bytes(out, mended.model.SerializeToString())
    return {"path": str(out), "done": mended.done, "difference": worst, "left": left}


def _parts(options: argparse.Namespace, model: Any, path: Path, versions: Sequence[Version]) -> Dict[str, Any]:
    """Divide, prove, write. Raises ConfigError, ModelError."""
    from jetracer.graph.extract import take_apart, write_parts

    out = options.parts or options.cut
    if out.suffix != ".hybrid" or options.fix or (options.parts and options.cut) or len(versions) > 1:
        raise ConfigError("Parts are for one TensorRT, and go to a file that ends in .hybrid: "
                          "jetracer doctor model MODEL --trt 8.2 --parts OUT.hybrid")
    divided = take_apart(model, versions[0], in_two=bool(options.cut))
    plan, worst = write_parts(divided, path, out, versions[0])
    return {"path": str(out), "of": str(path), "difference": worst, "parts": [
        {"runs": part.runs, "model": part.model, "nodes": len(nodes.nodes), "inputs": list(part.inputs),
         "outputs": list(part.outputs)} for part, nodes in zip(plan.parts, divided.parts)]}


def _lines(told: Dict[str, Any]) -> Iterator[str]:
    yield f"{told['model']}: opset {told['opset']}, {told['nodes']} nodes; TensorRT {', '.join(told['versions'])}"
    for same in _alike(told["troubles"]):
        yield from _trouble(same[0])
        if len(same) > 1:
            names = ", ".join(one["node"] for one in same[1:MANY])
            yield f"      so do {names}{f' and {len(same) - MANY} more' if len(same) > MANY else ''}"
    for word in told["asked"]:
        said = f"refuses it: {'; '.join(word['refused'][:3])}" if word["refused"] else "takes it"
        yield f"{word['parser']}: {said}"
    if not told["troubles"]:
        yield ("Nothing is known that any of these refuses. The proof is the build on the device: jetracer build "
               f"{told['model']}")
    if "parts" in told:
        yield from _divided(told["parts"])
    elif "fixed" in told:
        yield from _fixed(told["fixed"], bool(told["troubles"]))
    elif any(one["fix"] for one in told["troubles"]):
        yield f"What is marked * is mended by: jetracer doctor model {told['model']} --fix OUT.onnx"


def _alike(troubles: List[Dict[str, Any]]) -> List[List[Dict[str, Any]]]:
    """Of one rule and one operator, told once; in the order of the graph."""
    groups: Dict[Any, List[Dict[str, Any]]] = {}
    for one in troubles:
        key = (one["rule"], one["op"], tuple(one["refused"]), one["rewrite"], one["fix"]) if one["node"] else id(one)
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def _trouble(one: Dict[str, Any]) -> Iterator[str]:
    what = f"{one['node']} ({one['op']})" if one["node"] else "the model"
    yield f"{_MARKS[one['status']]}{'*' if one['fix'] else ' '} {what} {one['detail']}"
    if one["refused"]:
        yield (f"      not taken by TensorRT {', '.join(one['refused'])}"
               + (f"; taken by {', '.join(one['taken'])}" if one["taken"] else ""))
    yield f"      -> {one['rewrite']}"


def _fixed(fixed: Dict[str, Any], troubled: bool) -> Iterator[str]:
    if not fixed["done"]:
        yield "Nothing of it can be mended by itself." if troubled else "Nothing is written: nothing is to mend."
    else:
        yield (f"{fixed['path']}: mended ({', '.join(fixed['done'])}); its answers in ONNX Runtime are the same, the "
               f"largest difference is {fixed['difference']:.1g} of the largest answer.")
    if fixed["left"]:
        yield f"Left for a person: {', '.join(sorted({one['rule'] for one in fixed['left']}))}."


def _divided(parts: Dict[str, Any]) -> Iterator[str]:
    count = len(parts["parts"])
    if count == 1:
        yield f"It need not be divided: jetracer build {parts['of']}"
    yield (f"{parts['path']}: {count} part{'s' if count > 1 else ''}, which answer together as the model does in ONNX "
           f"Runtime (the largest difference is {parts['difference']:.1g} of the largest answer)")
    for part in parts["parts"]:
        nodes = "1 node" if part["nodes"] == 1 else f"{part['nodes']} nodes"
        yield (f"  {part['runs']:<8}  {part['model']}: {nodes}, {', '.join(part['inputs'])} -> "
               f"{', '.join(part['outputs'])}")
    yield f"Now, on the device: jetracer build {parts['path']}"
