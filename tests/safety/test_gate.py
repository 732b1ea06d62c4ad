"""The gate as a pure function: each rule at its edge, and what must hold for anything at all."""
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, MODES, NEUTRAL, Command
from jetracer.safety import reasons as r
from jetracer.safety.gate import AHEAD_S, SafetyGate, Seen, problem
from jetracer.safety.limits import Limits
from tests.safety.rig import names

NOW = 1000.0
LIMITS = Limits()
GATE = SafetyGate(LIMITS)
GOOD = Seen(NOW, 0.02, NOW, NOW - 0.01, NOW, NOW, deadman=True, mode=AUTOMATIC, cell_v=4.0,
            temperature_c=50.0, armed=True)
BAD_TIMES = [math.nan, math.inf, -math.inf]
ANY = st.floats(allow_nan=True, allow_infinity=True)


def check(wanted=NEUTRAL, gate=GATE, **seen):
    return gate.check(wanted, GOOD._replace(**seen))


def test_what_is_good_passes_unchanged():
    decision = check(Command(0.1, 0.03))
    assert decision.command == Command(0.1, 0.03)
    assert decision.stops == ()
    assert decision.armed is True
    assert decision.t_s == NOW


# -- reasons to stop: (field, value still good, value just bad, reason, latches)
EDGES = [
    ("command_t_s", NOW - 0.0899, NOW - 0.0901, "watchdog", True),
    ("command_t_s", NOW + AHEAD_S - 1e-6, NOW + AHEAD_S + 1e-6, "watchdog", True),
    ("frame_t_s", NOW - 0.0849, NOW - 0.0851, "stale_frame", True),
    ("frame_t_s", NOW + AHEAD_S - 1e-6, NOW + AHEAD_S + 1e-6, "stale_frame", True),
    ("pilot_t_s", NOW - 0.2499, NOW - 0.2501, "stale_pilot", False),
    ("pilot_t_s", NOW + AHEAD_S - 1e-6, NOW + AHEAD_S + 1e-6, "stale_pilot", False),
    ("sure_t_s", NOW - 0.4999, NOW - 0.5001, "unsure", False),
    ("deadman", True, False, "deadman", False),
    ("estop", False, True, "estop", True),
    ("cell_v", 3.1001, 3.0999, "battery_stop", True),
    ("temperature_c", 92.999, 93.001, "hot_stop", True),
    ("armed", True, False, "not_armed", None),
]
EDGES += [(field, NOW, bad, reason, latches) for field, reason, latches in [
    ("command_t_s", "watchdog", True), ("frame_t_s", "stale_frame", True),
    ("pilot_t_s", "stale_pilot", False), ("sure_t_s", "unsure", False),
] for bad in BAD_TIMES]  # fmt: skip


@pytest.mark.parametrize(("field", "good", "bad", "reason", "latches"), EDGES)
@pytest.mark.parametrize("mode", [AUTOMATIC, ASSISTED])
def test_each_reason_to_stop_at_its_edge(field, good, bad, reason, latches, mode):
    wanted = Command(0.1, 0.03)
    passed = check(wanted, mode=mode, **{field: good})
    assert passed.command == wanted
    assert reason not in names(passed)
    stopped = check(wanted, mode=mode, **{field: bad})
    assert stopped.command == NEUTRAL
    assert names(stopped) == [reason]
    assert stopped.armed is (latches is False)
    assert stopped.t_s == NOW


def test_pictures_do_not_matter_to_who_drives_by_hand():
    seen = {"frame_t_s": -math.inf, "sure_t_s": -math.inf, "mode": MANUAL}
    assert check(Command(0.1, 0.03), **seen).stops == ()
    assert names(check(**{**seen, "mode": "unheard of"})) == ["stale_frame", "unsure"]


def test_the_deadmans_button_can_be_waived():
    gate = SafetyGate(Limits(needs_deadman=False))
    assert check(Command(0.1, 0.03), gate, deadman=False).stops == ()


def test_latched_reasons_hold_the_car_and_are_shown():
    decision = check(Command(0.1, 0.3), latched=r.ESTOP | r.STALE_FRAME, armed=False)
    assert decision.command == NEUTRAL
    assert names(decision) == ["estop", "stale_frame", "not_armed"]
    assert decision.armed is False
    assert check(latched=r.ESTOP).armed is False


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_neutral_at_once(bad):
    for wanted in (Command(bad, 0.0), Command(0.0, bad), Command(bad, bad)):
        decision = check(wanted, last=Command(0.5, 0.5))
        assert decision.command == NEUTRAL
        assert names(decision) == ["not_finite"]
        assert decision.armed is True


