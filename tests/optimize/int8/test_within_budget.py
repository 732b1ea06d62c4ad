"""INT8 under an error budget: repaired step by step, then as few layers in float as it takes."""
from __future__ import annotations

from functools import partial

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.core.errors import ModelError  # noqa: E402
from jetracer.core.types import Aim  # noqa: E402
from jetracer.engine.card import ModelCard, ModelInput  # noqa: E402
from jetracer.engine.parity import Probes  # noqa: E402
from jetracer.engine.scales import ALLOWED  # noqa: E402
from jetracer.optimize.int8 import within_budget as within  # noqa: E402
from jetracer.optimize.int8.calibrators import calibrate  # noqa: E402
from jetracer.optimize.int8.frames import Frame, Picked  # noqa: E402
from jetracer.optimize.int8.graph import tidy  # noqa: E402
from jetracer.optimize.int8.judge import Cost, Judge  # noqa: E402
from jetracer.optimize.int8.quantise import quantise  # noqa: E402
from jetracer.optimize.int8.repair import RANGES, Repair  # noqa: E402
from jetracer.optimize.int8.sensitivity import Sensitivity, around, choose_float, macs, sensitivity  # noqa: E402
from jetracer.optimize.int8.sensitivity_page import bars, write_sensitivity  # noqa: E402
from jetracer.optimize.int8.table import Range, Table  # noqa: E402
from jetracer.optimize.int8.weights import set_weight, weighted  # noqa: E402
from jetracer.perception.preprocess import Preprocess  # noqa: E402
from tests.optimize.int8.nets import SIDE, Frank, pictures, residual_net  # noqa: E402
from tests.optimize.int8.test_repairs import FRAMES, answers, chain, layer, with_unequal_channels  # noqa: E402

CARD = ModelCard("road", "small", "fp32", ModelInput(width=SIDE, height=SIDE), {"aim": "aim"})
SHOTS = pictures(12, seed=9)
PROBES = Probes(tuple(pictures(24, seed=4)), 24, Preprocess, lambda one, other: 0.0)


def small(model):
    """Aims well within the picture: the last layer's answers by a quarter."""
    made = tidy(model)
    last = weighted(made)[-1]
    set_weight(made, last, last.weight / 4)
    return made


def judge_of(model, aims=None, kind=Frank, probes=PROBES):
    return kind(model, CARD, SHOTS, np.full((12, 2), np.nan) if aims is None else aims, probes)


def picked(shots, aims):
    return Picked(tuple(Frame(partial(np.asarray, shot), str(at), "one", Aim(*map(float, aim)))
                        for at, (shot, aim) in enumerate(zip(shots, aims))), "made up", {})


def unequal(seed=5):
    """Bad by the size of its channels alone; equalisation puts it right."""
    factors = np.exp(np.random.default_rng(seed).uniform(-5.0, 5.0, 16)).astype(np.float32)
    return with_unequal_channels(small(chain()), "deep", "two", factors)


def test_the_judge_tells_the_rise_of_the_error_and_without_labels_the_distance():
    model = small(chain())
    made = quantise(model, calibrate(model, FRAMES), "cpu")
    moved = judge_of(model).moved(made)
    assert judge_of(model).increase(made) == moved > 0.0
    right = answers(model).clip(-1, 1)
    assert judge_of(model, right).increase(made) == pytest.approx(moved, rel=1e-3), "FP32 is all right there"
    beside = right + 0.2
    assert judge_of(model, beside).increase(made) < moved


def test_what_is_good_enough_is_left_alone():
    model = small(chain())
    state, stages = Repair(FRAMES, calibrate_minmax, judge_of(model).cost).run(model, calibrate(model, FRAMES), 100.0)
    assert [stage.name for stage in stages] == ["as calibrated"]
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(weighted(state.model), weighted(model)))


def calibrate_minmax(model, quiet=()):
    return calibrate(model, FRAMES, "minmax", quiet=quiet)


