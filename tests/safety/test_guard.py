"""The guard's mind: who may drive, what reaches the registers, what stops the car and what lets it go again."""
from __future__ import annotations

import math
from dataclasses import replace

import pytest

from jetracer.car.computer import Vitals
from jetracer.core.clock import FakeClock
from jetracer.core.errors import BusError
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, NEUTRAL, Command, Decision, Pilot
from jetracer.safety import protocol as p
from jetracer.safety.client import Guard
from jetracer.safety.gate import SafetyGate
from jetracer.safety.guard import GuardCore
from jetracer.safety.limits import Limits
from jetracer.safety.protocol import Message
from tests.safety.rig import DRIVE, Rig, names

HELD = Pilot(deadman=True, mode=AUTOMATIC)


def message(rig, kind=p.COMMAND, seq=1, t_s=None, command=NEUTRAL, pilot=HELD):
    now_s = rig.clock.now_s()
    return Message(kind, seq, now_s if t_s is None else t_s, command, now_s, replace(pilot, t_s=now_s), 1.0)


def counted(rig):
    return {name: count for name, count in rig.guard.status().counters.items() if count and name != "writes"}


# -- start, arm, drive


def test_starts_neutral_disarmed_and_idle():
    rig = Rig()
    assert rig.neutral
    status = rig.guard.status()
    assert not status.armed
    assert not status.owned
    assert status.latched == ()
    assert math.isnan(status.battery_v)
    assert status.write_t_s == rig.clock.now_s()
    assert set(names(status.decision)) == {"watchdog", "stale_pilot", "deadman", "not_armed"}
    assert not rig.core.finished


def test_commands_have_no_effect_until_armed():
    rig = Rig()
    for _ in range(50):
        decision = rig.send()
    assert rig.neutral
    assert names(decision) == ["not_armed"]
    assert decision.command == NEUTRAL


def test_armed_it_drives_and_says_what_was_sent():
    rig = Rig()
    decision = rig.arm()
    assert decision == Decision(DRIVE, (), True, rig.clock.now_s())
    assert rig.pulses == pytest.approx((1600, 1650), abs=2.5)
    assert rig.guard.status().owned
    assert counted(rig) == {"accepted": 51}


def test_the_button_must_have_been_let_go_before():
    rig = Rig()
    for _ in range(40):
        decision = rig.send(NEUTRAL, arm=True)
    assert not decision.armed
    rig.send(NEUTRAL)
    assert rig.send(NEUTRAL, arm=True).armed


def test_the_button_counts_while_it_is_held():
    rig = Rig()
    rig.send(NEUTRAL, mode=MANUAL)
    decisions = [rig.send(NEUTRAL, arm=True, mode=MANUAL) for _ in range(30)]
    assert names(decisions[0]) == ["not_armed", "settling"]
    held = Rig()
    held.send(NEUTRAL, mode=MANUAL)
    assert names(held.send(DRIVE, arm=True, mode=MANUAL)) == ["not_armed", "settling", "stick"]
    assert decisions[-1].armed
    armed_after_s = 0.02 * (2 + sum(not decision.armed for decision in decisions))
    assert armed_after_s == pytest.approx(0.5, abs=0.021)


def test_settling_takes_as_long_as_the_car_says():
    rig = Rig(settle_s=0.07)
    rig.send(NEUTRAL)
    assert not rig.send(NEUTRAL, arm=True).armed
    assert not rig.send(NEUTRAL, arm=True).armed
    assert rig.send(NEUTRAL, arm=True).armed


@pytest.mark.parametrize("mode", [MANUAL, ASSISTED])
def test_no_arming_with_the_stick_held(mode):
    rig = Rig(settle_s=0)
    rig.send(NEUTRAL, mode=mode)
    decision = rig.send(DRIVE, mode=mode, stick=0.3, arm=True)
    assert names(decision) == ["not_armed", "stick"]
    assert rig.send(NEUTRAL, mode=mode, arm=True).armed  # let go while the button is still held


