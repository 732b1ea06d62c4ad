"""Eyes, mind or pilot lost: neutral registers in time. The table: python -m tests.drive.losses"""
from __future__ import annotations

import pytest

from .losses import CASES, HEAD, LIMIT_S, row, times_s


@pytest.mark.parametrize("loss, mode", CASES)
def test_a_loss_leaves_the_motor_in_neutral_in_time(loss, mode):
    times = times_s(loss, mode, instants=20)
    print(f"\n{HEAD}\n{row(loss, mode, times)}")
    assert max(times) <= LIMIT_S
