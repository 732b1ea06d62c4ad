"""From a configuration to a running car: starts what a drive needs, in order, and ends all of it in reverse."""
from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterator, Optional

from jetracer.camera.base import Camera
from jetracer.camera.calibration import load_camera
from jetracer.camera.geometry import SIM_CAMERA, CameraModel
from jetracer.camera.load import make_camera, resolve
from jetracer.control.arbiter import Arbiter
from jetracer.control.base import CONTROLLERS, Controller
from jetracer.core.clock import MonotonicClock
from jetracer.core.errors import CameraEnded, ConfigError
from jetracer.core.notify import Notifier
from jetracer.core.rate import Rate
from jetracer.core.realtime import enter_realtime, freeze_garbage
from jetracer.core.types import Step
from jetracer.data.recorder import Recording
from jetracer.display.base import DISPLAYS, make_display
from jetracer.drive.config import DriveConfig
from jetracer.drive.ending import Ending
from jetracer.drive.loop import Driver, run
from jetracer.drive.panel import Panel
from jetracer.drive.report import finish
from jetracer.drive.run_folder import make_recorder, make_run_folder
from jetracer.drive.service import Herald, check_pilot, first_picture, patiently
from jetracer.drive.vitals import CarView
from jetracer.drive.world import fault_names, simulated
from jetracer.engine.base import Engine
from jetracer.engine.load import load_engine
from jetracer.perception.base import Perception
from jetracer.perception.blind import Blind
from jetracer.perception.road import RoadFollower
from jetracer.safety.client import GuardClient
from jetracer.safety.launch import Launch
from jetracer.safety.start import GuardHandle, join_guard, join_or_start_guard
from jetracer.sim.faults import Faults, FaultyEngine
from jetracer.sim.track import Track, generate
from jetracer.teleop.base import BY_HAND, Teleop, make_teleop

Watch = Callable[[Step, Any, Recording], None]
Say = Callable[[str], None]


