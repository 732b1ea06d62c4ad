"""Whole machines as folders: what the kernel, JetPack and pip leave behind on each, with a virtual board on the bus.

Contents of the files as they are found on such machines: L4T 32.7.1 on the original Nano, 36.4.3 on the Orin Nano.
"""
from __future__ import annotations

import os
from dataclasses import replace

from jetracer.car.kit import load_kit
from jetracer.doctor.base import Host
from jetracer.drive.config import DriveConfig
from jetracer.engine.load import SHIPPED
from jetracer.sim.board import Board
from tests.teleop.fake_pads import FakeKernel, FakePad

NOW_S = 1_790_000_000  # in 2026
BOOT_S = NOW_S - 600
USER = "jetson"

PAD = """I: Bus=0003 Vendor=045e Product=028e Version=0114
N: Name="Microsoft X-Box 360 pad"
P: Phys=usb-70090000.xusb-2.2/input0
S: Sysfs=/devices/70090000.xusb/usb1/1-2/1-2.2/1-2.2:1.0/input/input5
U: Uniq=
H: Handlers=event5 js0
B: PROP=0
B: EV=20000b
B: KEY=7cdb000000000000 0 0 0 0
B: ABS=3003f

"""
KEYBOARD = """I: Bus=0003 Vendor=046d Product=c31c Version=0110
N: Name="Logitech USB Keyboard"
P: Phys=usb-70090000.xusb-2.1/input0
S: Sysfs=/devices/70090000.xusb/usb1/1-2/1-2.1/1-2.1:1.0/input/input2
U: Uniq=
H: Handlers=sysrq kbd leds event2
B: PROP=0
B: EV=120013
B: KEY=1000000000007 ff800000000007ff febeffdfffefffff fffffffffffffffe
B: LED=7

"""
MEMINFO = "MemTotal:       {total} kB\nMemFree:         512000 kB\nMemAvailable:  {free} kB\nSwapTotal:  {swap} kB\n"
TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


