"""Runs in the guest:   python -m tests.hil.suite RESULTS.jsonl [--short]"""
from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hil import faults, parts
from tests.hil.case import tried
from tests.hil.rig import Rig

CASES = [*parts.CASES, *faults.CASES]
# What a drive loads and locks in memory. Read for the first time it comes through QEMU's file server, which holds up
# the emulated core for longer than guard and parent wait for each other.
_WARM_UP = "import cv2, onnxruntime, jetracer.drive.build; from jetracer.core import realtime as r; r.enter_realtime()"


def main() -> int:
    short = "--short" in sys.argv[2:]
    subprocess.run([sys.executable, "-c", _WARM_UP], check=True)
    with tempfile.TemporaryDirectory() as folder, open(sys.argv[1], "w", encoding="utf-8") as results:
        rig = Rig(Path(folder))
        for one in CASES:
            if one.everywhere or not short:
                row = {"python": platform.python_version(), **tried(one, rig)}
                results.write(json.dumps(row) + "\n")  # at once: what comes after it may take the guest down
                results.flush()
        rig.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
