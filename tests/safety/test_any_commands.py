"""A great many commands of every kind; after each one the registers are read.

Good commands drive forward and so do those that are too large; every bad one asks for reverse. So a pulse below
neutral is a bad command that came through.

JETRACER_COMMANDS sets how many: 100 000 in the ordinary run, 1 000 000 in the soak.
"""
from __future__ import annotations

import math
import os
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jetracer.core.types import AUTOMATIC, MANUAL, NEUTRAL, Command, Pilot
from jetracer.safety import protocol
from jetracer.safety.limits import Limits
from jetracer.safety.protocol import Message
from tests.safety.rig import NEUTRAL_US, Rig

BATCH = 2000
EXAMPLES = max(1, int(os.environ.get("JETRACER_COMMANDS", "100000")) // BATCH)
HALF_STEP_US = 2.441
MOST = 0.3
GOOD, BAD = ("good", "large"), ("not_finite", "late", "early", "repeated", "stranger", "silence")
REVERSE = Command(-0.5, -1.0)


class Traffic:
    """Messages of every kind to one guard, and the checks after each."""

    def __init__(self, random: Random, badness: float) -> None:
        self.random, self.badness = random, badness
        self.rig = Rig(limits=Limits(max_throttle=MOST, max_unsure_s=10), settle_s=0)
        self.seq = self.taken = 1000  # the newest number used, and the newest that the guard has taken in
        self.count = dict.fromkeys(GOOD + BAD, 0)

    def run(self, commands: int) -> None:
        for _ in range(commands):
            if not self.rig.guard.status().armed:
                self.arm()
            kind = self.random.choice(BAD if self.random.random() < self.badness else GOOD)
            self.count[kind] += 1
            self.rig.clock.advance(0.2 if kind == "silence" else self.random.uniform(0.0, 0.01))
            self.check(kind, getattr(self, kind)())
            if kind in ("good", "large", "not_finite"):
                self.taken = self.seq

    def handle(self, command, age_s=0.0, client=0, seq=None):
        self.seq += 1
        seq = self.seq if seq is None else seq
        now_s = self.rig.clock.now_s()
        mode = AUTOMATIC if self.random.random() < 0.5 else MANUAL
        pilot = Pilot(NEUTRAL, self.random.random() < 0.99, False, mode, now_s)
        message = Message(protocol.COMMAND, seq, now_s - age_s, command, now_s, pilot, 1.0)
        return self.rig.core.handle(message, now_s, client)

    def check(self, kind, decision):
        sent = decision.command
        assert decision.armed or sent == NEUTRAL
        assert kind not in ("not_finite", "silence") or sent == NEUTRAL
        assert abs(sent.steering) <= 1.0
        assert 0.0 <= sent.throttle <= MOST
        steering_us, throttle_us = self.rig.pulses
        assert abs(steering_us - 1500 - 500 * sent.steering) <= HALF_STEP_US
        assert abs(throttle_us - 1500 - 500 * sent.throttle) <= HALF_STEP_US
        assert throttle_us >= NEUTRAL_US

    def arm(self):
        for arm in (False, True):
            self.seq = self.taken = self.seq + 1
            now_s = self.rig.clock.now_s()
            pilot = Pilot(NEUTRAL, True, False, AUTOMATIC, now_s, arm)
            self.rig.core.handle(Message(protocol.COMMAND, self.seq, now_s, NEUTRAL, now_s, pilot, 1.0), now_s)

    # -- the kinds

    def good(self):
        return self.handle(Command(self.random.uniform(-1, 1), self.random.uniform(0, MOST)))

    def large(self):
        size = 10 ** self.random.uniform(0.01, 308)
        return self.handle(Command(self.random.choice((size, -size)), size))

    def not_finite(self):
        bad = self.random.choice((math.nan, math.inf, -math.inf))
        return self.handle(self.random.choice((Command(bad, -1.0), Command(-0.5, bad), Command(bad, bad))))

    def late(self):
        return self.handle(REVERSE, age_s=10 ** self.random.uniform(-0.999, 300))

    def early(self):
        age_s = self.random.choice((-(10 ** self.random.uniform(-1.69, 300)), math.nan, math.inf, -math.inf))
        return self.handle(REVERSE, age_s)

    def repeated(self):
        return self.handle(REVERSE, seq=self.taken - self.random.randrange(0, 1000))

    def stranger(self):
        return self.handle(REVERSE, client=7)

    def silence(self):
        return self.rig.guard.tick()


@settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(st.integers(0, 2**64), st.floats(0, 1))
def test_no_bad_command_reaches_the_registers(seed, badness):
    traffic = Traffic(Random(seed), badness)
    traffic.run(BATCH)
    count, counters = traffic.count, traffic.rig.guard.status().counters
    assert counters["not_finite"] == count["not_finite"]
    assert counters["late"] == count["late"] + count["early"]
    assert counters["repeated"] == count["repeated"]
    assert counters["refused"] == count["stranger"]