class Machine:
    """Add to it, take from it, then ask for its `host`."""

    def __init__(self, root, config=None):
        self.root, self.config = root, config or DriveConfig()
        self.closed, self.changes, self.pads = set(), {}, []
        self.board = Board()
        self.env = {"PATH": "/usr/local/bin:/usr/bin", "HOME": f"/home/{USER}", "DISPLAY": ":0"}
        self.groups = {USER, "i2c", "video", "input"}
        self.opencv = "  Video I/O:\n    GStreamer:                   NO\n"
        self.free_bytes = 20e9
        self.folder = self.path(f"/home/{USER}/car")
        self.folder.mkdir(parents=True)
        self.site = f"/home/{USER}/car/.venv/lib/python3.8/site-packages"
        self.sites = [self.site]
        for name, version in (("numpy", "1.24.4"), ("onnxruntime", "1.19.2"), ("smbus2", "0.5.0"),
                              ("traitlets", "5.14.3"), ("opencv_python_headless", "4.10.0.84")):
            self.package(name, version)
        self.write("/proc/stat", f"cpu  1 2 3\nbtime {BOOT_S}\nprocesses 2000")
        self.write("/proc/net/tcp", TCP)
        self.write("/proc/bus/input/devices", KEYBOARD)
        self.write("/dev/kmsg", "6,0,0,-;Booting Linux on physical CPU 0x0\n")
        self.write("/run/systemd/timesync/synchronized", "")
        self.program(1, "/sbin/init", uid=0)
        self.groups_file()

    # -- parts

    def path(self, name):
        return self.root / name.lstrip("/")

    def write(self, name, content):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
        return path

    def remove(self, *names):
        for name in names:
            self.path(name).unlink()

    def close(self, name):
        """No permission on a file."""
        self.closed.add(self.path(name))

    def groups_file(self, **members):
        names = {"i2c": USER, "video": USER, "input": USER, **members}
        self.write("/etc/group", "".join(f"{name}:x:{100 + number}:{who}\n"
                                         for number, (name, who) in enumerate(names.items())))

    def program(self, pid, command, uid=1000, parent=1, files=(), loaded=""):
        self.write(f"/proc/{pid}/cmdline", command.replace(" ", "\0") + "\0")
        self.write(f"/proc/{pid}/status", f"Name:\tx\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
        self.write(f"/proc/{pid}/maps", f"7f00-7f01 r-xp 00000000 b3:01 9 {loaded}\n")
        self.path(f"/proc/{pid}/fd").mkdir()
        for number, file in enumerate(files):
            os.symlink(file, self.path(f"/proc/{pid}/fd/{number}"))

    def ends(self, pid):
        self.remove(f"/proc/{pid}/cmdline")

    def package(self, name, version, site=None):
        self.write(f"{site or self.site}/{name}-{version}.dist-info/METADATA", f"Name: {name}\nVersion: {version}\n")
        return self.path(site or self.site)

    def services(self):
        """As `jetracer service install` leaves them, running."""
        python = f"/home/{USER}/car/.venv/bin/python"
        self.write(python, "")
        self.write("/etc/systemd/system/jetracer-guard.service", f"[Service]\nExecStart={python} -m "
                   "jetracer.safety.failsafe --wait true --kit /etc/jetracer/car.toml\n")
        self.write("/etc/systemd/system/multi-user.target.wants/jetracer-guard.service", "")
        self.write("/etc/jetracer/car.toml", '[kit]\nbase = "nvidia-jetracer"\n')
        self.write("/etc/jetracer/drive.toml", 'teleop = "gamepad"\n[camera]\nname = "csi"\n')
        self.program(350, f"{python} -m jetracer.safety.failsafe --wait true --kit /etc/jetracer/car.toml")

    def video(self, number, name, index=0):
        self.write(f"/dev/video{number}", "")
        self.write(f"/sys/class/video4linux/video{number}/name", name + "\n")
        self.write(f"/sys/class/video4linux/video{number}/index", f"{index}\n")

    def zone(self, number, kind, degrees):
        self.write(f"/sys/class/thermal/thermal_zone{number}/type", kind + "\n")
        self.write(f"/sys/class/thermal/thermal_zone{number}/temp", f"{round(1000 * degrees)}\n")

    def memory(self, total_mb, free_mb, swap_mb):
        self.write("/proc/meminfo", MEMINFO.format(total=total_mb * 1024, free=free_mb * 1024, swap=swap_mb * 1024))

    def gamepad(self, **kind):
        self.write("/proc/bus/input/devices", KEYBOARD + PAD)
        self.path("/dev/input").mkdir(parents=True, exist_ok=True)
        self.pads.append(FakePad(self.path("/dev/input"), number=5, **kind))
        self.write("/dev/input/js0", "")

    def listens(self, port, pid=None, command=""):
        self.write("/proc/net/tcp", TCP + f"   0: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 "
                   "00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0\n")
        if pid:
            self.program(pid, command, files=["socket:[4711]"])

    def run(self, name, *files):
        for file in files:
            self.write(f"/home/{USER}/car/runs/{name}/{file}", "")
        folder = self.folder / "runs" / name
        os.utime(folder, (BOOT_S - 60, BOOT_S - 60))
        return folder

    def configure(self, **changes):
        """`group__name=value`, as `--group.name value`."""
        for key, value in changes.items():
            self.config = _changed(self.config, key.split("__"), value)

    # -- as doctor sees it

    def host(self):
        facts = {
            "root": self.root, "config": self.config, "env": self.env, "folder": self.folder, "user": USER,
            "uid": 1000, "groups": frozenset(self.groups), "python": (3, 8, 18), "models": SHIPPED,
            "packages": tuple(str(self.path(site)) for site in self.sites), "realtime": True,
            "runtime": self.path("/run/user/1000/jetracer"), "may_use": lambda path: path not in self.closed,
            "free_bytes": lambda path: self.free_bytes, "wall_s": lambda: NOW_S,
            "open_bus": lambda spec: self.board.bus(), "opencv_build": lambda: self.opencv,
            "ask": FakeKernel(*self.pads),
        }
        return Host(**{**facts, **self.changes})

    def dispose(self):
        for pad in self.pads:
            pad.unplug()
        self.board.close()


def _changed(config, names, value):
    if len(names) > 1:
        value = _changed(getattr(config, names[0]), names[1:], value)
    return replace(config, **{names[0]: value})


def jetson(root, model, release, debs):
    machine = Machine(root, load_kit("nvidia-jetracer").apply(DriveConfig()))
    machine.write("/proc/device-tree/model", model + "\0")
    machine.write("/etc/nv_tegra_release", release)
    machine.write("/var/lib/dpkg/status", "".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: arm64\nVersion: {version}\n\n"
        for name, version in debs.items()))
    machine.write("/proc/mounts", "/dev/mmcblk0p1 / ext4 rw,relatime,data=ordered 0 0\nnone /dev devtmpfs rw 0 0\n")
    machine.write("/usr/sbin/nvargus-daemon", "")
    machine.write("/usr/bin/gst-launch-1.0", "")
    machine.program(400, "/usr/sbin/nvargus-daemon", uid=0, files=["/dev/nvhost-vi"],
                    loaded="/usr/lib/aarch64-linux-gnu/tegra/libnvargus_socketserver.so")
    machine.board.set_battery(11.7, 0.6)
    return machine


