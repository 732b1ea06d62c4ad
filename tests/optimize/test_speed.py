"""Prices of operators: the solver, what is learnt from known times, and from nets that are timed for a moment."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.core.errors import ModelError
from jetracer.engine.load import find_model
from jetracer.optimize import speed as module
from jetracer.optimize.micro_nets import KINDS, channels, micro_nets
from jetracer.optimize.node_times import Reference, Watched, _order, take_turns
from jetracer.optimize.optimised import optimised
from jetracer.optimize.speed import fit, learn, load, not_negative, save


def test_not_negative_least_squares():
    random = np.random.default_rng(0)
    matrix = random.random((40, 6))
    right = np.array([1.0, 0.0, 2.0, 0.0, 0.5, 3.0])
    assert not_negative(matrix, matrix @ right) == pytest.approx(right, abs=1e-9)
    found = not_negative(matrix, matrix @ np.array([1.0, -1.0, 2.0, 0.0, 0.5, 3.0]))
    assert found.min() == 0.0 and found[1] == 0.0
    slope = matrix.T @ (matrix @ found - matrix @ np.array([1.0, -1.0, 2.0, 0.0, 0.5, 3.0]))
    assert slope[found > 0] == pytest.approx(0.0, abs=1e-9)
    assert slope.min() > -1e-9, "nothing is to be gained by any that is 0"


def test_prices_are_found_again_though_some_times_were_disturbed():
    random = np.random.default_rng(1)
    rows = []
    for _ in range(200):
        found = {"macs4": float(random.uniform(1, 30)), "out": float(random.uniform(0.1, 2)), "calls": 1.0}
        rows.append(("conv.direct", found, 1e-6 * (20 * found["macs4"] + 50 * found["out"] + 3)))
    rows[3] = (*rows[3][:2], 50 * rows[3][2])  # a core that stood still
    rows.append(("Relu", {"in": 1.0, "out": 1.0, "calls": 1.0}, 40e-6))
    prices = fit(rows)
    assert prices["conv.direct"] == pytest.approx({"macs4": 20, "out": 50, "calls": 3}, rel=0.1)
    assert prices[module.REST], "what no net had is priced by what is moved"


@pytest.fixture(scope="module")
def learnt():
    counts = {kind: 1 for kind in ("picture", "inverted", "residual", "dense", "single")}
    watched = {name: Watched(content) for name, content in micro_nets(3, counts).items()}
    speed = learn(watched, take_turns(list(watched.values()), Reference(), 2))
    yield speed
    for one in watched.values():
        one.close()


def test_a_moment_of_learning_gives_a_plausible_time_for_a_net_that_was_not_seen(learnt):
    graph = optimised(find_model("road"))
    times_s = learnt.node_times_s(graph)
    assert len(times_s) == len(graph.nodes)
    assert (times_s >= 0).all()
    assert 1e-4 < times_s.sum() < 1.0
    assert learnt.error < 1.0
    costliest = graph.nodes[int(times_s.argmax())]
    assert costliest.op in ("Conv", "FusedConv", "Transpose", "Cast", "AveragePool")


def test_prices_are_kept_for_this_computer_only(learnt, tmp_path, monkeypatch):
    path = save(learnt, tmp_path / "speed.json")
    assert load(path) == learnt
    monkeypatch.setattr(module, "cpu_name", lambda: "another")
    with pytest.raises(ModelError, match="of another computer"):
        load(path)
    with pytest.raises(ModelError, match="jetracer profile --calibrate"):
        load(tmp_path / "none.json")
    (tmp_path / "odd.json").write_text('{"cpu": 1}')
    with pytest.raises(ModelError, match="jetracer profile --calibrate"):
        load(tmp_path / "odd.json")


def test_the_file_is_named_by_processor_and_version(monkeypatch):
    monkeypatch.setattr(module, "cpu_name", lambda: "Fast CPU (R), avx2")
    monkeypatch.setattr(module, "version", lambda: "1.2.3")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert str(module.place()) == "/caches/jetracer/speed-fast-cpu-r-avx2-onnxruntime-1-2-3.json"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "heavy"])  # a hundred megabytes of weights
def test_every_small_net_is_valid_and_the_same_for_the_same_seed(kind):
    assert micro_nets(5, {kind: 1}) == micro_nets(5, {kind: 1})


def test_channels_are_mostly_multiples_of_eight():
    random = np.random.default_rng(0)
    drawn = [channels(random, 16, 512) for _ in range(400)]
    assert min(drawn) >= 8 and max(drawn) <= 512
    assert 0.75 < np.mean([count % 8 == 0 for count in drawn]) < 0.97


def test_operators_are_found_by_name_or_by_kind():
    assert _order(["b", "a", "Mul_9"], ["a", "b", "Mul_2"]) == [1, 0, 2]
    with pytest.raises(ModelError, match="other operators"):
        _order(["a"], ["Mul_1"])


def test_operators_of_a_model_are_timed_and_add_up_to_the_whole():
    from jetracer.optimize.node_times import node_medians_s

    watched, reference = Watched(find_model("road")), Reference()
    take_turns([watched], reference, 2)
    reference_s = float(np.median(watched.references_s))
    times_s = node_medians_s({"road": watched}, reference_s)["road"]
    assert len(times_s) == len(watched.graph.nodes)
    assert times_s.sum() == pytest.approx(watched.wall_s(reference_s))
    watched.close()
