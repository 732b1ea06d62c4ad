"""What makes a guard the only one: a lock per socket, a lock per bus, and the socket itself."""
from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import List, Optional, Union

from jetracer.car.base import CarConfig
from jetracer.core.config import dump, load
from jetracer.core.errors import ConfigError, GuardError, GuardTaken
from jetracer.core.runtime import guard_socket, runtime_dir
from jetracer.safety.guard import GuardConfig

PATH_MAX = 107  # bytes of a unix socket's address


class Claim:
    """Takes the locks when made (`bus` is None for a car without one); `listen` makes the socket.

    Raises GuardTaken when a living guard holds one, GuardError when the place cannot be used.
    Locks die with their holders, so what a killed guard left behind is stale by definition and is replaced.
    """

    def __init__(self, config: GuardConfig, bus: Optional[str]) -> None:
        self.path = Path(config.socket) if config.socket else guard_socket()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._umask = 0o117 if config.group_access else 0o177
        self._locks: List[int] = []
        try:
            self._check_path()
            self._lock(Path(f"{self.path}.lock"), f"A guard is already listening on {self.path}")
            if bus is not None:
                self._lock(_bus_lock(bus), f"Another guard already drives the car on bus {bus}")
        except GuardError:
            self.release()
            self.listener.close()
            raise

    def describe(self, car: CarConfig) -> None:
        """Say in the socket's lock file which car this guard owns, for `claimed_car`."""
        os.ftruncate(self._locks[0], 0)
        os.pwrite(self._locks[0], dump(car).encode("utf-8"), 0)

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

    def _lock(self, path: Path, taken: str) -> None:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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


def claimed_car(socket_path: Union[str, Path]) -> CarConfig:
    """The car of the guard that listens there. Raises GuardError when it does not say or may not be read."""
    path = Path(f"{socket_path}.lock")
    try:
        return load(CarConfig(), path)
    except ConfigError as error:
        raise GuardError(f"The guard on {socket_path} does not say which car it owns ({error})") from error


def _bus_lock(bus: str) -> Path:
    """Beside a virtual board; in the runtime folder for a real bus."""
    kind, _, path = bus.partition(":")
    return Path(f"{path}.lock") if path else runtime_dir() / f"i2c-{kind}.lock"