def test_arming_by_message():
    rig = Rig(settle_s=0)
    assert names(rig.guard.arm())[-2:] == ["deadman", "not_armed"]  # nobody drives
    assert "watchdog" in names(rig.guard.arm())
    rig.send(NEUTRAL)
    rig.core.handle(message(rig, p.ARM), rig.clock.now_s(), client=0)
    assert rig.guard.status().armed


def test_arming_twice_changes_nothing():
    rig = Rig()
    rig.arm()
    assert rig.guard.arm() == Decision(DRIVE, (), True, rig.clock.now_s())


# -- what stops it


def test_silence_stops_and_latches():
    rig = Rig()
    rig.arm()
    rig.send(mode=MANUAL)
    rig.clock.advance(0.089)
    rig.guard.tick()
    assert not rig.neutral
    rig.clock.advance(0.002)
    decision = rig.guard.tick()
    assert rig.neutral
    assert not decision.armed
    assert names(decision) == ["watchdog"]
    decision = rig.send()
    assert names(decision) == ["watchdog", "not_armed"]
    assert rig.guard.status().latched == ("watchdog",)
    assert rig.neutral
    decision = rig.arm()
    assert decision.armed
    assert rig.guard.status().latched == ()
    assert not rig.neutral


def test_a_silence_without_a_tick_in_it_stops_too():
    """The guard slept with the whole machine, and the first it hears is a fresh command."""
    rig = Rig()
    rig.arm()
    decision = rig.send(dt_s=0.5)
    assert names(decision) == ["watchdog", "not_armed"]
    assert rig.neutral
    assert not rig.send().armed
    assert rig.arm().armed


def test_a_stale_picture_stops_between_commands_too():
    rig = Rig()
    rig.arm()
    rig.send(frame_age_s=0.08)
    rig.clock.advance(0.006)
    assert names(rig.guard.tick()) == ["stale_frame"]
    assert rig.neutral
    assert names(rig.send()) == ["stale_frame", "not_armed"]


@pytest.mark.parametrize(
    ("ill", "reason"), [({"deadman": False}, "deadman"), ({"pilot_age_s": 0.26}, "stale_pilot")]
)
def test_what_does_not_latch_goes_on_by_itself(ill, reason):
    rig = Rig()
    rig.arm()
    decision = rig.send(**ill)
    assert names(decision) == [reason]
    assert decision.armed
    assert rig.neutral
    rig.send()
    assert not rig.neutral
    assert rig.guard.status().latched == ()


def test_the_pilot_is_judged_between_commands_too():
    rig = Rig()
    rig.arm()
    rig.send(pilot_age_s=0.2)
    rig.clock.advance(0.06)
    assert names(rig.guard.tick()) == ["stale_pilot"]


def test_a_road_unseen_for_a_moment_is_forgiven():
    rig = Rig()
    rig.arm()
    for _ in range(24):
        assert names(rig.send(confidence=0.1)) == []
    for _ in range(2):
        decision = rig.send(confidence=0.1)
    assert names(decision) == ["unsure"]
    assert decision.armed
    assert rig.neutral
    rig.send(confidence=0.2)
    assert not rig.neutral


def test_estop_by_the_pilot():
    rig = Rig()
    rig.arm()
    decision = rig.send(estop=True)
    assert names(decision) == ["estop", "not_armed"]
    assert rig.neutral
    rig.send(NEUTRAL, estop=True)
    assert names(rig.send(NEUTRAL, estop=True, arm=True)) == ["estop", "not_armed"]
    rig.send(NEUTRAL, estop=True)
    assert not rig.guard.arm().armed  # not while the pilot holds it
    assert rig.arm().armed


