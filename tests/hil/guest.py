"""Boots a guest and runs programs in it: a virtual machine without KVM, whose root is this machine's own, read-only.

Any interpreter of this machine runs there, with its packages; what a program writes to `OUT` comes back.
"""
from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Sequence

from tests.hil.image import Image

OUT = "/hil"  # in the guest: the folder that both sides see
_KERNEL = "console=ttyS0 loglevel=1 preempt=full mitigations=off panic=-1 hilinit={out}/init"
# TCG is QEMU's own processor; one core, since USB/IP took up to 34 ms a transfer on two. Nehalem is the oldest that
# numpy 2 runs on, and has no AVX, which TCG is slow at. The guest's clock counts its instructions, 2 ns each, and
# follows this machine's only while the guest is idle: on a slow or busy machine it takes longer, and measures the same.
_QEMU = ("qemu-system-x86_64", "-accel", "tcg", "-cpu", "Nehalem", "-smp", "1", "-icount", "shift=1", "-m", "1536",
         "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot", "-nodefaults",
         "-nic", "none")  # fmt: skip
# What is measured in the guest should not wait for other programs of this machine, where that is permitted. The kernel
# weighs sessions against each other before it weighs programs: sched(7), "autogroup".
_HURRY = ("sh", "-c", 'echo -20 > /proc/self/autogroup; exec nice -n -20 "$@"', "sh")


class Guest:
    """Runs the commands one after the other, in `work`, and ends. `folder` is shared with it, as `OUT`.

    What the console showed is in the folder's `console.log`.
    """

    def __init__(self, image: Image, commands: Sequence[Sequence[str]], folder: Path, work: Path) -> None:
        lines = ["#!/bin/sh", f"cd {shlex.quote(str(work))}", "export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        lines += [" ".join(map(shlex.quote, command)) for command in commands]
        lines += ["echo b > /proc/sysrq-trigger", "sleep 60"]  # at once: QEMU ends instead of a restart
        folder.mkdir(parents=True)
        init = folder / "init"
        init.write_text("\n".join(lines) + "\n")
        init.chmod(0o755)
        command = [*_QEMU, "-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append",
                   _KERNEL.format(out=OUT), *_share("root", Path("/"), ",readonly=on"), *_share("out", folder)]
        with (folder / "console.log").open("wb") as console:
            self._process = subprocess.Popen([*_HURRY, *command], stdin=subprocess.DEVNULL, stdout=console,
                                             stderr=console, start_new_session=True)  # fmt: skip

    def wait(self, timeout_s: float) -> None:
        """Until it has ended; a guest that takes longer is ended."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _share(tag: str, folder: Path, options: str = "") -> Sequence[str]:
    """A folder of the host as a 9p file system."""
    return ("-fsdev", f"local,id={tag},path={folder},security_model=none,multidevs=remap{options}",
            "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}")  # fmt: skip
