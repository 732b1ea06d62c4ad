"""A camera on /dev/video0: the kernel's vivid driver, a webcam with a test pattern."""
from __future__ import annotations

import subprocess
import time
from pathlib import Path

DEVICE = Path("/dev/video0")
_DRIVER = Path("/sys/bus/platform/drivers/vivid")
_OPTIONS = ("n_devs=1", "node_types=0x1", "num_inputs=1", "input_types=0x00")  # one device, one webcam


def plug(within_s: float = 5.0) -> None:
    """Plug the camera in, if it is not; loads the driver where it is not there."""
    if DEVICE.exists():
        return
    if _DRIVER.exists():
        (_DRIVER / "bind").write_text("vivid.0")
    else:
        subprocess.run(["modprobe", "vivid", *_OPTIONS], check=True)
    until_s = time.monotonic() + within_s
    while not DEVICE.exists():
        if time.monotonic() > until_s:
            raise TimeoutError("The kernel made no camera.")
        time.sleep(0.01)


def unplug() -> None:
    """Take the camera from its driver, whoever reads it."""
    (_DRIVER / "unbind").write_text("vivid.0")


def users() -> int:
    """How many hold the camera open."""
    rows = (line.split() for line in Path("/proc/modules").read_text().splitlines())
    return next((int(row[2]) for row in rows if row[0] == "vivid"), 0)


def unload() -> None:
    """Remove the driver. Raises CalledProcessError while somebody reads the camera."""
    subprocess.run(["modprobe", "-r", "vivid"], check=True)
