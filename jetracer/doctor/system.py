"""The computer: its software, disk, memory and clock."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Dict

from jetracer import __version__
from jetracer.doctor.base import Check, Host, fail, ok, skip, warn
from jetracer.doctor.processes import named

# L4T release (/etc/nv_tegra_release) to JetPack
JETPACKS = {32: "4", 34: "5", 35: "5", 36: "6", 38: "7", 39: "7"}
OLDEST_L4T = (32, 6)  # JetPack 4.6, TensorRT 8
DISK_WARN_GB, DISK_FAIL_GB = 2.0, 0.2
MEMORY_WARN_MB = 300
SWAP_WANTED_BELOW_MB = 6000  # of memory: the original Nano's 4 GB fill up in training and conversion
YEAR_2024_S = 1_704_067_200  # seconds since 1970
FUTURE_S = 60.0


def python(host: Host) -> Check:
    text = ".".join(map(str, host.python))
    if host.python < (3, 8):
        return fail("python", f"{text}; JetRacer needs 3.8", "sudo apt install python3.8 python3.8-venv")
    return ok("python", f"{text}, jetracer {__version__}")


def jetpack(host: Host) -> Check:
    if not host.jetson:
        return skip("jetpack", f"no Jetson: {host.board or 'a PC'}")
    match = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", host.text("/etc/nv_tegra_release"))
    if match is None:
        return warn("jetpack", "a Jetson without /etc/nv_tegra_release: a container?",
                    "run it outside the container, or mount /etc/nv_tegra_release into it")
    release = (int(match.group(1)), *map(int, match.group(2).split(".")))
    debs = _debs(host)
    name = debs.get("nvidia-jetpack", "").split("-")[0].split("+")[0] or JETPACKS.get(release[0], "unknown")
    l4t = ".".join(map(str, release))
    if release < OLDEST_L4T:
        return warn("jetpack", f"JetPack {name} (L4T {l4t}) is older than 4.6",
                    "flash the newest JetPack for this board: 4.6 on the original Nano")
    kernel, wanted = host.text("/proc/sys/kernel/osrelease"), debs.get("nvidia-l4t-kernel", "")
    if kernel and wanted and not wanted.startswith(kernel):
        return warn("jetpack", f"the kernel that runs ({kernel}) is not the installed one ({wanted})", "sudo reboot")
    return ok("jetpack", f"{name} (L4T {l4t}), TensorRT {tensorrt(host) or 'not installed'}")


def tensorrt(host: Host) -> str:
    """The version of JetPack's TensorRT, such as 8.2.1; empty without."""
    debs = _debs(host)
    library = next((debs[name] for name in sorted(debs) if re.fullmatch(r"libnvinfer\d+", name)), "")
    return (library or debs.get("tensorrt", "")).split("-")[0]


def root_filesystem(host: Host) -> Check:
    """A card with errors is mounted again read-only by the kernel, and nothing says so."""
    for line in host.text("/proc/mounts").splitlines():
        _device, place, _kind, options, *_ = [*line.split(), "", "", "", ""]
        if place == "/":
            if "ro" in options.split(","):
                return fail("root filesystem", "/ is read-only: the kernel found errors on the card",
                            "sudo reboot, which repairs it; if it comes again, replace the card")
            return ok("root filesystem", "writable")
    return skip("root filesystem", "cannot be read")


def home(host: Host) -> Check:
    place = host.env.get("HOME", "")
    if not place or not host.there(place):
        return warn("home", f"there is no home folder {place!r}", f"sudo mkhomedir_helper {host.user}")
    if not host.may_use(host.path(place)):
        return warn("home", f"{place} is not writable", f"sudo chown -R {host.user} {place}")
    return ok("home", place)