def test_all_causes_are_said_at_once():
    never = dict.fromkeys(("command_t_s", "pilot_t_s", "frame_t_s", "sure_t_s"), 0.0)
    decision = check(cell_v=3.4, temperature_c=81.0, estop=True, deadman=False, **never)
    assert names(decision) == ["estop", "watchdog", "stale_frame", "stale_pilot", "deadman", "unsure", "battery_warn",
                               "hot_warn"]
    assert names(check(Command(2.0, 2.0), cell_v=3.4)) == ["battery_warn", "range", "slew"]
    seen = GOOD._replace(estop=True, frame_t_s=0.0, pilot_throttle=1.0, mode=ASSISTED)
    assert GATE.hindrances(Command(0.0, 1.0), seen) == r.ESTOP | r.STALE_FRAME | r.STICK
    assert GATE.hindrances(Command(0.0, 1.0), seen._replace(pilot_throttle=0.0)) == r.ESTOP | r.STALE_FRAME | r.STICK


# -- battery and heat


@pytest.mark.parametrize(
    ("cell_v", "stops", "throttle"),
    [(3.51, [], 0.9), (3.49, ["battery_warn"], 0.9), (3.31, ["battery_warn"], 0.9),
     (3.29, ["battery_limit", "range"], 0.2), (3.11, ["battery_limit", "range"], 0.2),
     (3.09, ["battery_stop"], 0.0), (math.nan, [], 0.9)],
)  # fmt: skip
def test_a_low_battery_warns_then_slows_then_stops(cell_v, stops, throttle):
    decision = check(Command(0.0, 0.9), cell_v=cell_v, last=Command(0.0, 0.9))
    assert names(decision) == stops
    assert decision.command == Command(0.0, throttle)


@pytest.mark.parametrize(
    ("temperature_c", "stops", "throttle"),
    [(79.9, [], 0.9), (80.1, ["hot_warn"], 0.9), (86.9, ["hot_warn"], 0.9), (87.1, ["hot_limit", "range"], 0.2),
     (92.9, ["hot_limit", "range"], 0.2), (93.1, ["hot_stop"], 0.0), (math.nan, [], 0.9)],
)  # fmt: skip
def test_a_hot_computer_warns_then_slows_then_stops(temperature_c, stops, throttle):
    decision = check(Command(0.0, 0.9), temperature_c=temperature_c, last=Command(0.0, 0.9))
    assert names(decision) == stops
    assert decision.command == Command(0.0, throttle)


@pytest.mark.parametrize("bad", [{"cell_v": 3.2}, {"temperature_c": 90.0}])
def test_a_low_battery_or_a_hot_computer_does_not_raise_a_smaller_limit(bad):
    gate = SafetyGate(Limits(max_throttle=0.1))
    assert check(Command(0.0, 0.9), gate, last=Command(0.0, 0.9), **bad).command.throttle == 0.1


@pytest.mark.parametrize(
    ("held", "value", "stops"),
    [("battery_stop", 3.2999, "battery_stop"), ("battery_stop", 3.3001, "battery_limit"),
     ("battery_limit", 3.4999, "battery_limit"), ("battery_limit", 3.5001, "battery_warn"),
     ("battery_warn", 3.3001, "battery_warn"), ("battery_warn", 3.6999, "battery_warn"), ("battery_warn", 3.7001, ""),
     ("hot_stop", 88.001, "hot_stop"), ("hot_stop", 87.999, "hot_limit"), ("hot_stop", 81.999, "hot_warn"),
     ("hot_limit", 82.001, "hot_limit"), ("hot_limit", 81.999, "hot_warn"), ("hot_warn", 75.001, "hot_warn"),
     ("hot_warn", 86.999, "hot_warn"), ("hot_warn", 74.999, ""), ("hot_warn", 93.001, "hot_stop")],
)  # fmt: skip
def test_what_held_is_let_go_only_well_past(held, value, stops):
    field = "cell_v" if held.startswith("battery") else "temperature_c"
    assert names(check(held=r.BIT[held], **{field: value})) == [stops] * bool(stops)


def test_one_level_of_the_battery_does_not_hold_one_of_the_heat():
    assert names(check(cell_v=3.6, temperature_c=78.0, held=r.BATTERY_WARN)) == ["battery_warn"]
    assert names(check(cell_v=3.6, temperature_c=78.0, held=r.HOT_WARN)) == ["hot_warn"]


# -- arming


def test_nothing_hinders_arming_when_all_is_well():
    assert GATE.hindrances(NEUTRAL, GOOD._replace(armed=False, latched=r.ESTOP)) == 0
    assert GATE.hindrances(NEUTRAL, GOOD._replace(deadman=False)) == 0  # the button may come after
    assert GATE.hindrances(NEUTRAL, GOOD._replace(sure_t_s=-math.inf)) == 0


