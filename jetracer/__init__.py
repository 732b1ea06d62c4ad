"""JetRacer: the software of a small camera-driven race car.

Folders are the data flow: camera -> engine -> perception -> control -> safety -> car.
Importing this package loads nothing heavy; names below are resolved when first used.
"""
from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# name -> "module:attribute"; loaded on first use so that `import jetracer` stays cheap
_PUBLIC = {
    "Aim": "jetracer.core.types:Aim",
    "Command": "jetracer.core.types:Command",
    "Decision": "jetracer.core.types:Decision",
    "Frame": "jetracer.core.types:Frame",
    "JetRacerError": "jetracer.core.errors:JetRacerError",
    "NEUTRAL": "jetracer.core.types:NEUTRAL",
    "Pilot": "jetracer.core.types:Pilot",
    "Racecar": "jetracer.racecar:Racecar",
    "Scene": "jetracer.core.types:Scene",
    "Step": "jetracer.core.types:Step",
    "drive": "jetracer.drive.build:drive",
    "load_engine": "jetracer.engine.load:load_engine",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'jetracer' has no attribute {name!r}; it has: {', '.join(__all__)}")
    module, attribute = _PUBLIC[name].split(":")
    return getattr(import_module(module), attribute)


def __dir__():
    return [*globals(), *__all__]