def silent(_text: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Parts:
    """What a drive runs on. `truth` and `track` are the simulated world's, `panel` the display's, else None."""

    config: DriveConfig  # as used: a guard that ran before keeps its own bus, car and limits
    driver: Driver
    camera: Camera
    truth: Optional[Callable[[], Any]]
    track: Optional[Track]
    panel: Optional[Panel] = None


def drive(config: DriveConfig, watch: Optional[Watch] = None, say: Say = silent) -> Dict[str, Any]:
    """Drive until the configured end or Ctrl-C; returns the summary that also lies in the run folder.

    `watch` sees every step (with the truth, in simulation) and how the recording goes, `say` gets a sentence now and
    then. Raises JetRacerError.
    """
    config = completed(config)
    recorder, notifier = None, Notifier()
    ending = Ending(config)
    try:
        with _assembled(config, say, notifier) as parts, closing(notifier):
            folder = make_run_folder(parts.config)
            recorder = make_recorder(folder, parts.config, parts.driver.perception.engine, parts.truth)
            rate = Rate(config.hz, MonotonicClock()) if config.hz else None
            sinks = [recorder, Herald(notifier)]
            if parts.panel is not None:
                parts.panel.recorder = recorder
                sinks.append(parts.panel)
            if watch is not None:
                sinks.append(lambda step: watch(step, parts.truth() if parts.truth else None, recorder.state))
            try:
                run(parts.driver, parts.camera, sinks, lambda step: ending(step, parts.truth), rate)
            except CameraEnded:
                ending.reason = "the recording ended"
            except KeyboardInterrupt:
                ending.reason = "interrupted"
    finally:
        # the car is in neutral and every process has ended; now there is time for the film
        if recorder is not None:
            say("writing the report")
            recording = recorder.close()
            summary = finish(folder, parts.track, config.film, {"recording": recording._asdict()})
    return {**summary, "ended": ending.reason, "reached": ending.reached}


def completed(config: DriveConfig) -> DriveConfig:
    """The configuration with what follows from the rest filled in. Raises ConfigError."""
    camera = resolve(replace(config.camera, name="sim") if config.sim else config.camera)
    nothing_moves = config.sim or config.car.name == "null"
    teleop = config.teleop or ("auto" if nothing_moves else "null")
    if config.world.fault and not config.sim:
        raise ConfigError("--fault needs --sim: faults are for the simulated world.")
    if config.laps is not None and not config.sim:
        raise ConfigError("--laps needs --sim: only the simulated world counts laps; use --duration.")
    duration_s = config.duration_s
    if config.sim and duration_s is None and config.laps is None and teleop.partition(":")[0] not in BY_HAND:
        duration_s = 60.0
    display = replace(config.display, name=config.display.name or ("null" if nothing_moves else "ssd1306"))
    DISPLAYS.get(display.name)  # a wrong name is told before anything runs
    return replace(config, camera=camera, teleop=teleop, duration_s=duration_s, display=display)


@contextmanager
def _assembled(config: DriveConfig, say: Say, notifier: Notifier) -> Iterator[Parts]:
    """All that a drive needs; as a service it waits for what is not there (yet), the first picture included."""
    if not config.service:
        with assemble(config, say) as parts:
            yield parts
        return
    with patiently(lambda: assemble(config, say), notifier, MonotonicClock()) as parts:
        first_picture(parts.camera, notifier)
        yield parts


@contextmanager
def assemble(config: DriveConfig, say: Say = silent) -> Iterator[Parts]:
    """Start world, guard, engine and camera; whatever fails, what was started is ended again."""
    clock = MonotonicClock()
    used, geometry = config, camera_model(config)
    with ExitStack() as stack:
        world = None
        if config.sim:
            world, config = simulated(config, stack)
        guard_handle = stack.enter_context(_guard(config))
        if not guard_handle.ours:
            used = config = _with_guard(config, guard_handle, say)
        elif world is None:
            used = config = replace(config, bus=guard_handle.launch.bus)  # which one "auto" is
        if config.service:
            check_pilot(config)
        perception = _perception(config, clock, stack)
        if world is not None:
            world.open()
        camera = stack.enter_context(make_camera(config.camera, clock))
        teleop = stack.enter_context(make_teleop(config.teleop, clock))
        guard = stack.enter_context(GuardClient(guard_handle.socket_path))
        driver = Driver(perception, _controller(config, geometry, clock, say), Arbiter(), teleop, guard, clock)
        truth = world.shared.truth if world else None
        _prepare_process(config, say)
        if teleop.hint:
            say(hint_of(teleop, config))
        panel = stack.enter_context(_panel(config, guard_handle.socket_path, truth, stack))
        yield Parts(used, driver, camera, truth, generate(world.shared.seed) if world else None, panel)


def _guard(config: DriveConfig) -> GuardHandle:
    """The one that runs or, but for a service, a new one."""
    if config.service:
        return join_guard(config.guard.socket)
    return join_or_start_guard(Launch(config.bus, config.car, config.guard))


def _with_guard(config: DriveConfig, guard: GuardHandle, say: Say) -> DriveConfig:
    """The configuration with what the guard that already runs was started with. Raises GuardTaken."""
    guard.require(Launch(config.bus, config.car, config.guard))
    say(f"driving with the guard that runs on {guard.socket_path}")
    return replace(config, bus=guard.launch.bus, car=guard.launch.car, guard=guard.launch.guard)


def camera_model(config: DriveConfig) -> Optional[CameraModel]:
    """What is known of the camera: its file, in simulation the simulated one's, else None. Raises ConfigError."""
    if config.camera.calibration:
        return load_camera(config.camera.calibration).model(config.camera)
    return SIM_CAMERA if config.sim else None


def _controller(config: DriveConfig, geometry: Optional[CameraModel], clock: MonotonicClock, say: Say) -> Controller:
    """The one that was asked for, or NVIDIA's, which needs no metres, where the camera was never measured."""
    name = config.control.name
    if CONTROLLERS.get(name).needs_camera and geometry is None:
        say(f"steering by the aim in the picture: {name} needs the camera's file (jetracer calibrate camera, then "
            "--camera.calibration FILE)")
        name = "aim"
    return CONTROLLERS.create(name, config.control, geometry, clock)


def _panel(config: DriveConfig, guard_socket: Path, truth: Optional[Callable[[], Any]], stack: ExitStack
           ) -> ContextManager[Optional[Panel]]:
    """What keeps the display up to date; nothing without one. In simulation the speed is the world's."""
    if config.display.name in ("", "null"):
        return nullcontext()
    view = CarView(guard_socket, config.bus, config.guard.battery)
    stack.callback(view.close)
    speed = (lambda: truth().speed_mps) if truth is not None else None
    return Panel(make_display(config.display, config.bus), Path(config.road).stem, view, speed)


def hint_of(teleop: Teleop, config: DriveConfig) -> str:
    """How to drive; of the record button only where it decides what is kept."""
    records = teleop.record_button and config.record.pictures == "button"
    return teleop.hint + (f", {teleop.record_button} records" if records else "")


def _perception(config: DriveConfig, clock: MonotonicClock, stack: ExitStack) -> Perception:
    return Blind() if config.road == "none" else RoadFollower(stack.enter_context(_engine(config, clock)))


def _engine(config: DriveConfig, clock: MonotonicClock) -> Engine:
    engine = load_engine(config.road)
    faults = Faults.parse(fault_names(config))
    return FaultyEngine(engine, faults, clock) if faults else engine


def _prepare_process(config: DriveConfig, say: Say) -> None:
    """Real-time mode for what has to be quick: after the camera's thread, before those of display and report."""
    if config.realtime:
        refused = enter_realtime()
        if refused:
            say(refused)
        freeze_garbage()
