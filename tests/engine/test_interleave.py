"""Latencies by a clock that only what is measured moves."""
from __future__ import annotations

import pytest

from jetracer.engine import interleave as measured
from jetracer.engine.interleave import interleave


class Clock:
    def __init__(self, monkeypatch):
        self.now_s, self.order = 0.0, []
        monkeypatch.setattr(measured.time, "perf_counter", lambda: self.now_s)

    def takes(self, name, *seconds):
        turns = iter(range(1 << 30))

        def run():
            self.order.append(name)
            self.now_s += seconds[next(turns) % len(seconds)]
        return run


def test_ratios_and_quantiles(monkeypatch):
    clock = Clock(monkeypatch)
    found = interleave({"slow": clock.takes("slow", 0.002), "fast": clock.takes("fast", 0.001, 0.001, 0.0015)}, 1.0)
    assert found["slow"] == pytest.approx((2.0, 2.0, 1.0, 1.0))
    assert found["fast"][:3] == pytest.approx((1.0, 1.5, 2.0))
    assert found["fast"].as_json() == {"latency_ms": {"p50": 1.0, "p99": 1.5}, "ratio": 2.0}
    assert 1.0 <= clock.now_s < 1.1


def test_they_take_turns_in_either_order(monkeypatch):
    clock = Clock(monkeypatch)
    interleave({"a": clock.takes("a", 0.001), "b": clock.takes("b", 0.001)}, 0.0)
    blocks = clock.order[::5]
    assert clock.order == [name for name in blocks for _ in range(5)]
    assert blocks[:6] == ["a", "b", "b", "a", "a", "b"] and len(blocks) == 24


def test_what_slows_all_alike_moves_no_ratio(monkeypatch):
    clock = Clock(monkeypatch)
    slow = [0.002] * 60 + [0.006] * 60
    fast = [0.001] * 60 + [0.003] * 60
    found = interleave({"slow": clock.takes("slow", *slow), "fast": clock.takes("fast", *fast)}, 2.0)
    assert found["fast"].ratio == pytest.approx(2.0)
