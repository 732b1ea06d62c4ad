"""A machine to boot in a second: a real systemd as PID 1, in namespaces of its own.

Its disk is this machine's, with a layer in memory above that takes all changes; it has no network, and no units but
systemd's own and those that are put into it. A folder, `/srv/car` inside, is shared: a virtual board there is the car's
bus.
"""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# of the code under test, wherever it lies
NEEDED = (ROOT, Path(sys.prefix), Path(sys.base_prefix))
INIT = Path("/lib/systemd/systemd")
TARGET = "multi-user.target"
USER, UID = "racer", 4321
BOOT_S = 30.0
MEMORY = Path("/dev/shm")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def why_not():
    """Why there can be no such machine here; empty where there can."""
    if os.geteuid() != 0:
        return "needs root, for namespaces and mounts"
    for program in ("unshare", "nsenter", "mount", "bash"):
        if shutil.which(program) is None:
            return f"needs {program} (apt-get install util-linux)"
    if not INIT.exists():
        return "needs systemd (apt-get install systemd)"
    if cgroup2() is None:
        return "needs a cgroup2 that may be written"
    if not os.access(MEMORY, os.W_OK):
        return f"needs {MEMORY}"
    return ""


def cgroup2():
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _source, place, kind, options = line.split()[:4]
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(place)
    return None


class Machine:
    """`boot` and `off`, as often as you like; the disk stays until `close`."""

    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="jetracer-machine-", dir=MEMORY))
        self.home.chmod(0o755)
        self.car, self.units = self.home / "car", self.home / "units"
        for name in ("upper", "work", "root", "car", "units"):
            (self.home / name).mkdir()
        self.car.chmod(0o777)
        self._process = None
        self._cgroup = cgroup2() / self.home.name
        self._write_accounts()
        (self.units / TARGET).write_text(
            "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n", encoding="utf-8")
        (self.home / "start").write_text(self._script(), encoding="utf-8")

    def _write_accounts(self):
        etc = self.home / "upper" / "etc"
        etc.mkdir()
        groups = "".join(f"{name}:x:{UID + number}:\n" for number, name in enumerate((USER, "i2c"))
                         if f"\n{name}:" not in Path("/etc/group").read_text(encoding="utf-8"))
        for name, more in (("passwd", f"{USER}:x:{UID}:{UID}::/:/bin/sh\n"), ("group", groups)):
            (etc / name).write_text(Path("/etc", name).read_text(encoding="utf-8") + more, encoding="utf-8")

    def _script(self):
        folders = sorted({str(folder) for path in NEEDED for folder in (path, *path.parents)} - {"/"})
        return f"""set -e
H={self.home} R={self.home}/root
mount --make-rprivate /
mount -t overlay car -o lowerdir=/,upperdir=$H/upper,workdir=$H/work $R
mount -t tmpfs run $R/run; mount -t tmpfs tmp $R/tmp -o mode=1777
mount -t proc proc $R/proc; mount -t sysfs sys $R/sys -o ro
mount -t tmpfs cgroup $R/sys/fs/cgroup -o mode=755 || true; mount -t cgroup2 cgroup $R/sys/fs/cgroup
mount -t tmpfs dev $R/dev -o mode=755
for node in null zero full random urandom tty; do touch $R/dev/$node; mount --bind /dev/$node $R/dev/$node; done
mkdir $R/dev/pts $R/dev/shm; mount -t devpts pts $R/dev/pts -o newinstance,ptmxmode=0666,mode=620
mount -t tmpfs shm $R/dev/shm -o mode=1777; ln -s pts/ptmx $R/dev/ptmx; ln -s /proc/self/fd $R/dev/fd
mount --bind $H/units $R/etc/systemd/system
mount -t tmpfs none $R{INIT.parent}/system/{TARGET}.wants
for path in {' '.join(map(str, NEEDED))}; do mkdir -p $R$path; mount --bind $path $R$path; done
chmod o+rx {' '.join(f'$R{folder}' for folder in folders)} || true
mkdir -p $R/srv/car; mount --bind $H/car $R/srv/car
exec env -i container=other PATH={PATH} chroot $R {INIT} --system --unit={TARGET} --log-target=journal
"""

    def boot(self):
        """Seconds until the target of the boot is reached."""
        assert self._process is None, "it is on"
        self._cgroup.mkdir()
        into = f"echo $$ > {self._cgroup}/cgroup.procs && exec " \
            "unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child bash " + str(self.home / "start")
        start_s = time.monotonic()
        with (self.home / "said").open("w") as said:
            self._process = subprocess.Popen(["bash", "-c", into], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        while self.ask("is-active", TARGET) != "active":
            said = (self.home / "said").read_text(encoding="utf-8")
            assert self._process.poll() is None, f"the machine went off: {said}"
            assert time.monotonic() < start_s + BOOT_S, f"the machine does not come up: {said}"
            time.sleep(0.01)
        return time.monotonic() - start_s

    def off(self):
        """The plug is pulled."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        wait_until(self._is_empty)

    def _is_empty(self):
        """Whether the last process is gone, and with it its control groups."""
        for folder, _folders, _files in os.walk(self._cgroup, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                return False
        return True

    def close(self):
        self.off()
        shutil.rmtree(self.home)

    # -- inside

    def run(self, *command, check=True):
        """Run a command inside as root; what it printed."""
        enter = ("nsenter", "-t", str(self._init()), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w")
        done = subprocess.run([*enter, *command], capture_output=True, text=True, check=False,
                              env={"PATH": PATH, "PYTHONPATH": str(ROOT)})
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def jetracer(self, *words, check=True):
        return self.run(sys.executable, "-m", "jetracer.cli.main", *words, check=check)

    def ask(self, *words):
        """systemctl's answer, or nothing while it cannot be asked."""
        if self._init(missing_ok=True) is None:
            return ""
        return self.run("systemctl", *words, check=False).strip()

    def show(self, unit, *properties):
        """One value, or a list of them."""
        lines = self.run("systemctl", "show", f"--property={','.join(properties)}", unit).splitlines()
        values = dict(line.split("=", 1) for line in lines)
        found = [values[name] for name in properties]
        return found[0] if len(found) == 1 else found

    def journal(self, unit):
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def pids(self, unit):
        """The processes of a unit, by this machine's numbers, the main one first."""
        return sorted(self._pids(self._cgroup / "system.slice" / unit))

    def _pids(self, cgroup):
        found = []
        for file in cgroup.rglob("cgroup.procs"):
            try:
                found += [int(pid) for pid in file.read_text(encoding="utf-8").split()]
            except OSError:
                continue
        return found

    def _init(self, missing_ok=False):
        """PID 1 of the machine, by this machine's numbers."""
        process = self._process.pid
        children = Path(f"/proc/{process}/task/{process}/children")
        pids = children.read_text(encoding="utf-8").split() if children.exists() else []
        if missing_ok and not pids:
            return None
        assert len(pids) == 1 and int(pids[0]) > 100, "never this machine's own PID 1"
        return int(pids[0])


def wait_until(condition, within_s=30.0, step_s=0.02):
    """Seconds until it holds."""
    start_s = time.monotonic()
    while not condition():
        assert time.monotonic() < start_s + within_s, "did not happen"
        time.sleep(step_s)
    return time.monotonic() - start_s


def kill(pids, number=signal.SIGKILL):
    for pid in pids:
        os.kill(pid, number)
