"""Misconfigurations, each with the check that has to find it and words of the fix.

They are what users of such cars report most: cameras that do not start, buses and groups, supplies that dip, packages
in each other's way, a second program that drives.
"""
from __future__ import annotations

import errno
import os
import socket
from typing import Callable, List, NamedTuple, Tuple

from jetracer.car.base import CarConfig
from jetracer.doctor.base import FAIL, WARN
from jetracer.engine.engine_file import EngineHeader, write_engine
from tests.doctor.machines import BOOT_S, NOW_S, USER, Machine
from tests.sim.wires import awake, pulse

DIST = "/usr/lib/python3/dist-packages"


class Seed(NamedTuple):
    machine: str
    check: str
    status: str
    fix: str  # words of it
    also: Tuple[str, ...]  # other checks that rightly see it too
    sow: Callable[[Machine], None]


SEEDS: List[Seed] = []


def seed(machine, check, status, fix, *also):
    def keep(sow):
        SEEDS.append(Seed(machine, check, status, fix, also, sow))
        return sow

    return keep


# -- system


@seed("nano", "python", FAIL, "sudo apt install python3.8")
def jetpack_4s_own_python(machine):
    machine.changes["python"] = (3, 6, 9)


@seed("nano", "jetpack", WARN, "flash the newest JetPack")
def an_old_image(machine):
    machine.write("/etc/nv_tegra_release", "# R32 (release), REVISION: 4.3, GCID: 21589087, BOARD: t210ref")


@seed("orin", "jetpack", WARN, "sudo reboot")
def an_upgrade_without_a_new_start(machine):
    machine.write("/proc/sys/kernel/osrelease", "5.15.136-tegra\n")


@seed("nano", "jetpack", WARN, "container")
def inside_a_container(machine):
    machine.remove("/etc/nv_tegra_release")


@seed("nano", "root filesystem", FAIL, "sudo reboot")
def a_card_with_errors(machine):
    machine.write("/proc/mounts", "/dev/mmcblk0p1 / ext4 ro,relatime,errors=remount-ro 0 0\n")


@seed("nano", "home", WARN, f"sudo chown -R {USER}")
def a_home_of_roots(machine):
    machine.close(f"/home/{USER}")


@seed("nano", "disk", WARN, "du -sh")
def little_room(machine):
    machine.free_bytes = 1.2e9


@seed("nano", "disk", FAIL, "du -sh")
def no_room(machine):
    machine.free_bytes = 50e6


@seed("nano", "memory", WARN, "multi-user.target")
def little_memory(machine):
    machine.memory(3964, 120, 1982)


@seed("nano", "swap", WARN, "nvzramconfig")
def no_swap(machine):
    machine.memory(3964, 2100, 0)


@seed("nano", "clock", WARN, "timedatectl set-ntp true")
def the_year_1970(machine):
    machine.changes["wall_s"] = lambda: 400.0


@seed("nano", "clock", WARN, "timedatectl set-ntp true")
def a_clock_nobody_set(machine):
    os.utime(machine.path("/var/lib/systemd/timesync/clock"), (BOOT_S - 90_000, BOOT_S - 90_000))


@seed("laptop", "clock", WARN, "timedatectl")
def a_clock_that_went_back(machine):
    folder = machine.run("20270101-120000", "config.toml", "summary.json")
    os.utime(folder, (NOW_S + 7200, NOW_S + 7200))


@seed("orin", "real time", WARN, "rtprio 50")
def no_real_time(machine):
    machine.changes["realtime"] = False


# -- packages


@seed("nano", "packages", FAIL, "pip install onnxruntime")
def a_package_is_missing(machine):
    machine.remove(f"{machine.site}/onnxruntime-1.19.2.dist-info/METADATA")


@seed("nano", "opencv", FAIL, "pip install opencv-python-headless")
def no_opencv(machine):
    machine.remove(f"{machine.site}/opencv_python_headless-4.10.0.84.dist-info/METADATA")


@seed("orin", "opencv", WARN, "pip uninstall -y opencv-python opencv-python-headless")
def two_opencvs(machine):
    machine.package("opencv-python", "4.10.0.84")


