"""Two graphs beside each other: how far apart they are, and when nothing can be said of it."""
from __future__ import annotations

import numpy as np
import onnx
import pytest

from jetracer.core.errors import ModelError
from jetracer.graph.prove import RUNS, WITHIN, agree, difference, random_inputs

HEAD = '<ir_version: 8, opset_import: ["" : 13]>\n'


def model(body, outputs="float[1,3] y", inputs="float[1,3] x"):
    made = onnx.parser.parse_model(f"{HEAD}g ({inputs}) => ({outputs}) {{ {body} }}")
    onnx.checker.check_model(made)
    return made


SAME = model("y = Identity (x)")


def test_answers_that_never_change_prove_nothing():
    still = model("zero = Constant <value = float[1,1] {0}> ()  y = Mul (x, zero)")
    for other in (still, model("zero = Constant <value = float[1,1] {0}> ()  y = Mul (zero, x)")):
        with pytest.raises(ModelError, match="answers the same to every input, so nothing can be proven"):
            difference(still, other)
        with pytest.raises(ModelError, match="is it trained"):
            agree(still, other)
    half = "zero = Constant <value = float[1,1] {0}> ()  y = Mul (x, zero)  z = Neg (x)"
    two = model(half, "float[1,3] y, float[1,3] z")
    assert agree(two, two) == (True, 0.0), "one output that changes is enough"


def test_how_far_apart_they_are_is_a_share_of_the_largest_answer():
    off = model("little = Constant <value = float {0.5}> ()  y = Add (x, little)")
    largest = min(np.abs(random_inputs(SAME, seed)["x"]).max() for seed in range(RUNS))
    assert difference(SAME, off) == pytest.approx(0.5 / largest, rel=1e-5)
    assert agree(SAME, off)[0] is False
    assert agree(SAME, model("less = Constant <value = float {0.99999}> ()  y = Mul (x, less)")) == (
        True, pytest.approx(1e-5, rel=0.05))
    assert WITHIN > 1e-5


def test_a_number_and_none_do_not_agree_and_none_with_none_does():
    root = model("y = Sqrt (x)")  # of the negative ones
    assert difference(SAME, root) == np.inf
    assert difference(root, root) == 0.0


@pytest.mark.parametrize("other, words", [
    (model("z = Identity (x)", "float[1,3] z"), r"other names: \['z'\] instead of \['y'\]"),
    (model("y = Concat <axis = 0> (x, x)", "float[2,3] y"), r"'y' has the size \[2, 3\] instead of \[1, 3\]"),
])
def test_what_cannot_be_compared_is_told(other, words):
    with pytest.raises(ModelError, match=words):
        difference(SAME, other)


def test_a_model_that_does_not_run_is_told():
    def run(_inputs):
        raise RuntimeError("out of memory\nat line 3")

    with pytest.raises(ModelError, match=r"does not run \(out of memory\)"):
        difference(SAME, SAME, run=run)