def nano(root):
    """The original Nano, JetPack 4.6.1, a CSI camera, on a Waveshare board with OLED and INA219; 5 W as advised."""
    machine = jetson(root, "NVIDIA Jetson Nano Developer Kit",
                     "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64, "
                     "DATE: Sat Feb 19 17:05:08 UTC 2022\n",
                     {"nvidia-jetpack": "4.6.1-b110", "nvidia-l4t-core": "32.7.1-20220219090344",
                      "nvidia-l4t-kernel": "4.9.253-tegra-32.7.1-20220219090344",
                      "libnvinfer8": "8.2.1-1+cuda10.2", "tensorrt": "8.2.1.8-1+cuda10.2"})
    machine.write("/proc/sys/kernel/osrelease", "4.9.253-tegra\n")
    machine.write("/etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE CORE_0 1\n"
                  "< POWER_MODEL ID=1 NAME=5W >\nCPU_ONLINE CORE_0 1\n< PM_CONFIG DEFAULT=0 >\n")
    machine.write("/var/lib/nvpmodel/status", "pmode:0001 fmode:fanNULL")
    machine.memory(3964, 2100, 1982)
    # systemd 237 makes no file below /run for it
    machine.remove("/run/systemd/timesync/synchronized")
    os.utime(machine.write("/var/lib/systemd/timesync/clock", ""), (BOOT_S + 30, BOOT_S + 30))
    for number, (kind, degrees) in enumerate((("AO-therm", 41.5), ("CPU-therm", 34), ("GPU-therm", 31),
                                              ("PLL-therm", 31.5), ("PMIC-Die", 100), ("thermal-fan-est", 33))):
        machine.zone(number, kind, degrees)
    for number, kind in enumerate(("pwm-fan", "cpu-throttle-alert")):
        machine.write(f"/sys/class/thermal/cooling_device{number}/type", kind + "\n")
        machine.write(f"/sys/class/thermal/cooling_device{number}/cur_state", "0\n")
    for number in (0, 1, 2):
        machine.write(f"/dev/i2c-{number}", "")
    machine.write("/sys/bus/i2c/devices/i2c-1/name", "7000c400.i2c\n")
    # an eye for a camera that is not there, on a bus of its own: usual
    machine.write("/dev/kmsg", "3,700,5000000,-;tegra-i2c 546c0000.i2c: pio timed out addr: 0x36 tlen:28 rlen:4\n")
    machine.video(0, "vi-output, imx219 7-0010")
    return machine


def orin(root):
    """Orin Nano, JetPack 6.2, a power sensor on bus 1 where the Nano has the car; gamepad, CSI camera, services."""
    machine = jetson(root, "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
                     "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, "
                     "DATE: Wed Jan  8 01:49:37 UTC 2025\n# KERNEL_VARIANT: oot\n",
                     {"nvidia-jetpack": "6.2+b77", "nvidia-l4t-core": "36.4.3-20250107174145",
                      "nvidia-l4t-kernel": "5.15.148-tegra-36.4.3-20250107174145",
                      "libnvinfer10": "10.3.0.30-1+cuda12.5", "tensorrt": "10.3.0.30-1+cuda12.5"})
    machine.changes["python"] = (3, 10, 12)
    machine.write("/proc/sys/kernel/osrelease", "5.15.148-tegra\n")
    machine.write("/etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n"
                  "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n< POWER_MODEL ID=3 NAME=7W >\n< PM_CONFIG DEFAULT=1 >\n")
    machine.write("/var/lib/nvpmodel/status", "pmode:0001")
    machine.memory(7620, 5200, 3810)
    machine.zone(0, "cpu-thermal", 48.2)
    machine.zone(1, "gpu-thermal", 47.0)
    machine.write("/sys/class/thermal/thermal_zone2/type", "cv0-thermal\n")  # its temp cannot be read
    machine.write("/sys/class/hwmon/hwmon3/name", "soctherm_oc\n")
    for number, count in ((1, 0), (2, 0), (3, 12)):  # OC3 is usual at full load
        machine.write(f"/sys/class/hwmon/hwmon3/oc{number}_event_cnt", f"{count}\n")
    machine.write("/sys/bus/i2c/drivers/ina3221/bind", "")
    machine.write("/sys/bus/i2c/devices/1-0040/name", "ina3221\n")
    os.symlink("../../drivers/ina3221", machine.path("/sys/bus/i2c/devices/1-0040/driver"))
    for number in (0, 1, 2, 4, 5, 7):
        machine.write(f"/dev/i2c-{number}", "")
    machine.video(0, "vi-output, imx219 9-0010")
    machine.gamepad()
    machine.services()
    return machine


def laptop(root):
    """A PC with a webcam, SMBus of its own and no car; two cores too hot for a Jetson are usual there."""
    machine = Machine(root)
    machine.write("/proc/mounts", "/dev/nvme0n1p2 / ext4 rw,relatime 0 0\n")
    machine.remove("/run/systemd/timesync/synchronized")
    machine.memory(15800, 9000, 0)
    machine.zone(0, "x86_pkg_temp", 88)
    machine.write("/dev/i2c-1", "")
    machine.write("/sys/class/i2c-dev/i2c-1/name", "SMBus I801 adapter at efa0\n")
    machine.video(0, "Integrated Camera: Integrated C")
    machine.video(1, "Integrated Camera: Integrated C", index=1)
    machine.changes["realtime"] = False
    return machine


MACHINES = {"nano": nano, "orin": orin, "laptop": laptop}
