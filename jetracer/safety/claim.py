"""What makes a guard the only one: a lock per socket, a lock per bus, and the socket itself."""
from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Union

from jetracer.core.config import dump, load
from jetracer.core.errors import ConfigError, GuardError, GuardTaken
from jetracer.core.runtime import guard_socket
from jetracer.safety.guard import GuardConfig
from jetracer.safety.launch import Launch

DEVICES = Path("/dev")
PATH_MAX = 107  # bytes of a unix socket's address


class Claim:
    """Takes the locks when made (`bus` is None for a car without one); `listen` makes the socket.

    Raises GuardTaken when a living guard holds one, GuardError when the place cannot be used.
    Locks die with their holders, so what a killed guard left behind is stale by definition and is replaced.
    """

    def __init__(self, config: GuardConfig, bus: Optional[str]) -> None:
        self.path = Path(config.socket) if config.socket else guard_socket()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._umask, self._mode = (0o117, 0o640) if config.group_access else (0o177, 0o600)
        self._locks: List[int] = []
        try:
            self._check_path()
            self._lock(Path(f"{self.path}.lock"), f"A guard is already listening on {self.path}")
            if bus is not None:
                self._lock_bus(bus)
        except GuardError:
            self.release()
            raise

    def describe(self, launch: Launch) -> None:
        """Say in the socket's lock file which car this guard owns, and by which limits, for `claimed`."""
        launch = replace(launch, guard=replace(launch.guard, socket=str(self.path)))
        Path(f"{self.path}.lock").write_text(dump(launch), encoding="utf-8")

    def listen(self) -> None:
        """Make the socket, open to its owner only (or to the group): whoever may write there may drive."""
        before = os.umask(self._umask)
        try:
            self.path.unlink(missing_ok=True)
            self.listener.bind(str(self.path))
            self._bound = True
            self.listener.listen(8)
        except OSError as error:
            raise self._impossible(error) from error
        finally:
            os.umask(before)

    def sweep(self) -> None:
        """Take away what a killed guard left. The locks stay until all its processes have ended."""
        self.path.unlink(missing_ok=True)

    def release(self) -> None:
        """Take the socket away and let the locks go."""
        self.listener.close()
        if self._bound:
            self.path.unlink(missing_ok=True)
        while self._locks:
            os.close(self._locks.pop())

    _bound = False

    def _check_path(self) -> None:
        size = len(os.fsencode(str(self.path)))
        if size > PATH_MAX:
            raise GuardError(
                f"The socket's path has {size} bytes, the system takes {PATH_MAX}: {self.path}; "
                "choose a shorter one with --guard.socket PATH."
            )

    def _lock_bus(self, bus: str) -> None:
        """Beside a virtual board; a real bus by its device file, which all users of the machine share."""
        kind, _, board = bus.partition(":")
        device = Path(board) if board else DEVICES / f"i2c-{kind}"
        if os.access(device, os.R_OK):  # a bus that is not there or closed to us: `open_bus` says it better
            lock = Path(f"{board}.lock") if board else device
            self._lock(lock, f"Another guard already drives the car on bus {bus}")

    def _lock(self, path: Path, taken: str) -> None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, self._mode)
        except OSError as error:
            raise self._impossible(error) from error
        self._locks.append(fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GuardTaken(
                f"{taken}; stop it with: jetracer stop, or choose another with --guard.socket PATH."
            ) from error

    def _impossible(self, error: OSError) -> GuardError:
        return GuardError(
            f"The guard cannot listen on {self.path} ({error.strerror}); "
            "choose another place with --guard.socket PATH."
        )


def claimed(socket_path: Union[str, Path]) -> Launch:
    """What the guard that listens there was started with. Raises GuardError when it does not say."""
    path = Path(f"{socket_path}.lock")
    try:
        launch = load(Launch(), path)
        if not launch.guard.socket:
            raise ConfigError(f"{path} is empty; try again")  # it is being written at this moment
        return launch
    except ConfigError as error:
        raise GuardError(f"The guard on {socket_path} does not say which car it owns ({error})") from error