@seed("nano", "gstreamer", FAIL, "gstreamer1.0-tools")
def nothing_reads_the_csi_camera(machine):
    machine.remove("/usr/bin/gst-launch-1.0")


@seed("orin", "gstreamer", FAIL, "--force-reinstall")
def opencv_does_not_load(machine):
    def build():
        raise ImportError("libGL.so.1: cannot open shared object file")

    machine.changes["opencv_build"] = build


@seed("orin", "jetson-utils", WARN, "pip uninstall -y jetson-utils")
def the_wrong_jetson_utils(machine):
    machine.package("jetson_utils", "0.1.2")


@seed("orin", "shadows", WARN, "pip install 'numpy<2'")
def a_numpy_too_new_for_jetpack(machine):
    machine.sites.append(DIST)
    machine.package("numpy", "1.21.5", DIST)
    machine.remove(f"{machine.site}/numpy-1.24.4.dist-info/METADATA")
    machine.package("numpy", "2.1.0")


@seed("orin", "shadows", WARN, "pip uninstall -y torch")
def a_torch_without_cuda(machine):
    machine.package("torch", "2.5.1")
    machine.write(f"{machine.site}/torch/version.py", "__version__ = '2.5.1'\ncuda: Optional[str] = None\n")


@seed("orin", "shadows", WARN, "pip uninstall -y tensorrt")
def a_tensorrt_for_pcs(machine):
    machine.package("tensorrt", "11.4.0")


# -- settings


@seed("nano", "configuration", FAIL, "put it right")
def a_key_misspelt(machine):
    machine.changes["mistake"] = "There is no option 'car.stering_gain'; did you mean 'car.steering_gain'?"


@seed("nano", "kits", WARN, "jetracer kits --list")
def a_kit_with_an_unknown_key(machine):
    machine.write(f"/home/{USER}/car/calibration/car/mine.toml", '[kit]\nbase = "donkey"\n[car]\nstering_gain = 1\n')


@seed("nano", "kits", WARN, "jetracer kits --list")
def a_kit_of_the_kernel_that_is_none(machine):
    machine.env["JETRACER_KIT"] = "waveshare-por"


@seed("nano", "calibration", WARN, "jetracer drive --kit")
def calibrated_in_vain(machine):
    machine.write(f"/home/{USER}/car/calibration/car/nvidia-jetracer.toml",
                  '[kit]\nbase = "nvidia-jetracer"\n[car]\nsteering_offset = 0.024\n')


@seed("orin", "camera file", FAIL, "jetracer calibrate camera")
def a_camera_file_that_is_gone(machine):
    machine.configure(camera__calibration=str(machine.folder / "calibration/camera/wide.toml"))


@seed("orin", "runs", FAIL, f"sudo chown -R {USER}")
def runs_of_roots(machine):
    machine.path(f"/home/{USER}/car/runs").mkdir()
    machine.close(f"/home/{USER}/car/runs")


@seed("orin", "runs", FAIL, "jetracer drive --runs")
def runs_is_a_file(machine):
    machine.write(f"/home/{USER}/car/runs", "")


# -- bus


@seed("nano", "i2c", FAIL, "sudo modprobe i2c-dev")
def no_bus_at_all(machine):
    machine.remove("/dev/i2c-0", "/dev/i2c-1", "/dev/i2c-2")


@seed("orin", "i2c", FAIL, "jetracer drive --bus 7")
def a_bus_that_is_not_there(machine):
    machine.configure(bus="8")


@seed("nano", "i2c", FAIL, f"sudo usermod -aG i2c {USER}")
def not_in_the_group(machine):
    machine.close("/dev/i2c-1")
    machine.groups.remove("i2c")
    machine.groups_file(i2c="")


@seed("nano", "i2c", FAIL, "log in again")
def in_the_group_since_this_minute(machine):
    machine.close("/dev/i2c-1")
    machine.groups.remove("i2c")


class Errors:
    """A bus on which every address answers with the same error."""

    def __init__(self, number):
        self._number = number

    def read_byte(self, _address):
        raise OSError(self._number, os.strerror(self._number))

    def close(self):
        pass


@seed("nano", "i2c", FAIL, "switch the car off and on")
def a_bus_that_is_stuck(machine):
    machine.changes["open_bus"] = lambda spec: Errors(errno.ETIMEDOUT)