def test_estop_by_anybody():
    rig = Rig()
    rig.arm()
    decision = rig.core.handle(message(rig, p.ESTOP), rig.clock.now_s(), client=7)
    assert names(decision) == ["estop", "not_armed"]
    assert rig.neutral
    assert rig.guard.status().latched == ("estop",)
    assert rig.guard.status().owned  # whoever drives still does, and may arm again
    assert rig.arm().armed
    assert rig.guard.estop().armed is False


def test_estop_needs_the_button_to_be_let_go():
    rig = Rig()
    rig.arm()
    rig.send(NEUTRAL)
    rig.guard.estop()
    assert not rig.send(NEUTRAL, arm=True).armed
    rig.send(NEUTRAL)
    assert rig.send(NEUTRAL, arm=True).armed


# -- commands that are not taken


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_a_number_is_neutral_at_once_and_no_sign_of_life(bad):
    rig = Rig()
    rig.arm()
    for command in (Command(bad, 0.1), Command(0.1, bad)):
        decision = rig.send(command)
        assert names(decision) == ["not_finite"]
        assert rig.neutral
    assert decision.armed
    assert rig.send(mode=MANUAL).armed
    assert not rig.neutral
    for _ in range(7):
        decision = rig.send(Command(bad, bad))
    assert names(decision) == ["watchdog", "not_finite", "not_armed"]
    assert counted(rig)["not_finite"] == 9
    assert counted(rig)["accepted"] == 52


def test_late_commands_are_dropped_and_counted():
    rig = Rig()
    rig.arm()
    now_s = rig.clock.now_s()
    for t_s in (now_s - 0.11, now_s + 0.03, math.nan):
        decision = rig.core.handle(message(rig, seq=10**6, t_s=t_s, command=Command(1, 1)), now_s)
        assert names(decision) == ["late"]
        assert decision.command == DRIVE
    assert counted(rig) == {"accepted": 51, "late": 3}


def test_repeated_commands_are_dropped_and_counted():
    rig = Rig()
    rig.arm()
    now_s = rig.clock.now_s()
    first = message(rig, seq=10**6, command=DRIVE)
    assert names(rig.core.handle(first, now_s)) == []
    for seq in (10**6, 10**6 - 1, 0):
        assert names(rig.core.handle(message(rig, seq=seq, command=NEUTRAL), now_s)) == ["repeated"]
    assert not rig.neutral
    assert counted(rig) == {"accepted": 52, "repeated": 3}
    assert names(rig.core.handle(message(rig, seq=10**6 + 1, command=Command(0.2, 0.0)), now_s)) == []


def test_a_late_emergency_stop_is_still_one():
    rig = Rig()
    rig.arm()
    late = message(rig, seq=0, t_s=0.0, pilot=replace(HELD, estop=True))
    assert names(rig.core.handle(late, rig.clock.now_s(), client=9)) == ["estop", "not_armed", "other_driver"]
    assert rig.neutral


def test_late_commands_do_not_keep_the_car_alive():
    rig = Rig()
    rig.arm()
    rig.send(mode=MANUAL)
    for seq in range(10**6, 10**6 + 12):
        rig.clock.advance(0.01)
        rig.core.handle(message(rig, seq=seq, t_s=rig.clock.now_s() - 0.2, command=DRIVE), rig.clock.now_s())
    assert rig.neutral
    assert rig.guard.status().latched == ("watchdog",)


def test_unreadable_messages_are_counted():
    rig = Rig()
    assert names(rig.core.malformed(rig.clock.now_s()))[-1] == "malformed"
    rig.core.malformed(rig.clock.now_s())
    assert counted(rig) == {"malformed": 2}


# -- who may drive


def test_one_client_drives_and_others_are_refused():
    rig = Rig()
    rig.arm()
    now_s = rig.clock.now_s()
    decision = rig.core.handle(message(rig, command=Command(-1, -1)), now_s, client=5)
    assert names(decision) == ["other_driver"]
    assert decision.command == DRIVE
    assert names(rig.core.handle(message(rig, p.ARM), now_s, client=5)) == ["other_driver"]
    assert names(rig.core.handle(message(rig, p.STATUS), now_s, client=5)) == []
    assert rig.core.handle(message(rig, p.RELEASE), now_s, client=5).armed
    assert rig.core.gone(5, now_s).armed
    rig.core.handle(message(rig, seq=2), now_s, client=5)
    assert counted(rig) == {"accepted": 51, "refused": 2}


