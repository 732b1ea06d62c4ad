"""A GPU that works while the CPU goes on, always on the newest picture: what is older and has not begun is dropped."""
from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np


class Newest:
    """Hand pictures in with `offer`, take answers with `answer`; neither waits.

    For a loop that turns more often than the network answers. The answer is older than the picture at hand, so each
    carries the mark that its picture was offered with, such as its time.
    """

    def __init__(self, execution: Any, name: str) -> None:
        """`execution` is open: `start`, `done`, `finish` and `host`, where the input is called `name`."""
        self._execution, self._input = execution, execution.host[name]
        self._next = np.empty_like(self._input)  # the GPU may still read the other
        self._waits = self._works = False
        self._next_mark: Any = None
        self._mark: Any = None
        self._answer: Optional[Tuple[Any, Dict[str, np.ndarray]]] = None
        self.dropped = 0  # pictures that a newer one came before

    def offer(self, picture: np.ndarray, mark: Any = None) -> None:
        """Begin with a picture, as the engine's input is, at once or when the GPU is done with the one before."""
        self._collect()
        self.dropped += self._waits
        if self._works:
            np.copyto(self._next, picture)
            self._next_mark, self._waits = mark, True
        else:
            self._waits = False
            self._start(picture, mark)

    def answer(self) -> Optional[Tuple[Any, Dict[str, np.ndarray]]]:
        """(mark, answers) of the newest picture that is done, each at most once; None where there is none."""
        self._collect()
        if self._waits and not self._works:
            self._waits = False
            self._start(self._next, self._next_mark)
        answer, self._answer = self._answer, None
        return answer

    def _collect(self) -> None:
        if self._works and self._execution.done:
            self._answer, self._works = (self._mark, self._execution.finish()), False

    def _start(self, picture: np.ndarray, mark: Any) -> None:
        np.copyto(self._input, picture)
        self._execution.start()
        self._mark, self._works = mark, True