def disk(host: Host) -> Check:
    place = existing(host.runs())
    try:
        free_gb = host.free_bytes(place) / 1e9
    except OSError as error:
        return skip("disk", f"{place}: {error.strerror}")
    fix = f"delete old runs: see what is large with: du -sh {host.runs()}/*"
    if free_gb < DISK_FAIL_GB:
        return fail("disk", f"{free_gb:.2f} GB free for {host.runs()}", fix)
    if free_gb < DISK_WARN_GB:
        return warn("disk", f"{free_gb:.1f} GB free for {host.runs()}: some minutes of film", fix)
    return ok("disk", f"{free_gb:.0f} GB free")


def existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def memory(host: Host) -> Check:
    sizes = _memory(host)
    if not sizes:
        return skip("memory", "cannot be read")
    free, total = sizes.get("MemAvailable", 0), sizes.get("MemTotal", 0)
    if free < MEMORY_WARN_MB:
        return warn("memory", f"{free} of {total} MB free", "end other programs; without the desktop: "
                    "sudo systemctl isolate multi-user.target")
    return ok("memory", f"{free} of {total} MB free")


def swap(host: Host) -> Check:
    sizes = _memory(host)
    total, swapped = sizes.get("MemTotal", 0), sizes.get("SwapTotal", 0)
    if swapped or not host.jetson or total >= SWAP_WANTED_BELOW_MB:
        return ok("swap", f"{swapped} MB, beside {total} MB of memory")
    return warn("swap", f"none, beside {total} MB of memory", "sudo systemctl enable --now nvzramconfig")


def clock(host: Host) -> Check:
    """Driving counts monotonic time only; names and dates of recordings come from this clock."""
    now_s = host.wall_s()
    fix = "connect to a network once, and run: sudo timedatectl set-ntp true"
    if now_s < YEAR_2024_S:
        return warn("clock", f"it stands in the year {1970 + int(now_s / 31_556_952)}", fix)
    ahead_s = max((_changed_s(path) for path in host.runs().glob("*")), default=now_s) - now_s
    if ahead_s > FUTURE_S:
        return warn("clock", f"it went back: the newest run is {ahead_s:.0f} s in the future", fix)
    if _synchronised(host):
        return ok("clock", "set by the network")
    if host.jetson:  # most have no battery for their clock
        return warn("clock", "not set by the network since the start: dates may be behind", fix)
    return ok("clock", "plausible")


def _synchronised(host: Host) -> bool:
    if host.there("/run/systemd/timesync/synchronized"):  # systemd 239 and newer
        return True
    if any(named(host.root, daemon) for daemon in ("chronyd", "ntpd")):
        return True
    started = re.search(r"^btime (\d+)", host.text("/proc/stat"), re.M)
    # older ones touch this file at each contact, and at the start set the clock to its date
    set_s = _changed_s(host.path("/var/lib/systemd/timesync/clock"))
    return started is not None and set_s > int(started.group(1)) + 1


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def real_time(host: Host) -> Check:
    if host.realtime:
        return ok("real time", "permitted")
    if not host.board:
        return skip("real time", "not permitted; only a car needs it")
    return warn("real time", "SCHED_FIFO is not permitted: less even when the computer is busy",
                f"echo '{host.user} - rtprio 50' | sudo tee /etc/security/limits.d/jetracer.conf, then log in again")


def _memory(host: Host) -> Dict[str, int]:
    """/proc/meminfo in MB."""
    found = re.findall(r"^(\w+):\s+(\d+) kB", host.text("/proc/meminfo"), re.M)
    return {name: int(size) // 1024 for name, size in found}


def _debs(host: Host) -> Dict[str, str]:
    """NVIDIA's installed Debian packages and their versions."""
    found = {}
    for entry in host.text("/var/lib/dpkg/status").split("\n\n"):
        name = re.match(r"\n*Package: (nvidia-\S+|tensorrt|libnvinfer\d+)\n", entry)
        version = re.search(r"^Version: (\S+)", entry, re.M)
        if name and version and "\nStatus: install ok installed" in entry:
            found[name.group(1)] = version.group(1)
    return found


CHECKS = (python, jetpack, root_filesystem, home, disk, memory, swap, clock, real_time)
