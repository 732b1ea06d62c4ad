"""A simulated world's process for tests."""
from __future__ import annotations

import signal
import subprocess
import sys
import time

from jetracer.camera.base import CAMERAS, CameraConfig
from jetracer.sim.camera import FRAMES, SOCKET
from jetracer.sim.shared import SharedWorld

SERVER = [sys.executable, "-m", "jetracer.sim.server"]
QUICK = ["--look", "pattern", "--width", "64", "--height", "48", "--fps", "100", "--seed", "7"]
START_S = 20.0


def wait_for(condition, process=None, seconds=START_S):
    give_up_s = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, "the world ended"
        assert time.monotonic() < give_up_s, "it never happened"
        time.sleep(0.002)


class Running:
    """A world's process, ended with the block."""

    def __init__(self, folder, *options, new_group=True):
        self.folder = folder
        self.process = subprocess.Popen(
            [*SERVER, "--dir", str(folder), *QUICK, *options], stderr=subprocess.PIPE, start_new_session=new_group
        )

    def __enter__(self):
        wait_for((self.folder / SOCKET).exists, self.process)
        return self

    def __exit__(self, *_exc):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def camera(self):
        return CAMERAS.create("sim", CameraConfig("sim", path=str(self.folder)), None)

    def shared(self):
        return SharedWorld.attach(str(self.folder / FRAMES))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(5)
