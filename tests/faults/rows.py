"""The fault matrix: what goes wrong, in which state that leaves the car, how soon, and what the display says."""
from __future__ import annotations

from typing import Dict, List

from jetracer.car.computer import WATCH_S
from jetracer.safety.guard import REFRESH_S
from jetracer.safety.health import MEASURE_S, UNKNOWN_S
from jetracer.safety.heartbeat import PERIOD_S
from jetracer.safety.limits import Limits
from jetracer.teleop.gamepad import SILENCE_S
from jetracer.teleop.pads import XBOX
from tests.drive.flow import FPS

from . import flows, processes, rigs
from .kernel import Kernel
from .row import Row
from .systems import Drive

LIMITS = Limits()
LOSS_S, KILL_S = 0.100, 0.150
SYSTEMD_S = 2.0  # ExecStopPost starts Python; systemd's watchdog waits another second (WatchdogSec=1)
TURN_S = 1 / FPS + PERIOD_S  # one turn of the loop, and of the guard
MEASURED_S = MEASURE_S + PERIOD_S
WATCHED_S = WATCH_S + 2 * PERIOD_S
EMPTY_S, PILOT_S = LIMITS.battery_sag_s + MEASURED_S, LIMITS.max_pilot_age_s + PERIOD_S
NOT_STARTED = "does not start, and says why"

CAMERA = [
    Row("camera frozen: the same picture again and again", "stale_frame", flows.camera("frozen"), LOSS_S),
    Row("camera black, lens covered", "unsure", flows.camera("black"), LOSS_S),
    Row("camera silent", "stale_frame", flows.camera("lost"), LOSS_S),
    Row("camera unplugged", "stale_frame", flows.unplugged_camera(), LOSS_S),
    Row("pictures arrive late", "stale_frame", rigs.stops(rigs.say(frame_age_s=0.2)), LOSS_S),
    Row("pictures queue up", "armed",
        "tests/camera/test_background.py::test_a_slow_reader_gets_the_newest_frame_and_the_gap_shows",
        then="drives on by the newest"),
    Row("camera's capture process dies or hangs", "stale_frame",
        "tests/camera/test_gst_child.py::test_a_dead_or_hung_child_is_replaced",
        then="as silent; a new process is started"),
    Row("nvargus-daemon stuck", "stale_frame",
        "tests/camera/test_argus.py::test_while_driving_it_is_mended_behind_the_readers_back",
        then="as silent; it is restarted where that is permitted"),
    Row("USB camera comes back with another number", "stale_frame",
        "tests/camera/test_usb.py::test_plugged_in_anew_with_another_number",
        then="as silent; found again by what it is"),
    Row("camera held by another program", "",
        "tests/camera/test_usb.py::test_a_camera_that_another_program_holds_says_by_which", then=NOT_STARTED),
    Row("no camera when a service starts", "", "tests/drive/test_service.py::test_the_first_picture_is_waited_for",
        then="waits, and says for what"),
]

ENGINE = [
    Row("engine hangs, in any mode", "watchdog", flows.engine(hangs=True), LOSS_S),
    Row("engine raises, in any mode", "ended", flows.engine(hangs=False), LOSS_S, then="neutral; the drive ends"),
    Row("engine says NaN", "unsure", flows.nan_engine(), LOSS_S),
    Row("engine takes half a second for each picture", "watchdog",
        "tests/drive/test_drive.py::test_a_fault_stops_the_whole_drive_and_says_why"),
    Row("road not recognised", "unsure", rigs.stops(rigs.say(confidence=0.0)), LIMITS.max_unsure_s + TURN_S),
    Row("model file missing", "", "tests/cli/test_main.py::test_failures_are_one_clear_line_and_leave_nothing_behind",
        then=NOT_STARTED),
    Row("model file corrupt", "", "tests/engine/test_onnx.py::test_damaged_files", then=NOT_STARTED),
    Row("model for another task", "", "tests/perception/test_road.py::test_a_model_for_another_task_is_refused",
        then=NOT_STARTED),
    Row("controller says NaN", "not_finite", rigs.stops(rigs.say(command=rigs.NOT_A_NUMBER)), LOSS_S),
    Row("controller asks for too much", "armed",
        "tests/safety/test_gate.py::test_whatever_comes_in_what_comes_out_is_safe",
        then="clipped and smoothed; drives on"),
]

