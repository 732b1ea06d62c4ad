from __future__ import annotations

import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.errors import ConfigError, UnknownName
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, NEUTRAL, Command, Pilot
from jetracer.teleop.base import TELEOPS, make_teleop
from jetracer.teleop.script import ScriptTeleop, parse_script

SCRIPT = """
# a short drive
0.0  mode=manual deadman=on arm=on
1.0  throttle=0.2 steering=-0.5
2.5  mode=automatic   # now on its own
3.5  estop=on
"""


def test_null_asks_for_nothing():
    with make_teleop("null", FakeClock(4.0)) as teleop:
        assert teleop.poll() == Pilot(NEUTRAL, deadman=False, estop=False, mode=MANUAL, t_s=4.0, arm=False)


def test_auto_lets_the_arming_button_go_first_and_then_holds_it():
    clock = FakeClock(7.0)
    with make_teleop("auto", clock) as teleop:
        first = teleop.poll()
        clock.advance(0.1)
        assert teleop.poll() == Pilot(NEUTRAL, deadman=True, mode=AUTOMATIC, t_s=clock.now_s(), arm=True)
        assert teleop.poll().arm
        assert first == Pilot(NEUTRAL, deadman=True, mode=AUTOMATIC, t_s=7.0, arm=False)
        teleop.open()
        assert not teleop.poll().arm


def test_script_from_a_file(tmp_path):
    path = tmp_path / "drive.txt"
    path.write_text(SCRIPT, encoding="utf-8")
    clock = FakeClock(100.0)
    with make_teleop(f"script:{path}", clock) as teleop:
        assert teleop.poll() == Pilot(NEUTRAL, deadman=True, mode=MANUAL, t_s=100.0, arm=True)
        clock.advance(1.0)
        assert teleop.poll() == Pilot(Command(-0.5, 0.2), deadman=True, mode=MANUAL, t_s=101.0)
        clock.advance(2.0)
        assert teleop.poll() == Pilot(Command(-0.5, 0.2), deadman=True, mode=AUTOMATIC, t_s=103.0)
        clock.advance(60.0)
        assert teleop.poll().estop


def test_a_script_has_all_that_a_human_has():
    clock = FakeClock()
    text = "0 record=on trim=0.04 limit=0.3\n1 undo=on\n2 record=off"
    with ScriptTeleop(clock, states=parse_script(text)) as teleop:
        assert teleop.poll() == Pilot(record=True, trim=0.04, limit=0.3)
        clock.advance(1.0)
        assert [teleop.poll().undo, teleop.poll().undo] == [True, False]
        clock.advance(1.0)
        assert teleop.poll() == Pilot(t_s=2.0, trim=0.04, limit=0.3)


def test_script_from_states_in_any_order():
    clock = FakeClock()
    teleop = ScriptTeleop(clock, states=[(2.0, Pilot(estop=True)), (1.0, Pilot(mode=ASSISTED))])
    with teleop:
        assert teleop.poll() == Pilot(t_s=0.0)
        clock.advance(1.5)
        assert teleop.poll() == Pilot(mode=ASSISTED, t_s=1.5)
        clock.advance(1.5)
        assert teleop.poll().estop
        teleop.open()
        assert not teleop.poll().estop


@pytest.mark.parametrize("text, words", [
    ("soon arm=on", "script, line 1: 'soon' is no finite number"),
    ("\n1.0 throttle=fast", "line 2: 'fast'"),
    ("0 steering=nan", "'nan' is no finite number"),
    ("0 mode=auto", "'auto' is none of manual, assisted, automatic"),
    ("0 arm", "'' is none of on, off"),
    ("0 trottle=1", "did you mean 'throttle'"),
])
def test_mistakes_in_a_script_name_the_line(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_script(text)


def test_missing_script():
    with pytest.raises(ConfigError, match=r"'nowhere.txt' cannot be read"):
        make_teleop("script:nowhere.txt").open()


def test_a_wrong_name_gets_the_nearest_right_one():
    with pytest.raises(UnknownName, match="did you mean 'script'"):
        make_teleop("scirpt:x")
    assert set(TELEOPS.names) >= {"auto", "null", "script"}
