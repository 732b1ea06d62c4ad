"""Backends are chosen by name; naming one imports nothing until it is asked for."""
from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Any, Iterable, Mapping

from jetracer.core.errors import UnknownName

_TOLD = 20  # names in one sentence: the nodes of a network may be hundreds


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a wrong name: says the nearest right one, and all of them, or how many more there are."""
    names = sorted(known)
    near = get_close_matches(str(name), names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    more = f", and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return UnknownName(f"There is no {kind} {name!r}{hint} Choose one of: {', '.join(names[:_TOLD])}{more}.")


class Registry:
    """Names of one kind of thing, each with the dotted place of its class: {"null": "jetracer.car.null:NullCar"}."""

    def __init__(self, kind: str, places: Mapping[str, str]) -> None:
        self.kind = kind
        self._places = dict(places)

    @property
    def names(self) -> tuple:
        return tuple(sorted(self._places))

    def get(self, name: str) -> Any:
        """The class called `name`. Raises UnknownName with the nearest right name."""
        if name not in self._places:
            raise unknown(self.kind, name, self._places)
        module, attribute = self._places[name].split(":")
        return getattr(import_module(module), attribute)

    def name_of(self, thing: Any) -> str:
        """What an object's class is called here; the class's own name for one that is not."""
        place = f"{type(thing).__module__}:{type(thing).__qualname__}"
        return next((name for name, known in self._places.items() if known == place), type(thing).__name__)

    def create(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.get(name)(*args, **kwargs)
