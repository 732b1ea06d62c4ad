"""Mend a graph as far as that is mechanical, and prove that the answers are the same."""
from __future__ import annotations

from typing import Any, List, NamedTuple, Sequence

import onnx

from jetracer.engine.devices import Version
from jetracer.graph.diagnose import Trouble, diagnose
from jetracer.graph.fixes import FIXES
from jetracer.graph.fold import tidy
from jetracer.graph.operators import VERSIONS
from jetracer.graph.view import view

_ROUNDS = 4  # one fix may uncover what another mends


class Mended(NamedTuple):
    model: Any  # ModelProto
    done: List[str]  # names of fixes, in their order
    left: List[Trouble]


def mend(model: Any, versions: Sequence[Version] = VERSIONS) -> Mended:
    """A mended copy. What needs a person stays in `left`."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    done: List[str] = []
    for _ in range(_ROUNDS):
        wanted = {trouble.fix for trouble in diagnose(view(copy), versions)}
        changed = [name for name, fix in FIXES.items() if name in wanted and fix(copy)]
        if not changed:
            break
        done += [name for name in changed if name not in done]
        tidy(copy)
    return Mended(copy, done, diagnose(view(copy), versions))