def test_the_steps_go_in_their_order_and_each_is_reported():
    bad = unequal()
    judge, table = judge_of(bad), calibrate_minmax(unequal())
    state, stages = Repair(FRAMES, calibrate_minmax, judge.cost).run(bad, table, budget=0.5)
    assert [stage.name for stage in stages][:3] == ["as calibrated", "bias correction", "cross-layer equalisation"]
    found = [stage.cost.increase for stage in stages]
    assert found[0] > 1.0 and min(found) < 0.4 * found[0]
    assert judge.cost(state.model, state.table).increase == pytest.approx(min(found))
    assert state.given == table, "the equalised net's is another, and of no use for the net as it was given"


def test_adaround_comes_last_and_only_where_torch_is(monkeypatch):
    bad = unequal()
    judge, table = judge_of(bad), calibrate_minmax(unequal())
    monkeypatch.setattr("jetracer.optimize.int8.repair.find_spec", lambda name: None)
    _, stages = Repair(FRAMES, calibrate_minmax, judge.cost).run(bad, table, budget=0.0)
    assert "AdaRound" not in [stage.name for stage in stages]


def test_layers_in_float_have_their_own_weights_back():
    bad = unequal()
    state, _ = Repair(FRAMES, calibrate_minmax, judge_of(bad).cost).run(bad, calibrate_minmax(bad), budget=0.5)
    made = state.in_float({"two"})
    assert np.array_equal(layer(made, "two").weight, layer(state.reference, "two").weight)
    assert np.array_equal(layer(made, "two").bias, layer(state.reference, "two").bias)
    assert np.array_equal(layer(made, "one").bias, layer(state.model, "one").bias)


def test_macs_by_hand():
    found = macs(tidy(residual_net()))
    assert found["stem"] == 16 * 16 * 8 * 3 * 9
    assert found["three"] == 8 * 8 * 16 * 8 * 9
    assert found["deep"] == 8 * 8 * 16 * 9
    assert found["hidden"] == 12 * 256


def test_a_layer_of_many_weights_is_dear_to_leave_in_float():
    assert Sensitivity("a", "Gemm", 1000, 0.1, 1000).price < Sensitivity("b", "Conv", 1000, 0.1, 9).price


def test_the_bad_layer_is_the_sensitive_one():
    """One layer's channels differ by e^10: its output is what INT8 cannot hold."""
    bad = unequal()
    seen = []
    found = sensitivity(bad, calibrate_minmax(bad), judge_of(bad), lambda *now: seen.append(now))
    assert [one.layer for one in found] == ["one", "deep", "two", "aim"] and seen[-1] == ("sensitivity", 4, 4)
    assert max(found, key=lambda one: one.moved).layer == "two", "it is what reads them"


def priced(*moved):
    return [Sensitivity(name, "Conv", 10 ** at, error) for at, (name, error) in enumerate(zip("abcd", moved))]


def test_as_few_as_it_takes_the_dearest_first():
    found = priced(0.4, 0.3, 0.2, 0.1)  # a is the dearest for what it saves
    errors = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
    asked = []

    def cost(keep):
        asked.append(keep)
        return Cost(sum(value for name, value in errors.items() if name not in keep))

    assert choose_float(found, cost, 1.1)[0] == frozenset()
    assert choose_float(found, cost, 0.7)[0] == {"a"}
    assert choose_float(found, cost, 0.35)[0] == {"a", "b"}
    assert all(isinstance(keep, frozenset) for keep in asked)


def test_what_was_not_needed_goes_back():
    """a and b look dear, but c alone is what it takes."""
    found = priced(0.02, 0.1, 0.5, 0.1)
    keep, now = choose_float(found, lambda keep: Cost(0.1 if "c" in keep else 0.9), 0.2)
    assert keep == {"c"} and now.increase == 0.1


def test_layers_around_a_noisy_scale_go_first_and_only_they_stay_in_float():
    found = priced(0.4, 0.3, 0.2, 0.1)

    def cost(keep):
        return Cost(0.1) if {"c", "d"} <= keep else Cost(0.1, noisy={"x": 3.0}, refused=("the scale of x is off",))

    assert choose_float(found, cost, 0.2, first=["c", "d"])[0] == {"c", "d"}
    with pytest.raises(ModelError, match="the scale of x is off"):
        choose_float(found, cost, 0.2)


