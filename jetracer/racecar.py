"""A race car as notebooks know it: two numbers that widgets can be linked to."""
from __future__ import annotations

import math

from traitlets import CFloat, HasTraits, TraitError, validate


class Racecar(HasTraits):
    """`steering` and `throttle` in [-1, 1]; what lies outside is clipped. Moves nothing by itself.

    Anything that `float` takes will do, NumPy's and torch's numbers too. What is not finite is refused
    with a TraitError. NVIDIA's names: github.com/NVIDIA-AI-IOT/jetracer, `jetracer/racecar.py`.
    """

    steering = CFloat(0.0)
    throttle = CFloat(0.0)

    @validate("steering", "throttle")
    def _clipped(self, proposal):
        return max(-1.0, min(1.0, self._number(proposal)))

    def _number(self, proposal) -> float:
        """The proposed value of a trait. Raises TraitError, after `_refused`, when it is not finite."""
        value, name = proposal["value"], proposal["trait"].name
        if not math.isfinite(value):
            self._refused()
            raise TraitError(
                f"{name} = {value} is not a number to drive by; check the model and its output."
            )
        return value

    def _refused(self) -> None:
        """A value was refused; a car that moves stops here."""
