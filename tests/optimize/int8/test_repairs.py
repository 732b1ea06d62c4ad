"""Every repair on a net that was made bad for it: the error before and after, of the quantised answers."""
from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")
from onnx import numpy_helper  # noqa: E402

from jetracer.optimize.int8.bias import average_shifts, correct_bias  # noqa: E402
from jetracer.optimize.int8.calibrators import calibrate  # noqa: E402
from jetracer.optimize.int8.equalise import by_input, equalise, pairs  # noqa: E402
from jetracer.optimize.int8.graph import Graph, name_of, tidy  # noqa: E402
from jetracer.optimize.int8.quantise import quantise  # noqa: E402
from jetracer.optimize.int8.weights import rounded, set_weight, steps, weighted  # noqa: E402
from jetracer.optimize.run import flow  # noqa: E402
from tests.optimize.int8.nets import Net, bytes_in, pictures, residual_net  # noqa: E402

FRAMES = [frame[None] for frame in pictures(16)]
MORE = [frame[None] for frame in pictures(48)]
UNSEEN = pictures(12, seed=9)


def chain(seed=0, width=16):
    """Three convolutions, the middle one depthwise, and a dense layer behind the mean."""
    net = Net(seed)
    x = net.node("Relu", [net.conv(bytes_in(net), "one", 3, width)], "one.relu")
    x = net.node("Relu", [net.conv(x, "deep", width, width, group=width)], "deep.relu")
    x = net.node("Relu", [net.conv(x, "two", width, width, kernel=1)], "two.relu")
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x], "pool")], "flat")
    net.node("Gemm", [x, net.weight("aim.w", 2, width), net.weight("aim.b", 2, scale=0.1)], "aim", transB=1)
    return tidy(net.model({"aim": (1, 2)}))


def answers(model):
    return np.concatenate([aim for aim, in flow(model, UNSEEN[:, None], ["aim"])])


def error(reference, model, flavour="cpu"):
    """Root mean square of the quantised model's answers against the reference in float, by the reference's spread."""
    wanted = answers(reference)
    made = quantise(model, calibrate(model, FRAMES, "minmax"), flavour)
    return float(np.sqrt(np.mean((answers(made) - wanted) ** 2)) / wanted.std())


def layer(model, name):
    return next(one for one in weighted(model) if one.name == name)


def with_unequal_channels(model, first, second, factors):
    """The same answers, but each channel between two layers has a size of its own."""
    made = tidy(model)
    one, other = layer(made, first), layer(made, second)
    set_weight(made, one, one.weight * factors.reshape(-1, 1, 1, 1))
    bias = made.graph.initializer
    for value in bias:
        if value.name == one.node.input[2]:
            value.CopyFrom(numpy_helper.from_array(one.bias * factors, value.name))
    by = factors.reshape(-1, 1, 1, 1) if other.group > 1 else factors.reshape(1, -1, *[1] * (other.weight.ndim - 2))
    set_weight(made, other, other.weight / by)
    return made


@pytest.mark.parametrize("first, second", [("one", "deep"), ("deep", "two"), ("two", "aim")])
@pytest.mark.parametrize("flavour", ["cpu", "tensorrt"])
def test_equalisation_mends_channels_of_unequal_size(first, second, flavour):
    good = chain()
    factors = np.exp(np.random.default_rng(5).uniform(-4.0, 4.0, 16)).astype(np.float32)
    bad = with_unequal_channels(good, first, second, factors)
    assert np.allclose(answers(bad), answers(good), atol=1e-4), "no difference in float"
    before, after = error(good, bad, flavour), error(good, equalise(bad, FRAMES), flavour)
    assert before > 3.0 * error(good, good, flavour), before
    assert after < 0.4 * before, (before, after)


def test_equalisation_changes_no_answer_and_makes_both_sides_alike():
    model = chain()
    made = equalise(model, FRAMES)
    assert np.allclose(answers(made), answers(model), atol=1e-5)
    again = equalise(made, FRAMES)
    for one, other in zip(weighted(made), weighted(again)):
        assert np.allclose(one.weight, other.weight, rtol=0.05), "a second time there is nothing to do"
    assert pairs(made) == [("one", "deep", 1), ("deep", "two", 1), ("two", "aim", 1)]


def test_residual_inputs_are_left_alone():
    """What two layers read, or an addition, cannot be divided for one of them."""
    model = tidy(residual_net())
    found = [(pair.first, pair.second, pair.spread) for pair in pairs(model)]
    assert found == [("one", "two", 1), ("three", "four", 1), ("hidden", "aim", 1)]
    assert np.allclose(answers(equalise(model, FRAMES)), answers(model), atol=1e-4)


def test_a_flattened_map_is_many_inputs_of_one_channel():
    net = Net(1)
    x = net.node("Relu", [net.conv(bytes_in(net), "one", 3, 4, stride=4)], "relu")
    net.node("Gemm", [net.node("Flatten", [x], "flat"), net.weight("aim.w", 2, 64), net.weight("aim.b", 2)], "aim",
             transB=1)
    model = tidy(net.model({"aim": (1, 2)}))
    assert pairs(model) == [("one", "aim", 16)]
    assert by_input(layer(model, "aim"), 16).shape == (4,)
    assert np.allclose(answers(equalise(model, FRAMES)), answers(model), atol=1e-4)


def test_silent_channels_stay():
    model = chain()
    quiet = layer(model, "one")
    set_weight(model, quiet, quiet.weight * (np.arange(16) > 3).reshape(-1, 1, 1, 1))
    made = equalise(model, FRAMES)
    assert all(np.isfinite(one.weight).all() for one in weighted(made))
    assert np.allclose(answers(made), answers(model), atol=1e-4)


