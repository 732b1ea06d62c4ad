"""Donkey's own `Vehicle` (PyPI donkeycar), in a virtual environment of its own, made on first use."""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np

from benchmarks.measure import ROOT, progress, run_module
from jetracer.core.errors import DeviceError

HOME = ROOT / "build" / "donkey"
# onnxruntime and OpenCV: for the same network; typing_extensions: what its pipeline forgets to ask for
PACKAGES = ["donkeycar==5.3.0", "onnxruntime", "opencv-python-headless", "typing_extensions"]
INSTALL_S = 600


def find_donkey(install: bool = True) -> Path:
    """The Python that has Donkey. Raises DeviceError, with the reason, when there is none to be had."""
    python, done = HOME / "bin" / "python", HOME / ".done"
    if done.exists():
        return python
    if not install:
        raise DeviceError("Donkey is not installed yet; python -m benchmarks overhead does that.")
    if sys.version_info < (3, 11):
        raise DeviceError("Donkey 5.3.0 needs Python 3.11 or newer.")
    progress(f"installing {PACKAGES[0]} into {HOME.relative_to(ROOT)} (once)")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    try:
        venv.create(HOME, with_pip=True)
        subprocess.run(command, check=True, timeout=INSTALL_S, capture_output=True, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise DeviceError(f"Donkey could not be installed ({said[-1] if said else error}).") from error
    done.touch()
    return python


def donkey_block(python: Path, pictures: Path, road: str, hz: float, seconds: float
                 ) -> Tuple[np.ndarray, Dict[str, Any]]:
    """Donkey's loop at `hz`, camera at 60 frames a second: (array of TURN, facts). Raises DeviceError."""
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as folder:
        out = os.path.join(folder, "turns.npy")
        arguments = [str(pictures), out, road, str(hz), str(seconds)]
        facts = run_module(python, "benchmarks.donkey_block", arguments, seconds + 120.0,
                           {"PYTHONPATH": str(ROOT)})
        return np.load(out), facts