@seed("nano", "kit", FAIL, "battery on")
def the_car_is_off(machine):
    machine.board.nak(0x40, True)


@seed("orin", "kit", FAIL, "jetracer drive --bus 7")
def the_wrong_bus(machine):
    machine.configure(bus="2")
    machine.changes["open_bus"] = lambda spec: Errors(errno.EREMOTEIO)


class Held(Errors):
    """Bus 1 of an Orin: its own power sensor has the address of the car's PCA9685."""

    def read_byte(self, address):
        if address != 0x40:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        super().read_byte(address)


@seed("orin", "kit", FAIL, "jetracer drive --bus 7")
def the_nanos_bus_on_an_orin(machine):
    machine.configure(bus="1")
    machine.changes["open_bus"] = lambda spec: Held(errno.EBUSY)


@seed("nano", "kit", FAIL, "sudo tee /sys/bus/i2c/drivers/pca9685/unbind")
def the_kernels_driver_has_the_chip(machine):
    machine.write("/sys/bus/i2c/devices/1-0040/name", "pca9685\n")
    machine.changes["open_bus"] = lambda spec: Held(errno.EBUSY)


@seed("nano", "kit", FAIL, "jetracer drive --kit waveshare-ai")
def the_ai_kit_as_a_car_with_an_esc(machine):
    machine.board.nak(0x60, False)


@seed("nano", "kit", FAIL, "jetracer kits, then: jetracer drive --kit NAME")
def no_kit_is_chosen(machine):
    machine.configure(car=CarConfig())


@seed("nano", "kit", FAIL, "jetracer kits")
def dc_motors_that_are_not_there(machine):
    machine.configure(car__name="dc_motors")


@seed("nano", "pulses", FAIL, "switch the car off")
def a_program_died_while_driving(machine):
    _board, bus = awake(machine.board)
    pulse(bus, 1, 350)  # 1709 us


@seed("nano", "display", WARN, "--display.address 0")
def a_display_at_the_other_address(machine):
    machine.configure(display__address=0x3D)


@seed("nano", "wires", WARN, "check the plugs")
def transfers_that_fail(machine):
    machine.write("/dev/kmsg", "3,900,81000000,-;tegra-i2c 7000c400.i2c: pio timed out addr: 0x40 tlen:12 rlen:4\n")


# -- camera


@seed("nano", "nvargus-daemon", FAIL, "sudo systemctl restart nvargus-daemon")
def the_camera_daemon_is_dead(machine):
    machine.ends(400)


@seed("orin", "nvargus-daemon", FAIL, "sudo apt install nvidia-l4t-camera")
def the_camera_daemon_was_never_there(machine):
    machine.ends(400)
    machine.remove("/usr/sbin/nvargus-daemon")


@seed("nano", "camera user", FAIL, "kill 812")
def a_second_notebook_has_the_camera(machine):
    machine.program(812, "/usr/bin/python3 -m ipykernel_launcher -f kernel.json",
                    loaded="/usr/lib/aarch64-linux-gnu/tegra/libnvargus_socketclient.so")


@seed("laptop", "camera user", FAIL, "kill 900")
def a_meeting_has_the_webcam(machine):
    machine.configure(camera__name="usb")
    machine.program(900, "/usr/bin/cheese", files=["/dev/video0"])


@seed("orin", "camera", FAIL, "jetson-io.py")
def no_csi_sensor(machine):
    machine.remove("/dev/video0")


@seed("nano", "camera", FAIL, "jetracer drive --camera usb:0")
def a_usb_camera_with_csi_chosen(machine):
    machine.video(0, "HD Pro Webcam C920")


@seed("laptop", "camera", FAIL, "jetracer drive --camera usb:0")
def the_webcams_second_device(machine):
    machine.configure(camera__name="usb:1")


@seed("nano", "camera", FAIL, "jetracer drive --camera csi")
def the_csi_camera_as_usb(machine):
    machine.configure(camera__name="usb:0")


@seed("laptop", "camera", FAIL, "sudo usermod -aG video")
def no_permission_on_the_camera(machine):
    machine.configure(camera__name="usb")
    machine.close("/dev/video0")
    machine.groups_file(video="")


