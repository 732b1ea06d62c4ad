"""Graphs in parts: the parts answer as the whole, are as few as can be, and only flow forward."""
from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest

from jetracer.core.errors import ModelError
from jetracer.graph.diagnose import diagnose
from jetracer.graph.extract import same_answers, take_apart
from jetracer.graph.parts import TENSORRT, cut, divide
from jetracer.graph.view import view

from .known_bad import PICTURE, f32, model, node

SEEDS = range(20)


def random_graph(seed: int, nodes: int = 8):
    """Convolutions of one or two values before, and here and there a HardSwish, which TensorRT 8.2 does not take."""
    random = np.random.default_rng(seed)
    names, protos = ["image"], []
    for index in range(nodes):
        first, second = random.choice(names[-4:], 2)
        if random.random() < 0.35:
            protos.append(node("HardSwish", first, f"c{index}", f"n{index}"))
        elif first == second:
            protos.append(node("Conv", f"{first} w", f"c{index}", f"n{index}"))
        else:
            protos += [node("Concat", f"{first} {second}", f"j{index}", f"j{index}", axis=1),
                       node("Conv", f"j{index} v", f"c{index}", f"n{index}")]
        names.append(f"c{index}")
    read = {name for proto in protos for name in proto.input}
    return model(protos, {"image": PICTURE}, {name: PICTURE for name in names[1:] if name not in read}, opset=14,
                 w=random.normal(0, 0.5, (3, 3, 1, 1)).astype(np.float32),
                 v=random.normal(0, 0.5, (3, 6, 1, 1)).astype(np.float32))


def takes(one) -> bool:
    return one.op != "HardSwish"


def edges(graph):
    return [(graph.makers[name].index, one.index) for one in graph.top for name in one.reads() if name in graph.makers]


def acyclic(groups, pairs) -> bool:
    """Whether the groups, by node, can run one after the other."""
    links = {(groups[a], groups[b]) for a, b in pairs if groups[a] != groups[b]}
    left = set(groups.values())
    while left:
        free = {group for group in left if not any(b == group and a in left for a, b in links)}
        if not free:
            return False
        left -= free
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_no_division_has_fewer_parts_of_tensorrts(seed):
    graph = view(random_graph(seed, 6))
    parts = divide(graph, takes)
    place = {one.index: number for number, part in enumerate(parts) for one in part.nodes}
    assert sorted(place) == [one.index for one in graph.top]
    assert all(place[a] <= place[b] for a, b in edges(graph))
    taken = [one.index for one in graph.top if takes(one)]
    found = sum(part.runs == TENSORRT for part in parts)
    for fewer in range(1, found):
        for choice in itertools.islice(itertools.product(range(fewer), repeat=len(taken)), 20_000):
            groups = {**{one.index: -1 - one.index for one in graph.top}, **dict(zip(taken, choice))}
            assert not acyclic(groups, edges(graph))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("in_two", [False, True])
def test_parts_answer_as_the_whole(seed, in_two):
    made = random_graph(seed)
    if in_two and not any(part.works for part in cut(view(made), takes) if part.runs == TENSORRT):
        with pytest.raises(ModelError, match="takes no part"):
            take_apart(made, (8, 2), in_two)
        return
    divided = take_apart(made, (8, 2), in_two)
    assert same_answers(made, divided) <= 1e-6
    assert len(divided.parts) <= 2 or not in_two


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cut_leaves_nothing_that_could_be_on_its_side(seed):
    graph = view(random_graph(seed, 6))
    parts = cut(graph, takes)
    mine = [part for part in parts if part.runs == TENSORRT]
    chosen = {one.index for part in mine for one in part.nodes}
    best = 0
    pairs = edges(graph)
    everything = [one.index for one in graph.top]
    fit = [one.index for one in graph.top if takes(one)]
    for size in range(len(fit), 0, -1):
        for some in itertools.combinations(fit, size):
            closed = set(some)
            before = all(a in closed for a, b in pairs if b in closed)
            after = all(b in closed for a, b in pairs if a in closed)
            if before or after:
                best = max(best, sum(one.op == "Conv" for one in graph.top if one.index in closed))
    assert sum(one.op == "Conv" for one in graph.top if one.index in chosen) == best
    assert {one.index for part in parts for one in part.nodes} == set(everything)


def gridded():
    """Work, a GridSample, work: TensorRT 8.2 takes both ends of it."""
    nodes = [node("Conv", "image w", "a", "first"), node("GridSample", "a grid", "b", align_corners=0),
             node("Conv", "b w", "out", "last")]
    grid = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 2)).astype(np.float32)
    return model(nodes, {"image": PICTURE}, {"out": PICTURE}, opset=16, grid=grid,
                 w=np.random.default_rng(1).normal(0, 1, (3, 3, 1, 1)).astype(np.float32))


def test_each_part_is_one_that_its_tensorrt_takes():
    divided = take_apart(gridded(), (8, 2))
    assert [part.runs for part in divided.parts] == ["tensorrt", "onnx", "tensorrt"]
    assert [[one.label for one in part.nodes] for part in divided.parts] == [["first"], ["the_GridSample"], ["last"]]
    assert same_answers(gridded(), divided) == 0.0
    for part, own in zip(divided.parts, divided.models):
        if part.runs == TENSORRT:
            assert diagnose(view(own), [(8, 2)]) == [] and view(own).opset == 13


def test_a_body_that_reads_from_outside_takes_it_along():
    then = onnx.helper.make_graph([node("Add", "a b", "t", "inside")], "then", [],
                                  [onnx.helper.make_tensor_value_info("t", 1, PICTURE)])
    other = onnx.helper.make_graph([node("Einsum", "a m", "e", "odd", equation="...ij,jk->...ik")], "other", [],
                                   [onnx.helper.make_tensor_value_info("e", 1, PICTURE)])
    nodes = [node("Conv", "image w", "a", "first"), node("Relu", "a", "b"), node("ReduceMax", "b", "top", keepdims=0),
             node("Greater", "top half", "more"), node("If", "more", "c", then_branch=then, else_branch=other),
             node("Conv", "c w", "out", "last")]
    made = model(nodes, {"image": PICTURE}, {"out": PICTURE}, half=np.array(1.0, np.float32),
                 m=f32(*np.eye(8).reshape(-1)).reshape(8, 8), w=f32(*np.eye(3).reshape(-1)).reshape(3, 3, 1, 1))
    divided = take_apart(made, (8, 2))
    odd = next(part for part in divided.parts if "the_If" in {one.label for one in part.nodes})
    assert odd.runs == "onnx" and {"a", "b"} <= set(odd.inputs) | {name for one in odd.nodes for name in one.outputs}
    assert same_answers(made, divided) == 0.0


def test_what_no_division_helps_is_said():
    open_size = model([node("Conv", "image w", "out")], {"image": [1, 3, "h", "w"]}, {"out": [1, 3, "h", "w"]},
                      w=f32(*np.eye(3).reshape(-1)).reshape(3, 3, 1, 1))
    with pytest.raises(ModelError, match="cannot be divided: it takes 'image' in a size that varies"):
        take_apart(open_size, (10, 3))
    with pytest.raises(ModelError, match="takes no part of this model that is worth it"):
        take_apart(model([node("Relu", "image", "out")], {"image": PICTURE}, {"out": PICTURE}), (10, 3))
