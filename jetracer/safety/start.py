"""Start the guard's two processes and end them, or join a guard that runs already."""
from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional, TypeVar, Union

from jetracer.car.base import CarConfig
from jetracer.core import errors
from jetracer.core.errors import GuardError, GuardTaken
from jetracer.core.i2c import AUTO, which_bus
from jetracer.core.runtime import guard_socket
from jetracer.safety.claim import claimed
from jetracer.safety.client import GuardClient
from jetracer.safety.guard import GuardConfig
from jetracer.safety.launch import Launch, arguments, differences

READY_S = 10.0  # a guard needs a fifth of a second; a loaded machine more
END_S = 2.0
Handle = TypeVar("Handle", bound="GuardHandle")


class GuardHandle:
    """A guard that listens on `socket_path`, started by others as `launch` says. Also a context manager."""

    ours = False  # whether it ends with this handle

    def __init__(self, socket_path: Path, launch: Launch) -> None:
        self.socket_path, self.launch = socket_path, launch

    def connect(self) -> GuardClient:
        """An open client. Raises GuardError."""
        client = GuardClient(self.socket_path)
        client.open()
        return client

    def require(self, asked: Launch) -> None:
        """Raises GuardTaken unless the guard has all that `asked` wants other than by default."""
        found = differences(asked, self.launch)
        if found and asked.bus.startswith("sim:") and self.launch.bus.startswith("sim:"):
            raise GuardTaken("Another simulated car drives already, and there is one guard for all; end it where it "
                             "runs, or with: jetracer stop --shutdown")
        if found:
            raise GuardTaken(
                f"The guard that runs on {self.socket_path} keeps what it was started with: {', '.join(found)}. "
                "Leave these options out, end it with: jetracer stop --shutdown, "
                "or choose another with --guard.socket PATH."
            )

    def close(self) -> None:
        """Others have started the guard; it stays."""

    def __enter__(self: Handle) -> Handle:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class GuardProcess(GuardHandle):
    """A guard of our own, which ends with this process, however that ends.

    `guard_pid` and `parent_pid` are its processes, `realtime` whether it got real-time scheduling.
    """

    ours = True

    def __init__(self, process: subprocess.Popen, launch: Launch, lifeline: int, facts: Dict[str, Any]) -> None:
        super().__init__(Path(launch.guard.socket), launch)
        self.guard_pid: int = facts["guard_pid"]
        self.parent_pid: int = facts["parent_pid"]
        self.realtime: bool = facts["realtime"]
        self._process, self._lifeline = process, lifeline

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the guard; the car is in neutral when this returns."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the guard sees it, writes neutral and ends
            self._process.wait()


def start_guard(bus: Union[int, str] = AUTO, socket_path: Union[str, Path, None] = None,
                config: Optional[GuardConfig] = None, car: Optional[CarConfig] = None) -> GuardProcess:
    """Start a guard and return when it listens, neutral and disarmed. `socket_path` wins over the `config`'s.

    It ends when the returned handle is closed or this process is gone. Raises GuardTaken, GuardError,
    BusError (no such bus, no permission, no chip) or ConfigError; then nothing is left running.
    """
    config = config or GuardConfig()
    path = Path(socket_path or config.socket or guard_socket()).absolute()
    ready_read, ready_write = os.pipe()
    life_read, life_write = os.pipe()
    config = replace(config, socket=str(path))
    launch = Launch(which_bus(bus), car or CarConfig(), config, ready_write, life_read)
    process = subprocess.Popen(
        [sys.executable, "-m", "jetracer.safety.failsafe", *arguments(launch)],
        stdin=subprocess.DEVNULL,
        pass_fds=(ready_write, life_read),
        start_new_session=True,  # Ctrl-C is for the program that drives, which then ends the guard
    )
    os.close(ready_write)
    os.close(life_read)
    try:
        return GuardProcess(process, launch, life_write, _facts(ready_read))
    except BaseException:
        os.close(life_write)
        process.kill()
        process.wait()
        raise
    finally:
        os.close(ready_read)


def join_guard(socket_path: Union[str, Path, None] = None) -> GuardHandle:
    """The guard that runs. Raises GuardError when none does or it may not be reached."""
    path = Path(socket_path or guard_socket()).absolute()
    with GuardClient(path):
        return GuardHandle(path, claimed(path))


def join_or_start_guard(asked: Launch) -> GuardHandle:
    """A guard of our own, or the one that listens there already and keeps its own settings. Raises as `start_guard`."""
    try:
        return start_guard(asked.bus, None, asked.guard, asked.car)
    except GuardTaken:
        path = Path(asked.guard.socket or guard_socket())
        if not path.exists():
            raise  # the other guard has the bus but listens elsewhere
        return join_guard(path)


def _facts(ready: int) -> Dict[str, Any]:
    """What the guard reports when it is ready. Raises the error that it reports instead."""
    line = _line(ready)
    if not line:
        raise GuardError("The guard ended before it was ready; try: python -m jetracer.safety.failsafe")
    facts = json.loads(line.splitlines()[0])  # guard and parent may both have something to say; the first is heard
    if "error" in facts:
        raise getattr(errors, facts["error"], GuardError)(facts["text"])
    return facts


def _line(fd: int) -> bytes:
    """One line, or what came of it before the end. Raises GuardError when it takes too long."""
    end_s, data = time.monotonic() + READY_S, b""
    while not data.endswith(b"\n"):
        if not select.select([fd], [], [], max(0.0, end_s - time.monotonic()))[0]:
            raise GuardError(f"The guard was not ready within {READY_S:.0f} s; is the machine overloaded?")
        part = os.read(fd, 4096)
        if not part:
            break
        data += part
    return data