PILOT = [
    Row("gamepad unplugged, stick held", "stale_pilot", flows.pad(lambda pad: pad.unplug()), LOSS_S),
    Row("radio pad out of reach, stick held", "deadman", flows.silent_pad(SILENCE_S + 0.5), SILENCE_S + TURN_S),
    Row("deadman released", "deadman", flows.pad(lambda pad: pad.press(XBOX.deadman, False)), TURN_S),
    Row("pilot's link lost, drive goes on", "stale_pilot", rigs.stops(rigs.pilot_lost), PILOT_S),
    Row("emergency stop by the pilot", "estop", flows.pad(lambda pad: pad.press(XBOX.estop)), TURN_S),
    Row("emergency stop by anybody: `jetracer stop`", "estop", rigs.stops(rigs.estop_by_another), PERIOD_S),
    Row("human touches the stick, network drives", "armed",
        "tests/drive/test_override.py::test_a_touched_stick_has_the_car_at_the_next_turn", TURN_S,
        then="the human drives, next turn"),
    Row("gamepad comes back, or is plugged in, with the deadman held", "deadman",
        "tests/teleop/test_gamepad.py::test_unplugged_with_the_stick_held", then="neutral until it is let go once"),
    Row("stick held while arming", "stick", "tests/safety/test_guard.py::test_no_arming_with_the_stick_held",
        then="not armed"),
    Row("arming button held or stuck", "not_armed",
        "tests/safety/test_guard.py::test_the_button_must_have_been_let_go_before", then="not armed"),
    Row("arming while the ESC settles", "settling",
        "tests/safety/test_guard.py::test_the_button_counts_while_it_is_held", then="not armed"),
    Row("nobody at the keyboard", "deadman", "tests/teleop/test_keyboard.py::test_no_more_keys_no_more_drive"),
    Row("terminal hangs up", "stale_pilot", "tests/teleop/test_keyboard.py::test_a_terminal_that_hangs_up"),
    Row("gamepad may not be read", "", "tests/teleop/test_gamepad.py::test_no_permission_is_told_with_what_to_do",
        then=NOT_STARTED),
    Row("a service whose pilot arms by itself", "",
        "tests/drive/test_service.py::test_no_pilot_that_arms_the_car_by_itself", then=NOT_STARTED),
]

BUS = [
    Row("one transfer not acknowledged", "armed",
        "tests/safety/test_guard.py::test_one_bad_transfer_is_repeated_at_once", then="repeated at once; drives on"),
    Row("motors' chip silent (from its return)", "bus_fault", flows.chip("i2c_nak", 0.5), LOSS_S),
    Row("motors' chip silent while nothing changes", "bus_fault", rigs.notice(rigs.chip_silent, "bus_fault"),
        REFRESH_S + PERIOD_S, then="said; neutral tried every 10 ms"),
    Row("motors' chip loses its supply (from its return)", "brown_out", flows.chip("brown_out", 0.05),
        REFRESH_S + 2 * PERIOD_S, then="neutral, latched; set up anew"),
    Row("a command hangs with the bus", "watchdog",
        "tests/safety/test_guard.py::test_a_command_that_hung_is_not_repeated_when_the_bus_answers_again",
        then="neutral, latched, when the bus answers again"),
    Row("bus gone while the wheels turn", "bus_fault",
        "tests/safety/test_server.py::test_it_says_once_that_the_car_is_out_of_reach_and_once_that_it_is_back",
        then="one line: SWITCH THE CAR OFF"),
    Row("bus gone as guard or parent end", "",
        "tests/safety/test_failsafe.py::test_when_the_bus_is_gone_too_it_says_so", then="one line: SWITCH THE CAR OFF"),
    Row("chip missing at the start", "no guard", "tests/safety/test_start.py::test_a_chip_that_is_not_there",
        then=NOT_STARTED),
    Row("bus missing at the start", "no guard", "tests/safety/test_start.py::test_a_bus_that_is_not_there",
        then=NOT_STARTED),
    Row("bus or chip missing when a service starts", "no guard",
        "tests/safety/test_failsafe.py::test_it_waits_for_chips_that_do_not_answer_and_says_so_once",
        then="waits, and says for what"),
    Row("bus that may not be opened", "no guard",
        "tests/core/test_names_and_errors.py::test_a_bus_that_may_not_be_opened_names_the_group", then=NOT_STARTED),
    Row("pulses left by a dead program", "no guard", "tests/safety/test_neutral.py::test_what_dead_programs_left_ends",
        then="neutral"),
]