def test_a_budget_that_nothing_meets_is_told():
    with pytest.raises(ModelError, match=r"error is still 0\.900 % of the width larger, over 0\.2: keep the model"):
        choose_float(priced(1, 1, 1, 1), lambda keep: Cost(0.9), 0.2)
    with pytest.raises(ModelError, match="the gate refuses it: the aim is off"):
        choose_float(priced(1, 1, 1, 1), lambda keep: Cost(0.1, 1.3, {}, ("the aim is off",)), 0.2)


def test_what_is_beyond_the_budget_and_the_gate_adds_up():
    assert Cost(0.2, 1.0, {"x": ALLOWED}).over(0.2) == 0.0
    assert Cost(0.3, 1.2, {"x": 2.0, "y": 1.5 * ALLOWED, "z": 1.1 * ALLOWED}).over(0.2) == pytest.approx(1.3)
    assert Cost(-1.0, np.inf).over(0.2) == Cost(np.nan).over(0.2) == np.inf


def one_too_wide():
    """(net, its table with one tensor's range 8 times too wide, that tensor)"""
    model = small(chain())
    table, tensor = calibrate_minmax(model), weighted(tidy(model))[2].data
    return model, Table({**table.ranges, tensor: Range(*(8.0 * end for end in table.ranges[tensor]))}), tensor


def test_the_gate_judges_both_files():
    model, wide, tensor = one_too_wide()
    judge = judge_of(model, kind=Judge)
    assert tensor not in judge.cost(model, calibrate_minmax(model)).noisy
    found = judge.cost(model, wide)
    assert found.noisy[tensor] > 4.0 and found.scales_over > 0.5
    told = [why for why in found.refused if f"the scale of {tensor} makes" in why]
    assert [why.split("(")[-1] for why in told] == ["cpu)", "tensorrt)"]
    assert tensor not in judge.cost(model, wide, around(tidy(model), [tensor])).noisy, "not quantised: no noise"


def test_a_scale_that_the_gate_refuses_gets_the_range_of_least_noise():
    model, wide, tensor = one_too_wide()
    state, stages = Repair(FRAMES, calibrate_minmax, judge_of(model, kind=Judge).cost).run(model, wide, budget=100.0)
    assert stages[1].name == RANGES and stages[1].kept and stages[1].cost.noisy.get(tensor, 0.0) <= ALLOWED
    assert tensor in state.quiet and state.given == state.table
    least = calibrate(model, FRAMES, "mse").ranges
    assert state.table.ranges == {**wide.ranges, **{name: least[name] for name in state.quiet}}


def test_mixed_precision_meets_the_budget_together(monkeypatch):
    """Without repairs, on a net whose one bad layer is cheap to leave in float."""
    bad = unequal()
    right = answers(bad)
    monkeypatch.setattr(within.Repair, "_helps", lambda *_: False)
    monkeypatch.setattr(within, "Judge", Frank)
    chosen, compared = picked([one[0] for one in FRAMES], np.zeros((16, 2))), picked(SHOTS, right.clip(-1, 1))
    made = within.within_budget(bad, CARD, calibrate_minmax(bad), chosen, compared,
                                within.Budget(0.5, method="minmax"), PROBES, lambda *_: None)
    assert made.stages[0].cost.increase > 0.5 >= made.cost.increase and not made.why_not
    assert 1 <= len(made.keep) <= 2
    again = judge_of(bad, right.clip(-1, 1)).cost(made.model, made.table, made.keep)
    assert again.increase == pytest.approx(made.cost.increase, abs=1e-4)
    assert "in float stay" in made.told()[-1] and made.details()["within_budget"]


def test_the_page_has_a_bar_for_every_layer(tmp_path):
    found = [Sensitivity("/net/stem/Conv", "Conv", 5_000_000, 0.8), Sensitivity("/net/out/Gemm", "Gemm", 1000, 0.2)]
    page = write_sensitivity(tmp_path, "road.onnx", found, ["/net/stem/Conv"])
    told = page.read_text()
    assert "/net/stem/Conv stays in float" in told and (tmp_path / "sensitivity.png").stat().st_size > 1000
    picture = bars(found, ["/net/stem/Conv"])
    red, blue = ((picture == color).all(axis=2).sum(axis=1).max() for color in ((40, 60, 200), (180, 92, 30)))
    assert red == pytest.approx(4 * blue, abs=8), "as long as what it says"
