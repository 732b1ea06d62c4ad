"""Where sockets and other files of the running system live."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Optional

SERVICE_DIR = Path("/run/jetracer")  # made by jetracer-guard.service, for its user and group


def runtime_place() -> Path:
    """The folder for sockets, which may not exist yet.

    JETRACER_RUNTIME_DIR, else the guard service's where this user may enter it, else $XDG_RUNTIME_DIR/jetracer,
    else jetracer-UID in the temporary folder.
    """
    chosen = os.environ.get("JETRACER_RUNTIME_DIR")
    session = os.environ.get("XDG_RUNTIME_DIR")
    if chosen:
        return Path(chosen)
    if os.access(SERVICE_DIR, os.R_OK | os.X_OK):
        return SERVICE_DIR
    if session and Path(session).is_dir():
        return Path(session) / "jetracer"
    return Path(tempfile.gettempdir()) / f"jetracer-{os.getuid()}"


def runtime_dir() -> Path:
    """`runtime_place`, made with mode 0700 if missing."""
    path = runtime_place()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def memory_dir() -> Optional[str]:
    """Where files shared by processes stay in memory: /dev/shm; None where there is none, or TMPDIR names a place.

    A virtual board on a disk made the process that writes a register wait for the disk now and then, 40 ms and more.
    """
    wanted = "TMPDIR" not in os.environ and os.access("/dev/shm", os.W_OK)
    return "/dev/shm" if wanted else None


def guard_socket() -> Path:
    """Where the guard of this user's car listens unless told otherwise."""
    return runtime_dir() / "guard.sock"
