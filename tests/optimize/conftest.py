"""One thread for torch: with more, every layer waits for threads that other work keeps from running."""
from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread():
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)