POWER = [
    Row("battery low", "battery_warn", rigs.notice(rigs.battery(rigs.WARN_V), "battery_warn"), EMPTY_S, then="said"),
    Row("battery lower", "battery_limit", rigs.notice(rigs.battery(rigs.LIMIT_V), "battery_limit"), EMPTY_S,
        then="slowed"),
    Row("battery empty", "battery_stop", rigs.stops(rigs.battery(rigs.EMPTY_V)), EMPTY_S),
    Row("battery sags while the motor pulls", "armed", "tests/safety/test_health.py::test_a_sag_is_none",
        then="drives on"),
    Row("battery's voltage breaks down", "brown_out", rigs.stops(rigs.battery(rigs.DIP_V)), MEASURED_S),
    Row("battery's sensor gone", "battery_unknown", rigs.notice(rigs.sensor_lost, "battery_unknown"),
        UNKNOWN_S + 2 * MEASURED_S, then="its last verdict stays"),
    Row("computer's supply dips", "brown_out", rigs.stops(rigs.computer(dips=8)), WATCHED_S),
    Row("computer hot", "hot_warn", rigs.notice(rigs.computer(temperature_c=81.0), "hot_warn"), WATCHED_S, then="said"),
    Row("computer hotter", "hot_limit", rigs.notice(rigs.computer(temperature_c=88.0), "hot_limit"), WATCHED_S,
        then="slowed"),
    Row("computer about to switch itself off", "hot_stop", rigs.stops(rigs.computer(temperature_c=94.0)), WATCHED_S),
    Row("computer throttles itself", "throttled",
        rigs.notice(rigs.computer(held_back=("cpu-throttle-alert",)), "throttled"), WATCHED_S, then="said"),
    Row("a sensor of the computer hangs", "armed",
        "tests/car/test_computer.py::test_a_watch_reads_again_and_again_and_one_that_hangs_holds_nothing_up",
        then="its last verdict stays"),
]

PROCESSES = [
    Row("drive killed (also for want of memory)", "watchdog", processes.killed("drive"), KILL_S),
    Row("drive stopped, or its loop hangs", "watchdog", processes.stopped("drive"), KILL_S),
    Row("drive interrupted: Ctrl-C", "ended", processes.interrupted, KILL_S, then="neutral; the drive ends"),
    Row("drive out of memory", "ended", processes.out_of_memory, KILL_S, then="neutral; the drive ends"),
    Row("drive wakes up after it was stopped", "watchdog",
        "tests/safety/test_kill.py::test_a_driver_that_wakes_up_again_is_not_obeyed"),
    Row("guard killed", "no guard", processes.killed("guard"), KILL_S, then="neutral by its parent; both end"),
    Row("guard stopped, or hangs", "no guard", processes.stopped("guard"), KILL_S,
        then="neutral by its parent; both end"),
    Row("guard's parent killed", "no guard", processes.killed("parent"), KILL_S, then="neutral by the guard; both end"),
    Row("guard's parent stopped, or hangs", "no guard", processes.stopped("parent"), KILL_S,
        then="neutral by the guard; both end"),
    Row("whoever started the guard is gone", "no guard",
        "tests/safety/test_start.py::test_it_ends_with_whoever_started_it", then="neutral; both end"),
    Row("simulated world killed", "stale_frame", processes.killed("world", Drive), KILL_S),
    Row("simulated world stopped", "stale_frame", processes.stopped("world", Drive), KILL_S),
    Row("all frozen together: a paused machine (from waking up)", "watchdog", processes.frozen_together, KILL_S),
    Row("the machine sleeps (suspend)", "watchdog",
        "tests/safety/test_server.py::test_a_machine_that_slept_wakes_up_in_neutral",
        then="neutral, latched, once it wakes up"),
    Row("drive's loop hangs, as a service", "watchdog",
        "tests/systemd/boot.py::test_a_drive_that_hangs_is_neutral_at_once_and_started_again", KILL_S,
        then="neutral, latched; started again"),
    Row("guard and parent killed together, as a service", "no guard",
        "tests/systemd/boot.py::test_guard_and_parent_killed_at_once_are_the_third_layers_turn", SYSTEMD_S,
        then="neutral by systemd; started again"),
    Row("guard and parent hang together, as a service", "no guard",
        "tests/systemd/boot.py::test_guard_and_parent_that_hang_together_are_the_watchdogs", 1.0 + SYSTEMD_S,
        then="neutral by systemd; started again"),
]