def test_nobody_gets_the_wheel_by_asking_for_the_status():
    rig = Rig()
    rig.core.handle(message(rig, p.STATUS), rig.clock.now_s(), client=5)
    assert not rig.guard.status().owned


def test_a_late_command_does_not_get_the_wheel():
    rig = Rig()
    rig.core.handle(message(rig, t_s=0.0), rig.clock.now_s(), client=5)
    assert not rig.guard.status().owned


def test_a_driver_that_disconnects_leaves_the_car_stopped():
    rig = Rig()
    rig.arm()
    decision = rig.core.gone(0, rig.clock.now_s())
    assert rig.neutral
    assert names(decision)[0] == "watchdog"
    status = rig.guard.status()
    assert status.latched == ("watchdog",)
    assert not status.armed
    assert not status.owned


def test_a_driver_that_was_not_armed_leaves_no_trace():
    rig = Rig()
    rig.send()
    rig.core.gone(0, rig.clock.now_s())
    assert rig.guard.status().latched == ()


def test_a_driver_that_releases_leaves_the_car_neutral_and_free():
    rig = Rig()
    rig.arm()
    decision = rig.guard.release()
    assert rig.neutral
    assert not decision.armed
    status = rig.guard.status()
    assert status.latched == ()
    assert not status.owned
    assert names(rig.core.handle(message(rig, seq=1), rig.clock.now_s(), client=5)) == ["not_armed"]
    assert rig.guard.status().owned


def test_the_next_driver_has_to_show_the_road_anew():
    rig = Rig(settle_s=0)
    rig.arm()
    rig.guard.release()
    rig.send(NEUTRAL, confidence=0.0)
    decision = rig.send(NEUTRAL, confidence=0.0, arm=True)
    assert names(decision) == ["unsure"]


def test_the_first_driver_has_to_show_the_road_too():
    rig = Rig(settle_s=0)
    assert not rig.core.finished
    rig.send(NEUTRAL, confidence=0.0)
    assert names(rig.send(NEUTRAL, confidence=0.0)) == ["unsure", "not_armed"]


def test_shutdown_stops_and_ends():
    rig = Rig()
    rig.arm()
    decision = rig.guard.shutdown()
    assert rig.neutral
    assert names(decision) == ["not_armed"]
    assert rig.core.finished


# -- slew


def test_throttle_rises_no_faster_than_the_limit_however_often_it_is_asked():
    rig = Rig(settle_s=0)
    rig.send(NEUTRAL)
    rig.send(NEUTRAL, arm=True)
    start_s = rig.clock.now_s()
    for _ in range(40):
        sent = rig.send(Command(0.0, 1.0), dt_s=0.005).command.throttle
    assert sent == pytest.approx(2.0 * (rig.clock.now_s() - start_s))


def test_a_pause_gives_no_credit_beyond_the_timeout():
    rig = Rig(settle_s=0, limits=Limits(max_unsure_s=9))
    rig.send(NEUTRAL)
    rig.send(NEUTRAL, arm=True)
    rig.send(NEUTRAL, dt_s=0.0, deadman=False)  # holds the car, and the next command comes late
    seen = rig.core._seen(rig.clock.now_s() + 5.0)
    assert seen.dt_s == Limits.command_timeout_s
    assert rig.core._seen(rig.clock.now_s() + 0.03).dt_s == pytest.approx(0.03)
    assert rig.core._seen(rig.clock.now_s() - 5.0).dt_s == 0.0


