"""A great many commands of every kind; after each one the registers are read.

JETRACER_COMMANDS sets how many: 100 000 in the ordinary run, 1 000 000 in the soak.
"""
from __future__ import annotations

import math
import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetracer.core.types import AUTOMATIC, MANUAL, NEUTRAL, Command, Pilot
from jetracer.safety import protocol
from jetracer.safety.protocol import Message
from tests.safety.rig import NEUTRAL_US, Rig

BATCH = 2000
EXAMPLES = max(1, int(os.environ.get("JETRACER_COMMANDS", "100000")) // BATCH)
STEP_US = 4.88
BAD = (math.nan, math.inf, -math.inf)
# what is sent: weights of good commands and of each way to be bad
KINDS = ("good", "good", "good", "good", "not_finite", "late", "early", "repeated", "large", "stranger", "gap")


def spoilt(kind, random, rig, seq, good):
    """(message, client) of one kind."""
    now_s = rig.clock.now_s()
    command, t_s, client = good, now_s, 0
    if kind == "not_finite":
        bad = random.choice(BAD)
        command = random.choice([Command(bad, 1.0), Command(1.0, bad), Command(bad, bad)])
    elif kind == "late":
        command, t_s = Command(1.0, 1.0), now_s - random.uniform(0.101, 1e6)
    elif kind == "early":
        command, t_s = Command(1.0, 1.0), random.choice([now_s + random.uniform(0.021, 1e6), *BAD])
    elif kind == "repeated":
        command, seq = Command(1.0, 1.0), seq - random.randrange(1, 100)
    elif kind == "large":
        size = 10 ** random.uniform(0.01, 300)
        command = Command(random.choice([size, -size]), random.choice([size, -size]))
    elif kind == "stranger":
        command, client = Command(1.0, 1.0), 7
    pilot = Pilot(NEUTRAL, random.random() < 0.99, False, random.choice([AUTOMATIC, MANUAL]), now_s)
    return Message(protocol.COMMAND, max(0, seq), t_s, command, now_s - 0.01, pilot, 1.0), client


def expected(kind, good, decision):
    """Checks what was sent against the two pulses; the guard must never send what was not good."""
    sent = decision.command
    assert abs(sent.steering) <= 1.0
    assert abs(sent.throttle) <= (1.0 if kind == "large" else max(0.3, abs(good.throttle)) + 1e-9)
    assert decision.armed or sent == NEUTRAL
    if kind == "not_finite":
        assert sent == NEUTRAL
    return 1500 + 500 * sent.steering, 1500 + 500 * sent.throttle


def drive(rig, random, kinds):
    good, seq = Command(0.2, 0.3), 10**6
    for kind in kinds:
        rig.clock.advance(0.5 if kind == "gap" else 0.004)
        seq += 1
        if kind == "large":  # drive on calmly afterwards, or its clipped throttle would be the one in force
            rig.guard.estop()
        message, client = spoilt(kind, random, rig, seq, good)
        decision = rig.core.handle(message, rig.clock.now_s(), client)
        pulses = expected(kind, good, decision)
        for found, wanted in zip(rig.pulses, pulses):
            assert abs(found - wanted) <= STEP_US / 2 + 1e-6
        if not decision.armed:
            assert rig.neutral
            rig.clock.advance(0.01)
            rearm(rig, seq)
            seq += 2


def rearm(rig, seq):
    for arm in (False, True):
        now_s = rig.clock.now_s()
        pilot = Pilot(NEUTRAL, True, False, AUTOMATIC, now_s, arm)
        rig.core.handle(Message(protocol.COMMAND, seq + 1 + arm, now_s, NEUTRAL, now_s, pilot, 1.0), now_s)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.randoms(use_true_random=False), st.sampled_from([0.1, 0.5, 1.0]))
def test_no_bad_command_reaches_the_registers(random, good):
    rig = Rig(settle_s=0)
    rearm(rig, 1)
    kinds = random.choices(KINDS, [1 + 20 * good] * 4 + [1] * 7, k=BATCH)
    drive(rig, random, kinds)
    counters = rig.guard.status().counters
    assert counters["late"] >= sum(kind in ("late", "early") for kind in kinds)
    assert counters["not_finite"] == kinds.count("not_finite")
    assert counters["refused"] == kinds.count("stranger")
    assert NEUTRAL_US > 0