COMMANDS = [
    Row("commands stop coming", "watchdog", rigs.stops(rigs.silence), LOSS_S),
    Row("only commands that are late, as after a suspend", "watchdog", rigs.stops(rigs.only_late), LOSS_S),
    Row("only commands that were there before", "watchdog", rigs.stops(rigs.only_repeated), LOSS_S),
    Row("connection to the guard ends", "watchdog", rigs.stops(rigs.disconnected), PERIOD_S),
    Row("one command late, twice or damaged", "armed",
        "tests/safety/test_any_commands.py::test_no_bad_command_reaches_the_registers",
        then="dropped and counted; drives on"),
    Row("two drivers at once", "other_driver",
        "tests/safety/test_guard.py::test_one_client_drives_and_others_are_refused", then="the first drives on"),
    Row("two guards at once", "", "tests/safety/test_claim.py::test_two_guards_never_share_a_bus", then=NOT_STARTED),
    Row("client of another version", "", "tests/safety/test_server.py::test_a_guard_of_another_version",
        then=NOT_STARTED),
    Row("guard's socket not permitted", "", "tests/safety/test_server.py::test_no_permission_on_the_socket",
        then=NOT_STARTED),
    Row("client that does not read its replies", "armed",
        "tests/safety/test_server.py::test_who_does_not_read_loses_replies_and_holds_nobody_up",
        then="the others drive on"),
]

DISK = [
    Row("disk full while recording", "disk full",
        "tests/data/test_recorder.py::test_a_full_disk_ends_the_recording_and_says_so",
        then="recording ends; drives on"),
    Row("disk or recorder stuck", "armed", "tests/data/test_recorder.py::test_a_stuck_disk_costs_steps_and_never_time",
        then="steps are lost and counted; drives on"),
    Row("recorder killed with the drive, or a power cut", "",
        "tests/data/test_crash.py::test_cut_off_at_five_hundred_places", then="the last moments are lost"),
    Row("folder of the runs cannot be written", "",
        "tests/drive/test_drive.py::test_a_folder_that_cannot_be_written_is_told_and_nothing_moves", then=NOT_STARTED),
    Row("clock of the calendar stepped", "armed",
        "tests/core/test_timing.py::test_nothing_that_drives_looks_at_the_calendar",
        then="drives on: no decision knows the date"),
]

CONFIGURATION = [
    Row("option or value that makes no sense", "", "tests/cli/test_main.py::test_wrong_usage_is_one_clear_line",
        then=NOT_STARTED),
    Row("unknown kit", "", "tests/car/test_kit.py::test_a_wrong_name_and_a_missing_file", then=NOT_STARTED),
    Row("kit with impossible wiring", "", "tests/car/test_cars.py::test_a_wiring_that_makes_no_sense_is_refused",
        then=NOT_STARTED),
    Row("limits that contradict each other", "", "tests/safety/test_limits.py::test_what_makes_no_sense_is_refused",
        then=NOT_STARTED),
    Row("other limits than the running guard's", "",
        "tests/drive/test_drive.py::test_a_drive_that_wants_other_limits_than_the_running_guard_does_not_start",
        then=NOT_STARTED),
    Row("service with a configuration that makes no sense", "",
        "tests/systemd/boot.py::test_a_configuration_that_makes_no_sense_is_told_and_not_tried_again",
        then="fails once, and says why"),
]

