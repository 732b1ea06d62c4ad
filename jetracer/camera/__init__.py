"""Cameras. The classes that notebooks know are loaded when they are first asked for."""
from __future__ import annotations

_NOTEBOOK = ("CSICamera", "USBCamera", "bgr8_to_jpeg")


def __getattr__(name: str):
    if name not in _NOTEBOOK:
        raise AttributeError(f"module 'jetracer.camera' has no attribute {name!r}; it has: {', '.join(_NOTEBOOK)}")
    from jetracer.camera import notebook

    return getattr(notebook, name)


def __dir__():
    return [*globals(), *_NOTEBOOK]