def with_biased_rounding(model, names):
    """Every weight of these layers lies 0.45 of a step above one that INT8 has, so all are rounded down."""
    made = tidy(model)
    for name in names:
        one = layer(made, name)
        step = steps(one.weight)
        weight = (np.round(one.weight / step) + 0.45) * step
        flat = weight.reshape(len(weight), -1)
        flat[:, 0] = 127 * step.reshape(-1)  # so that the step stays what it is
        set_weight(made, one, weight)
    return made


@pytest.mark.parametrize("flavour", ["cpu", "tensorrt"])
def test_bias_correction_mends_biased_rounding(flavour):
    bad = with_biased_rounding(chain(), ["deep", "two", "aim"])
    before, after = error(bad, bad, flavour), error(bad, correct_bias(bad, bad, FRAMES), flavour)
    assert after < 0.5 * before, (before, after)


def test_the_shift_that_is_measured_is_the_one_by_hand():
    model = chain()
    new = {one.name: rounded(one.weight) for one in weighted(model)}
    shifts = average_shifts(model, new, FRAMES)
    deep = tidy(model)
    set_weight(deep, layer(deep, "two"), new["two"])
    means = [np.mean([two[0].mean(axis=(1, 2)) for two, in flow(kind, FRAMES, ["two"])], axis=0)
             for kind in (model, deep)]
    assert np.allclose(shifts["two"], means[1] - means[0], atol=1e-6)


def test_a_layer_without_a_bias_gets_one():
    bad = with_biased_rounding(chain(), ["two"])
    node = next(node for node in bad.graph.node if name_of(node) == "two")
    del node.input[2:]
    made = correct_bias(bad, bad, FRAMES)
    assert error(bad, made) < error(bad, bad)
    assert len(next(node for node in made.graph.node if name_of(node) == "two").input) == 3


class TestAdaRound:
    """Needs torch."""

    @pytest.fixture(autouse=True)
    def _torch(self):
        pytest.importorskip("torch", reason="needs torch: pip install -e '.[optimize]'")

    def rounding(self, model, most=127, frames=FRAMES, **config):
        from jetracer.optimize.int8.adaround import AdaRoundConfig, adaround

        table = calibrate(model, FRAMES, "minmax")
        return adaround(model, table, frames, AdaRoundConfig(**config), most)

    def test_it_mends_the_rounding_of_weights_of_four_bits(self):
        """As in the paper; with eight the rounding of activations is the larger part."""
        model = chain()
        wanted = answers(model)
        before, after = (float(np.sqrt(np.mean((answers(made) - wanted) ** 2)) / wanted.std())
                         for made in (nearest(model, 7), self.rounding(model, 7, MORE, steps=300)))
        assert before > 0.05 and after < 0.6 * before, (before, after)

    def test_what_is_learned_from_too_little_is_not_taken(self):
        """More weights than rows to learn from: what was learned does not hold on other rows."""
        from jetracer.optimize.int8.adaround import AdaRoundConfig, learned

        model = chain()
        one = layer(model, "two")
        rows = np.random.default_rng(0).normal(0, 1, (16, 1, 16)).astype(np.float32)
        made = learned(one, rows, rows, None, AdaRoundConfig(steps=50))
        tried = np.random.default_rng(1).normal(0, 1, (500, 16))
        errors = [((tried @ (weight - one.weight).reshape(16, 16).T) ** 2).mean() for weight in
                  (made, rounded(one.weight))]
        assert errors[0] < 1.5 * errors[1]

    def test_every_weight_goes_to_one_of_its_two_neighbours_and_stays_there(self):
        model = chain()
        made = self.rounding(model, steps=20)
        differing = 0
        for old, new in zip(weighted(model), weighted(made)):
            step = steps(old.weight)
            number = new.weight / step
            assert np.abs(number - np.round(number)).max() < 1e-3
            assert np.abs(number - old.weight / step).max() <= 1.0 + 1e-3
            assert np.allclose(rounded(new.weight), new.weight, rtol=0, atol=1e-6 * step.max())
            differing += int((np.abs(new.weight - rounded(old.weight)) > 0.5 * step).sum())
        assert differing > 0, "it is no rounding to the nearest"

    def test_the_same_seed_gives_the_same_weights(self):
        one, other = (self.rounding(chain(), steps=5) for _ in range(2))
        assert all(np.array_equal(a.weight, b.weight) for a, b in zip(weighted(one), weighted(other)))

    def test_convolutions_with_strides_pads_and_groups_are_cut_into_the_right_rows(self):
        from jetracer.optimize.int8.adaround import _Places

        model = tidy(residual_net())
        opened = onnx.ModelProto()
        opened.CopyFrom(model)
        for one in weighted(model):
            inside = Graph(model).maker.get(one.data)
            assert inside is not None
            rows = _Places(one, 10**6, 0).rows(model, one.data, FRAMES[:1])
            weight = one.weight.reshape(one.group, -1, rows.shape[2])
            out = np.einsum("pgk,gok->pgo", rows, weight).reshape(len(rows), -1)
            out = out + (0.0 if one.bias is None else one.bias)
            [[wanted]] = flow(model, FRAMES[:1], [one.node.output[0]])
            wanted = np.moveaxis(wanted, 1, -1).reshape(-1, len(one.weight))
            assert np.allclose(sorted(out.ravel()), sorted(wanted.ravel()), atol=1e-3), one.name


def nearest(model, most):
    """All weights rounded to the nearest, nothing else."""
    made = tidy(model)
    for one in weighted(made):
        set_weight(made, one, rounded(one.weight, most))
    return made
