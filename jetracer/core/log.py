"""Logging: one line a message on standard error, the module's name in front."""
from __future__ import annotations

import logging


def logger(name: str) -> logging.Logger:
    """The module's logger; programs call `setup` once."""
    return logging.getLogger(name)


def setup(verbose: bool = False) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(name)s: %(message)s")