@pytest.mark.parametrize(
    ("field", "value", "hindrance"),
    [("estop", True, r.ESTOP), ("command_t_s", NOW - 0.11, r.WATCHDOG), ("frame_t_s", NOW - 0.11, r.STALE_FRAME),
     ("cell_v", 3.0, r.BATTERY_STOP), ("temperature_c", 94.0, r.HOT_STOP),
      ("pilot_throttle", 0.051, r.STICK), ("pilot_throttle", -0.051, r.STICK),
     ("pilot_throttle", math.nan, r.STICK)],
)  # fmt: skip
def test_what_still_lasts_hinders_arming(field, value, hindrance):
    assert GATE.hindrances(NEUTRAL, GOOD._replace(**{field: value})) == hindrance


@pytest.mark.parametrize(("mode", "hindrance"), [(MANUAL, r.STICK), (ASSISTED, r.STICK), (AUTOMATIC, 0)])
def test_the_wanted_throttle_hinders_arming_by_hand(mode, hindrance):
    seen = GOOD._replace(mode=mode)
    for throttle in (0.06, -0.06, math.nan):
        assert GATE.hindrances(Command(0.0, throttle), seen) == hindrance
    assert GATE.hindrances(Command(1.0, 0.05), seen._replace(pilot_throttle=0.05)) == 0
    assert GATE.hindrances(Command(1.0, -0.05), seen._replace(pilot_throttle=-0.05)) == 0


def test_how_sure_is_sure():
    assert GATE.sure(0.2)
    assert GATE.sure(1.0)
    assert not GATE.sure(0.1999)
    assert not GATE.sure(math.nan)


# -- late and repeated


def test_late_and_repeated_commands():
    assert problem(NOW, NOW, 5, 4, 0.1) == 0
    assert problem(NOW - 0.0999, NOW, 5, 4, 0.1) == 0
    assert problem(NOW - 0.1001, NOW, 5, 4, 0.1) == r.LATE
    assert problem(NOW + 0.03, NOW, 5, 4, 0.1) == r.LATE
    assert problem(math.nan, NOW, 5, 4, 0.1) == r.LATE
    assert problem(NOW, NOW, 4, 4, 0.1) == r.REPEATED
    assert problem(NOW, NOW, 3, 4, 0.1) == r.REPEATED


# -- whatever comes in


SEENS = st.builds(
    Seen, now_s=st.just(NOW), dt_s=st.floats(0, 0.1), command_t_s=st.one_of(ANY, st.floats(NOW - 0.2, NOW + 0.05)),
    frame_t_s=st.one_of(ANY, st.floats(NOW - 0.2, NOW + 0.05)), pilot_t_s=st.one_of(ANY, st.floats(NOW - 0.4, NOW)),
    sure_t_s=st.one_of(ANY, st.floats(NOW - 1, NOW)), deadman=st.booleans(), estop=st.booleans(),
    mode=st.sampled_from(MODES), pilot_throttle=ANY, cell_v=st.one_of(ANY, st.floats(2, 5)),
    temperature_c=st.one_of(ANY, st.floats(20, 110)), held=st.sampled_from([0, r.LEVELS]), armed=st.booleans(),
    latched=st.sampled_from([0, 0, 0, r.ESTOP, r.WATCHDOG | r.BUS_FAULT]),
    last=st.builds(Command, st.floats(-1, 1), st.floats(-1, 1)),
)  # fmt: skip
WANTED = st.builds(Command, ANY, ANY)


@given(WANTED, SEENS)
def test_whatever_comes_in_what_comes_out_is_safe(wanted, seen):
    decision = GATE.check(wanted, seen)
    sent, reasons = decision.command, r.bits(decision.stops)
    assert -1 <= sent.steering <= 1
    assert -1 <= sent.throttle <= 1
    if sent != NEUTRAL:
        assert seen.armed
        assert not reasons & r.STOPPING
        assert 0 <= seen.now_s - seen.command_t_s + AHEAD_S <= LIMITS.command_timeout_s + AHEAD_S
        assert seen.deadman
        assert not seen.estop
    if sent != wanted:
        assert decision.stops
    if decision.armed:
        assert seen.armed
        assert not reasons & r.LATCHING
    assert seen.latched & ~reasons == 0


@given(WANTED, SEENS)
def test_throttle_moves_away_from_zero_no_faster_than_allowed(wanted, seen):
    sent, last = GATE.check(wanted, seen).command.throttle, seen.last.throttle
    start = abs(last) if sent * last > 0 else 0.0
    assert abs(sent) <= start + LIMITS.throttle_per_s * seen.dt_s + 1e-9


@given(WANTED, SEENS)
def test_the_gate_is_pure(wanted, seen):
    assert repr(GATE.check(wanted, seen)) == repr(GATE.check(wanted, seen))