@seed("nano", "x11", WARN, "unset DISPLAY")
def a_display_forwarded_by_ssh(machine):
    machine.env["DISPLAY"] = "localhost:10.0"


# -- pilot


@seed("orin", "gamepad", FAIL, "log in again")
def a_pad_that_may_not_be_read(machine):
    machine.close("/dev/input/event5")
    machine.groups.remove("input")


@seed("nano", "gamepad", FAIL, "sudo modprobe evdev")
def a_pad_with_js_only(machine):
    machine.gamepad()
    machine.pads.pop().unplug()
    machine.write("/proc/bus/input/devices",
                  machine.path("/proc/bus/input/devices").read_text().replace("event5 js0", "js0"))


@seed("nano", "gamepad", WARN, "jetracer drive --teleop keyboard")
def a_stick_with_three_axes(machine):
    machine.gamepad(name="Logitech Attack 3", identity=(0x046D, 0xC214), keys=range(0x120, 0x12B),
                    axes={0: (0, 255), 1: (0, 255), 2: (0, 255)})


@seed("nano", "gamepad", FAIL, "jetracer drive --teleop keyboard")
def a_pad_is_chosen_and_absent(machine):
    machine.configure(teleop="gamepad")


# -- power


@seed("nano", "battery", WARN, "--guard.battery.cells 2")
def two_cells_taken_for_three(machine):
    machine.board.set_battery(7.3, 0.5)


@seed("nano", "battery", FAIL, "charge the pack")
def an_empty_pack(machine):
    machine.board.set_battery(9.0, 0.5)


@seed("orin", "battery", WARN, "charge the pack")
def a_pack_that_is_nearly_empty(machine):
    machine.board.set_battery(10.3, 0.5)


@seed("nano", "battery", WARN, "--guard.battery.sensor auto")
def the_sensor_is_elsewhere(machine):
    machine.configure(guard__battery__address=0x42)


@seed("nano", "battery", WARN, "--guard.battery.sensor auto")
def a_sensor_that_is_silent(machine):
    machine.configure(guard__battery__sensor="ads1115")


@seed("orin", "power mode", WARN, "sudo nvpmodel -m 0")
def the_weakest_power_mode(machine):
    machine.write("/var/lib/nvpmodel/status", "pmode:0003")


@seed("nano", "supply", WARN, "sudo nvpmodel -m 1")
def the_voltage_dips(machine):
    machine.write("/var/lib/nvpmodel/status", "pmode:0000 fmode:cool")
    machine.write("/dev/kmsg", "3,901,82000000,-;soctherm: OC ALARM 0x00000001\n" * 3)


@seed("nano", "supply", WARN, "charge the pack")
def the_voltage_dips_and_only_the_log_tells(machine):
    machine.remove("/dev/kmsg")
    machine.write("/var/log/kern.log", "kernel: soctherm: OC ALARM 0x00000001\nkernel: Linux version 4.9\n"
                  "kernel: soctherm: OC ALARM 0x00000001\n")


@seed("orin", "supply", WARN, "charge the pack")
def an_orins_voltage_dips(machine):
    machine.write("/sys/class/hwmon/hwmon3/oc1_event_cnt", "4\n")


@seed("nano", "heat", WARN, "fan")
def too_hot(machine):
    machine.zone(1, "CPU-therm", 91.5)


@seed("nano", "heat", WARN, "fan")
def throttled(machine):
    machine.write("/sys/class/thermal/cooling_device1/cur_state", "1\n")


@seed("nano", "last drive", WARN, "charge the pack")
def the_power_went_while_driving(machine):
    machine.run("20260921-101500", "config.toml", "session.mcap")


# -- model


@seed("nano", "road model", FAIL, "jetracer drive --road road")
def a_model_that_is_not_there(machine):
    machine.configure(road="road_v2")


@seed("orin", "road model", FAIL, "jetracer drive --road road")
def a_model_cut_short(machine):
    path = machine.write(f"/home/{USER}/car/laps.onnx", (machine.host().models / "road.onnx").read_bytes()[:2000])
    machine.configure(road=str(path))