NOTEBOOK = [
    Row("kernel killed or stopped", "no guard", "tests/test_racecar.py::test_a_killed_kernel_stops_the_car", KILL_S,
        then="neutral"),
    Row("cell failed or interrupted", "armed", "tests/test_racecar.py::test_a_failed_or_interrupted_cell_stops_the_car",
        then="neutral until the next value"),
    Row("thread dies of an error", "armed", "tests/test_racecar.py::test_a_thread_that_dies_of_an_error_stops_the_car",
        then="neutral until the next value"),
    Row("observer of the camera fails", "armed",
        "tests/camera/test_notebook.py::test_the_error_of_an_observer_is_shown_stops_the_car_and_is_raised_by_the_next_read",
        then="neutral until the next value"),
    Row("value that is not a number", "armed", "tests/test_racecar.py::test_a_value_that_is_not_a_number_stops_the_car",
        then="neutral until the next value"),
    Row("nobody sets a value any more (`deadman_s`)", "armed",
        "tests/test_racecar.py::test_deadman_wants_a_sign_of_life", then="neutral until the next value"),
    Row("guard killed under a notebook", "no guard", "tests/test_racecar.py::test_a_guard_that_is_killed_is_said",
        then="neutral; the next value says so"),
]

DISPLAY = [
    Row("display absent", "", "tests/drive/test_panel.py::test_an_absent_display_is_no_event_and_may_come_later",
        then="drives on; looked for again"),
    Row("display gone mid-drive", "",
        "tests/drive/test_panel.py::test_an_absent_display_is_no_event_and_may_come_later",
        then="drives on; looked for again"),
    Row("display's bus stuck", "", "tests/drive/test_panel.py::test_a_stuck_bus_holds_nothing_up", then="drives on"),
    Row("display's program killed", "armed", "tests/display/test_turn.py::test_it_ends_with_its_holder",
        then="drives on; the next one has the glass"),
]

KERNEL = [
    Row("gamepad unplugged, stick held (kernel)", "stale_pilot", Kernel("gamepad unplugged, stick held"), LOSS_S),
    Row("camera unplugged (kernel)", "stale_frame", Kernel("camera unplugged"), LOSS_S),
    Row("camera's driver unloaded, and loaded again", "stale_frame", Kernel("camera's module removed, loaded again"),
        then="neutral, latched; drives on with the new one"),
    Row("one transfer not acknowledged (kernel)", "armed", Kernel("one transfer not acknowledged"), 0.010,
        then="repeated at once; drives on"),
    Row("motors' chip silent, from its return (kernel)", "bus_fault",
        Kernel("chip silent for 0.5 s: from its return"), LOSS_S),
    Row("bus hangs for 3 s, from its end", "no guard", Kernel("bus hangs for 3 s: from its end"), LOSS_S,
        then="neutral; meanwhile SWITCH THE CAR OFF"),
    Row("adapter unplugged", "bus_fault", Kernel("adapter unplugged: until it is said"), 0.3,
        then="SWITCH THE CAR OFF; the next drive begins in neutral"),
    Row("drive killed (kernel)", "watchdog", Kernel("drive process SIGKILLed"), KILL_S),
    Row("guard killed (kernel)", "no guard", Kernel("guard SIGKILLed"), KILL_S, then="neutral by its parent"),
    Row("guard's parent killed (kernel)", "no guard", Kernel("guard's parent SIGKILLed"), KILL_S,
        then="neutral by the guard"),
    Row("clock of the calendar stepped (kernel)", "armed", Kernel("calendar's clock stepped by hours"),
        then="drives on"),
]

GROUPS: Dict[str, List[Row]] = {
    "camera": CAMERA, "engine and model": ENGINE, "pilot": PILOT, "bus and motors": BUS, "power and heat": POWER,
    "processes": PROCESSES, "commands": COMMANDS, "disk and clock": DISK, "configuration": CONFIGURATION,
    "notebook": NOTEBOOK, "display": DISPLAY, "the kernel's own drivers": KERNEL,
}