def test_between_commands_the_car_goes_on_to_what_was_wanted():
    rig = Rig(settle_s=0)
    rig.send(NEUTRAL)
    rig.send(NEUTRAL, arm=True)
    rig.send(Command(0.0, 0.1))
    rig.wait(0.02)
    assert rig.guard.status().decision.command.throttle == pytest.approx(0.08)
    rig.wait(0.02)
    assert rig.guard.status().decision.command.throttle == 0.1


# -- the bus


def test_nothing_is_written_when_nothing_changed_but_a_refresh():
    rig = Rig()
    rig.arm()
    before = rig.board.write_count
    for _ in range(9):
        assert rig.send().t_s == rig.clock.now_s()
    assert rig.board.write_count - before <= 1
    for _ in range(91):
        rig.send()
    assert 9 <= rig.board.write_count - before <= 11
    assert rig.guard.status().counters["writes"] == rig.board.write_count - rig_setup_writes()


def rig_setup_writes():
    return Rig().board.write_count


def test_the_decision_carries_the_time_of_the_write():
    clock = FakeClock(5.0)

    class SlowCar(Rig().car.__class__):
        def apply(self, command):
            clock.advance(0.002)
            return super().apply(command)

    rig = Rig()
    core = GuardCore(SlowCar(rig.board.bus()), SafetyGate(Limits()), clock)
    core.open()
    clock.advance(1.0)
    decision = core.tick(clock.now_s())
    assert decision.t_s == core.status().write_t_s == pytest.approx(6.004)
    assert core.tick(clock.now_s()).t_s == clock.now_s()


def test_one_bad_transfer_is_repeated_at_once():
    rig = Rig()
    rig.arm()
    rig.car.apply = failing(rig.car.apply, 2)
    decision = rig.send(NEUTRAL)
    assert names(decision) == []
    assert decision.armed
    assert rig.neutral
    assert counted(rig)["bus_errors"] == 2


def failing(verb, times, error=OSError(121, "Remote I/O error")):  # noqa: B008
    left = [times]

    def maybe(*content):
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return verb(*content)

    return maybe


@pytest.mark.parametrize("error", [OSError(121, "Remote I/O error"), ZeroDivisionError("a bug in a driver")])
def test_a_bus_that_fails_latches_and_neutral_is_tried_until_it_works(error):
    rig = Rig()
    rig.arm()
    rig.car.apply = failing(rig.car.apply, 6, error)
    decision = rig.send(NEUTRAL)
    assert names(decision) == ["bus_fault"]
    assert not decision.armed
    assert decision.command == DRIVE  # the honest answer: nothing newer was sent
    assert not rig.neutral
    rig.clock.advance(0.01)
    assert names(rig.guard.tick()) == ["bus_fault", "not_armed"]
    rig.clock.advance(0.01)
    decision = rig.guard.tick()
    assert rig.neutral
    assert decision.command == NEUTRAL
    assert names(decision) == ["bus_fault", "not_armed"]
    assert rig.guard.status().latched == ("bus_fault",)
    assert counted(rig)["bus_errors"] == 6
    assert rig.arm().armed
    assert rig.guard.status().latched == ()


def hanging(rig, verb, hang_s, times=1):
    """The verb fails as on a bus that hangs for so long, then works again."""
    fail = failing(verb, times)

    def maybe(*content):
        try:
            return fail(*content)
        except OSError:
            rig.clock.advance(hang_s)
            raise

    return maybe


def test_a_command_that_hung_is_not_repeated_when_the_bus_answers_again():
    rig = Rig()
    rig.arm()
    rig.car.apply = hanging(rig, rig.car.apply, 2.0)
    writes = rig.board.write_count
    assert names(rig.send(Command(0.2, 0.1))) == ["bus_fault"]
    rig.guard.tick()
    assert rig.neutral
    assert rig.board.write_count == writes + 1  # so nothing was written before it
    assert counted(rig)["bus_errors"] == 1


def test_neutral_that_hung_is_repeated():
    rig = Rig()
    rig.arm()
    rig.car.apply = hanging(rig, rig.car.apply, 2.0, times=2)
    assert rig.core.close()
    assert rig.neutral


