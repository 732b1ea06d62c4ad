"""INT8 under an error budget: repaired step by step, then as few layers in float as it takes."""
from __future__ import annotations

from functools import partial

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.core.errors import ModelError  # noqa: E402
from jetracer.core.types import Aim  # noqa: E402
from jetracer.engine.card import ModelCard, ModelInput  # noqa: E402
from jetracer.optimize.int8 import within_budget as within  # noqa: E402
from jetracer.optimize.int8.calibrators import calibrate  # noqa: E402
from jetracer.optimize.int8.frames import Frame, Picked  # noqa: E402
from jetracer.optimize.int8.graph import tidy  # noqa: E402
from jetracer.optimize.int8.judge import Judge  # noqa: E402
from jetracer.optimize.int8.quantise import quantise  # noqa: E402
from jetracer.optimize.int8.repair import Repair  # noqa: E402
from jetracer.optimize.int8.sensitivity import Sensitivity, choose_float, macs, sensitivity  # noqa: E402
from jetracer.optimize.int8.sensitivity_page import bars, write_sensitivity  # noqa: E402
from jetracer.optimize.int8.weights import set_weight, weighted  # noqa: E402
from tests.optimize.int8.nets import SIDE, pictures, residual_net  # noqa: E402
from tests.optimize.int8.test_repairs import FRAMES, answers, chain, layer, with_unequal_channels  # noqa: E402

CARD = ModelCard("road", "small", "fp32", ModelInput(width=SIDE, height=SIDE), {"aim": "aim"})
SHOTS = pictures(12, seed=9)


def small(model):
    """Aims well within the picture: the last layer's answers by a quarter."""
    made = tidy(model)
    last = weighted(made)[-1]
    set_weight(made, last, last.weight / 4)
    return made


def judge_of(model, aims=None):
    return Judge(model, CARD, SHOTS, np.full((12, 2), np.nan) if aims is None else aims)


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
    judge = judge_of(model)
    state, stages = Repair(FRAMES, calibrate_minmax, judge.worst).run(model, calibrate(model, FRAMES), budget=100.0)
    assert [stage.name for stage in stages] == ["as calibrated"]
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(weighted(state.model), weighted(model)))


def calibrate_minmax(model):
    return calibrate(model, FRAMES, "minmax")


def test_the_steps_go_in_their_order_and_each_is_reported():
    bad = unequal()
    judge, table = judge_of(bad), calibrate_minmax(unequal())
    state, stages = Repair(FRAMES, calibrate_minmax, judge.worst).run(bad, table, budget=0.5)
    assert [stage.name for stage in stages][:3] == ["as calibrated", "bias correction", "cross-layer equalisation"]
    assert stages[0].increase > 1.0 and min(stage.increase for stage in stages) < 0.4 * stages[0].increase
    assert judge.worst(state.model, state.table) == pytest.approx(min(stage.increase for stage in stages))


def test_adaround_comes_last_and_only_where_torch_is(monkeypatch):
    bad = unequal()
    judge, table = judge_of(bad), calibrate_minmax(unequal())
    monkeypatch.setattr("jetracer.optimize.int8.repair.find_spec", lambda name: None)
    _, stages = Repair(FRAMES, calibrate_minmax, judge.worst).run(bad, table, budget=0.0)
    assert "AdaRound" not in [stage.name for stage in stages]


def test_layers_in_float_have_their_own_weights_back():
    bad = unequal()
    state, _ = Repair(FRAMES, calibrate_minmax, judge_of(bad).worst).run(bad, calibrate_minmax(bad), budget=0.5)
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

    def increase(keep):
        asked.append(keep)
        return sum(value for name, value in errors.items() if name not in keep)

    assert choose_float(found, increase, 1.1)[0] == frozenset()
    assert choose_float(found, increase, 0.7)[0] == {"a"}
    assert choose_float(found, increase, 0.35)[0] == {"a", "b"}
    assert all(isinstance(keep, frozenset) for keep in asked)


def test_what_was_not_needed_goes_back():
    """a and b look dear, but c alone is what it takes."""
    found = priced(0.02, 0.1, 0.5, 0.1)
    keep, now = choose_float(found, lambda keep: 0.1 if "c" in keep else 0.9, 0.2)
    assert keep == {"c"} and now == 0.1


def test_a_budget_that_nothing_meets_is_told():
    with pytest.raises(ModelError, match=r"error is still 0\.900 % of the width larger, over 0\.2"):
        choose_float(priced(1, 1, 1, 1), lambda keep: 0.9, 0.2)


def test_mixed_precision_meets_the_budget_together(monkeypatch):
    """Without repairs, on a net whose one bad layer is cheap to leave in float."""
    bad = unequal()
    right = answers(bad)
    monkeypatch.setattr(within.Repair, "_possible", lambda *_: False)
    made = within.within_budget(bad, CARD, calibrate_minmax(bad), picked([one[0] for one in FRAMES], np.zeros((16, 2))),
                                picked(SHOTS, right.clip(-1, 1)), within.Budget(0.5, method="minmax"), lambda *_: None)
    assert made.stages[0].increase > 0.5 >= made.increase and not made.why_not
    assert 1 <= len(made.keep) <= 2
    assert judge_of(bad, right.clip(-1, 1)).worst(made.model, made.table, made.keep) == pytest.approx(made.increase)
    assert "in float stay" in made.told()[-1] and made.details()["within_budget"]


def test_the_page_has_a_bar_for_every_layer(tmp_path):
    found = [Sensitivity("/net/stem/Conv", "Conv", 5_000_000, 0.8), Sensitivity("/net/out/Gemm", "Gemm", 1000, 0.2)]
    page = write_sensitivity(tmp_path, "road.onnx", found, ["/net/stem/Conv"])
    told = page.read_text()
    assert "/net/stem/Conv stays in float" in told and (tmp_path / "sensitivity.png").stat().st_size > 1000
    picture = bars(found, ["/net/stem/Conv"])
    red, blue = ((picture == color).all(axis=2).sum(axis=1).max() for color in ((40, 60, 200), (180, 92, 30)))
    assert red == pytest.approx(4 * blue, abs=8), "as long as what it says"
