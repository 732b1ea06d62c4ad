"""Which programs matter to a car, who listens, and what the kernel said: read from /proc and /dev below a root."""
from __future__ import annotations

import os
import re
from pathlib import Path
from typing import List, Optional, Tuple

from jetracer.core.processes import Program, holders, programs

_LOG_MAX = 4_000_000  # bytes
_LISTENING = "0A"  # include/net/tcp_states.h


def named(root: Path, name: str) -> Optional[Program]:
    """The program whose file is called `name`, if it runs."""
    return next((one for one in programs(root) if os.path.basename(one.command.split()[0]) == name), None)


def using(root: Path, library: str) -> List[Program]:
    """The programs that have loaded a library of this name; those of other users only for root."""
    found = []
    for one in programs(root):
        try:
            loaded = (root / f"proc/{one.pid}/maps").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if library in loaded:
            found.append(one)
    return found


def foreign(root: Path, found: List[Program]) -> List[Program]:
    """Those that are neither JetRacer nor a child of it, as its gst-launch-1.0 is."""
    own = {one.pid for one in programs(root) if one.ours} | {os.getpid()}
    return [one for one in found if not one.ours and one.parent not in own]


def listener(root: Path, port: int) -> Tuple[bool, Optional[Program]]:
    """(somebody listens on the TCP port, who it is where that may be known)."""
    for table in ("proc/net/tcp", "proc/net/tcp6"):
        try:
            text = (root / table).read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        # local address, remote address, state, then five columns up to the socket's inode
        match = re.search(rf":{port:04X} \S+ {_LISTENING}(?: +\S+){{5}} +(\d+)", text)
        if match:
            wanted = f"socket:[{match.group(1)}]"
            found = holders(root, wanted.__eq__)
            return True, found[0] if found else None
    return False, None


def kernel_log(root: Path) -> str:
    """What the kernel said since it started; empty where that may not be read."""
    log = _ring(root / "dev/kmsg")
    if log:
        return log
    try:
        with open(root / "var/log/kern.log", "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_MAX))
            log = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return log[max(0, log.rfind("Linux version")):]  # the newest start only


def _ring(path: Path) -> str:
    """/dev/kmsg gives one message a read, and EAGAIN after the newest."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    data = b""
    try:
        while len(data) < _LOG_MAX:
            try:
                part = os.read(fd, 8192)
            except BrokenPipeError:  # messages were overwritten meanwhile; the next read goes on after them
                continue
            if not part:
                break
            data += part
    except OSError:  # EAGAIN: that was all
        pass
    finally:
        os.close(fd)
    return data.decode("utf-8", "replace")
