"""Where sockets and other files of the running system live."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path


def runtime_dir() -> Path:
    """The folder for sockets, made with mode 0700 if missing.

    JETRACER_RUNTIME_DIR, else $XDG_RUNTIME_DIR/jetracer, else jetracer-UID in the temporary folder.
    """
    chosen = os.environ.get("JETRACER_RUNTIME_DIR")
    session = os.environ.get("XDG_RUNTIME_DIR")
    if chosen:
        path = Path(chosen)
    elif session and Path(session).is_dir():
        path = Path(session) / "jetracer"
    else:
        path = Path(tempfile.gettempdir()) / f"jetracer-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def guard_socket() -> Path:
    """Where the guard of this user's car listens unless told otherwise."""
    return runtime_dir() / "guard.sock"
