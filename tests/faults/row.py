"""What a row of the fault matrix is."""
from __future__ import annotations

from typing import Callable, FrozenSet, NamedTuple, Optional, Union

from jetracer.safety import reasons as r

from .kernel import Kernel


class Found(NamedTuple):
    """What an injection has found: seconds from the fault to the defined state, and all that the guard then said."""

    took_s: float
    reasons: FrozenSet[str]


Inject = Callable[[int], Found]  # given the number of the instant; numbers spread over all phases of camera and guard

STATES = {r.LATCH: "neutral, latched", r.STOP: "neutral while it lasts"}


class Row(NamedTuple):
    """One fault. `says`: a reason of `safety/reasons.py`, or a screen of `glass.py`; empty where no glass is on.

    `how` is a function that injects the fault and measures, the id of the test that does, or a case of `make hil`.
    """

    fault: str
    says: str
    how: Union[Inject, str, Kernel]
    bound_s: Optional[float] = None  # to the state; None where nothing is waited for, or a test checks its own time
    then: str = ""  # the state, where the kind of the reason does not say it

    @property
    def state(self) -> str:
        return self.then or STATES[r.reason(self.says).kind]

    def trouble(self, found: Found) -> str:
        """Why what was found is not the defined state in time; empty when it is."""
        if self.says in r.BIT and self.says not in found.reasons:
            return f"the guard did not say {self.says}, but {', '.join(sorted(found.reasons)) or 'nothing'}"
        if self.bound_s is not None and not found.took_s <= self.bound_s:
            return f"{1e3 * found.took_s:.1f} ms"
        return ""