def test_a_battery_sensor_that_hangs_keeps_no_old_command_alive():
    rig = Rig(battery=True)
    rig.board.set_battery(12.0, 0.0)
    rig.arm()
    rig.core._health._battery.read = hanging(rig, rig.core._health._battery.read, 2.0)
    start_s = rig.clock.now_s()
    while rig.clock.now_s() < start_s + 2.0:
        rig.send(dt_s=0.01)
        decision = rig.guard.tick()
    assert "watchdog" in names(decision)  # in the very turn that hung
    assert rig.neutral


def test_it_knows_when_the_wheels_may_turn_and_nobody_can_stop_them():
    rig = Rig()
    rig.board.nak(0x40, True)
    rig.wait(0.3)
    assert not rig.core.out_of_reach  # at rest
    rig.board.nak(0x40, False)
    rig.arm()
    assert not rig.core.out_of_reach
    rig.board.nak(0x40, True)
    rig.send(NEUTRAL)
    assert rig.core.out_of_reach
    rig.board.nak(0x40, False)
    rig.wait(0.01)
    assert not rig.core.out_of_reach


def test_no_arming_while_the_bus_is_down():
    rig = Rig(settle_s=0)
    rig.board.nak(0x40, True)
    rig.wait(0.3)
    rig.send(NEUTRAL)
    assert names(rig.send(NEUTRAL, arm=True)) == ["bus_fault", "not_armed"]
    assert not rig.guard.arm().armed
    rig.board.nak(0x40, False)
    assert not rig.guard.arm().armed  # not before a transfer has worked
    rig.send(NEUTRAL)
    assert rig.send(NEUTRAL, arm=True).armed


def test_a_failing_bus_does_not_hide_what_else_is_wrong():
    rig = Rig()
    rig.arm()
    rig.car.apply = failing(rig.car.apply, 3)
    now_s = rig.clock.now_s()
    decision = rig.core.handle(message(rig, seq=0, pilot=replace(HELD, estop=True)), now_s, client=4)
    assert names(decision) == ["estop", "bus_fault", "not_armed", "other_driver"]


def test_a_silent_chip_is_noticed_within_a_refresh():
    rig = Rig()
    rig.arm()
    rig.board.nak(0x40, True)
    for _ in range(20):
        rig.send(dt_s=0.01)
        decision = rig.guard.tick()
    assert names(decision) == ["bus_fault", "not_armed"]


def test_looking_at_the_chip_may_fail_alone():
    rig = Rig()
    rig.arm()
    rig.car.healthy = failing(rig.car.healthy, 1)
    for _ in range(21):
        rig.send(dt_s=0.01)
        rig.guard.tick()
    assert rig.guard.status().latched == ("bus_fault",)
    assert counted(rig)["bus_errors"] == 1
    assert rig.neutral
    rig.car.healthy = failing(rig.car.healthy, 1)
    rig.wait(0.2)
    assert counted(rig)["bus_errors"] == 2


def test_a_power_dip_stops_sets_up_and_settles_anew():
    rig = Rig()
    rig.arm()
    rig.board.brown_out()
    assert rig.pulses == (0.0, 0.0)
    for _ in range(21):
        rig.send(dt_s=0.01)
        decision = rig.guard.tick()
    assert names(decision) == ["brown_out", "not_armed"]
    assert rig.neutral
    assert "settling" in names(rig.guard.arm())
    assert rig.arm().armed
    assert rig.guard.status().latched == ()


def test_a_chip_without_power_can_be_set_up_when_it_is_back():
    rig = Rig()
    rig.board.brown_out()
    rig.board.nak(0x40, True)
    rig.wait(0.5)
    rig.board.nak(0x40, False)
    rig.wait(0.3)
    assert rig.neutral
    assert set(rig.guard.status().latched) == {"bus_fault", "brown_out"}