@seed("nano", "road model", WARN, "--camera.width 224 --camera.height 224")
def pictures_of_another_shape(machine):
    machine.configure(camera__width=320, camera__height=180)


@seed("nano", "model files", FAIL, "pip install --force-reinstall jetracer")
def a_shipped_model_that_changed(machine):
    machine.package("jetracer", "0.1.0")
    machine.write(f"{machine.site}/jetracer/models/road.onnx", b"as it is now")
    machine.write(f"{machine.site}/jetracer-0.1.0.dist-info/RECORD",
                  "jetracer/models/road.onnx,sha256=6KyY5zN3HhJvp1Qm3u0Zf0mYm1u4d0s7Yx1vYkqz4eA,12\n")


def plan(*version):
    return b"ftrt".ljust(24, b"\0") + bytes(version) + b"\0" * 100


@seed("orin", "engines", WARN, "jetracer build")
def an_engine_of_another_tensorrt(machine):
    machine.write(f"/home/{USER}/car/models/road.engine", plan(8, 5, 2, 2))


@seed("nano", "engines", WARN, "jetracer build")
def an_engine_that_is_none(machine):
    machine.write(f"/home/{USER}/car/models/road.engine", b"<html>404</html>")


@seed("laptop", "engines", WARN, "sudo apt install tensorrt")
def an_engine_without_tensorrt(machine):
    machine.write(f"/home/{USER}/car/models/road.plan", plan(10, 3, 0, 30))


def engine(tensorrt):
    return EngineHeader("road.onnx", "ab", {}, tensorrt, "Orin", "8.7", "fp16", (), "cd")


@seed("orin", "engines", WARN, "jetracer build")
def an_engine_of_ours_of_another_tensorrt(machine):
    write_engine(machine.root / f"home/{USER}/car/models/road.engine", engine("10.7.0.23"), b"ftrt")


@seed("orin", "engines", WARN, "jetracer drive --road")
def an_engine_that_was_not_compared(machine):
    write_engine(machine.root / f"home/{USER}/car/models/road.engine", engine("10.3.0.30"), b"ftrt")


# -- service


@seed("nano", "other drivers", WARN, "kill 700")
def donkey_drives_too(machine):
    machine.program(700, f"/usr/bin/python3 /home/{USER}/mycar/manage.py drive", files=["/dev/i2c-1"])


@seed("nano", "web port", WARN, "kill 701")
def the_web_port_is_taken(machine):
    machine.listens(8887, 701, f"/usr/bin/python3 /home/{USER}/mycar/manage.py drive")


@seed("orin", "web port", WARN, "sudo ss")
def the_web_port_is_taken_by_another_user(machine):
    machine.listens(8887)


@seed("nano", "other services", WARN, "sudo systemctl disable --now picard_display")
def waveshares_display_service(machine):
    machine.write("/etc/systemd/system/multi-user.target.wants/picard_display.service", "")


@seed("orin", "services", FAIL, "sudo jetracer service install")
def services_of_an_environment_that_moved(machine):
    machine.remove(f"/home/{USER}/car/.venv/bin/python")


@seed("orin", "services", FAIL, "put /etc/jetracer/drive.toml right")
def a_mistake_in_the_services_file(machine):
    machine.write("/etc/jetracer/drive.toml", 'telop = "gamepad"\n')


@seed("orin", "services", FAIL, "put /etc/jetracer/car.toml right")
def the_services_kit_is_gone(machine):
    machine.remove("/etc/jetracer/car.toml")


@seed("orin", "services", WARN, "sudo systemctl enable jetracer-guard")
def services_that_do_not_start_at_boot(machine):
    machine.remove("/etc/systemd/system/multi-user.target.wants/jetracer-guard.service")


@seed("orin", "services", WARN, "jetracer service status")
def a_guard_service_that_ended(machine):
    machine.ends(350)


@seed("nano", "guard", WARN, "rm ")
def a_killed_guards_socket(machine):
    path = machine.path("/run/user/1000/jetracer/guard.sock")
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's address holds 107 bytes
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


@seed("nano", "guard", WARN, "sudo kill 500")
def a_guard_of_another_user(machine):
    machine.program(500, "/opt/jetracer/bin/python -m jetracer.safety.failsafe --bus=1", uid=4321)
