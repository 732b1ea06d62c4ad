"""The daemon behind a Jetson's CSI cameras: how to tell that it is stuck, and the restart that helps.

A program that crashed while it held the camera can leave nvargus-daemon in a state in which nobody gets pictures any
more ("Could not initialize camera"). Texts as in the forums' and jetcam's issues 12, 32 and 46.
"""
from __future__ import annotations

import logging
import re
import subprocess

from jetracer.core.runtime import runtime_dir

COMMAND = ("sudo", "-n", "systemctl", "restart", "nvargus-daemon")  # what `service install` may permit, no more
RESTART = "sudo systemctl restart nvargus-daemon"
PERMIT = "jetracer service install --allow-camera-restart"
PAUSE_S = 60.0  # between two restarts: other programs' cameras end with each
_TIMEOUT_S = 20.0
_STUCK = re.compile(r"Failed to create CaptureSession|No cameras available|Timeout|sent no picture|"
                    r"sends no pictures|cannot open the pipeline", re.IGNORECASE)
_log = logging.getLogger(__name__)


def stuck(text: str) -> bool:
    """Whether a camera's last words are those of a daemon that has to be restarted."""
    return bool(_STUCK.search(text))


def restart(now_s: float) -> str:
    """Restart the daemon, if that is permitted and a minute has passed; else why not, and what to do.

    `now_s` is monotonic. Takes seconds: never call it from the drive loop.
    """
    note = runtime_dir() / "nvargus-restarted"
    if 0.0 <= now_s - _noted_s(note) < PAUSE_S:
        return "Its daemon was restarted less than a minute ago, which did not help."
    _log.warning("the CSI camera's daemon is stuck; restarting it")
    try:
        done = subprocess.run(COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              timeout=_TIMEOUT_S, check=False)
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    except (OSError, subprocess.TimeoutExpired) as error:
        return _refused(str(error))
    if done.returncode:
        return _refused(said[0] if said else f"exit status {done.returncode}")
    note.write_text(str(now_s), encoding="utf-8")
    return ""


def _noted_s(note) -> float:
    """When the daemon was last restarted, by any program of this user."""
    try:
        return float(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return float("inf")


def _refused(why: str) -> str:
    return f"Its daemon has to be restarted, and could not be ({why}); run: {RESTART}; once and for all: {PERMIT}"