def test_open_says_when_the_car_does_not_answer():
    rig = Rig()
    rig.board.nak(0x40, True)
    with pytest.raises(BusError, match="does not answer"):
        rig.core.open()


def test_close_leaves_neutral_or_says_that_it_could_not():
    rig = Rig()
    rig.arm()
    assert rig.core.close() is True
    assert rig.neutral
    assert not rig.core.tick(rig.clock.now_s()).armed
    rig.board.nak(0x40, True)
    assert rig.core.close() is False


# -- battery and heat


def test_an_empty_battery_stops_and_latches():
    rig = Rig(battery=True)
    rig.board.set_battery(9.0, -1.0)
    assert rig.arm().armed  # nothing measured yet
    rig.guard.tick()
    assert rig.neutral
    assert rig.guard.status().latched == ("battery_stop",)
    decision = rig.arm()
    assert names(decision)[0] == "battery_stop"
    assert not decision.armed


def test_the_status_tells_what_is_measured():
    rig = Rig(battery=True)
    assert rig.guard.status()[3:7] == (pytest.approx(math.nan, nan_ok=True),) * 2 + (3,) + (
        pytest.approx(math.nan, nan_ok=True),)
    rig.board.set_battery(11.8, -1.5)
    rig.computer.newest = Vitals(61.5)
    rig.guard.tick()
    assert rig.guard.status()[3:7] == (pytest.approx(11.8), pytest.approx(-1.5), 3, 61.5)
    assert Rig().guard.status().cells == 0


def test_a_low_battery_limits_until_it_is_well_above():
    """The load that the limit takes away brings the voltage back, which must not take the limit away."""
    rig = Rig(battery=True)
    rig.board.set_battery(9.7, -1.0)
    rig.guard.tick()
    rig.arm()
    assert rig.send(Command(0.0, 0.9)).command.throttle == 0.2
    rig.board.set_battery(10.4, -1.0)
    rig.wait(0.3)
    rig.arm()
    assert "battery_limit" in names(rig.send(Command(0.0, 0.9)))
    rig.board.set_battery(10.6, -1.0)
    rig.wait(0.3)
    assert "battery_limit" not in names(rig.arm())


def test_a_hot_computer_stops_and_latches_until_it_is_well_cooler():
    rig = Rig()
    assert rig.arm().armed
    rig.computer.newest = Vitals(93.5)
    rig.guard.tick()
    assert rig.neutral
    assert rig.guard.status().latched == ("hot_stop",)
    rig.computer.newest = Vitals(88.5)
    rig.guard.tick()
    assert not rig.arm().armed
    rig.computer.newest = Vitals(87.5)
    rig.guard.tick()
    assert rig.arm().armed


def test_a_supply_that_dips_is_a_brown_out():
    rig = Rig(battery=True)
    rig.board.set_battery(12.0, -1.0)
    rig.computer.newest = Vitals(dips=7)
    rig.guard.tick()
    assert rig.arm().armed
    rig.computer.newest = Vitals(dips=8)
    rig.guard.tick()
    assert rig.neutral
    assert rig.guard.status().latched == ("brown_out",)
    assert rig.arm().armed


def test_what_is_only_said_is_said_with_every_decision():
    rig = Rig(battery=True)
    rig.board.nak(0x41, True)
    rig.computer.newest = Vitals(held_back=("cpu-throttle-alert",))
    rig.wait(3.0)
    decision = rig.arm()
    assert decision.armed
    assert {"battery_unknown", "throttled"} <= set(names(decision))
    assert {"battery_unknown", "throttled"} <= set(names(rig.guard.tick()))
    assert "bus_errors" not in counted(rig)


def test_the_guard_in_this_process_is_opened_and_closed_like_the_other():
    rig = Rig()
    rig.arm()
    with rig.guard:
        assert rig.neutral
        rig.send()
    assert rig.neutral
    with pytest.raises(NotImplementedError):
        Guard().status()
