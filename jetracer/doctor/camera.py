"""The camera that a drive would use, and the daemon behind it. Opens none."""
from __future__ import annotations

import re
from typing import List, NamedTuple

from jetracer.camera.argus import RESTART
from jetracer.camera.load import resolve
from jetracer.core.errors import ConfigError
from jetracer.core.processes import Program, holders
from jetracer.doctor.base import Check, Host, fail, ok, skip, warn
from jetracer.doctor.processes import foreign, named, using

ARGUS_CLIENT = "libnvargus_socketclient"  # whoever uses a CSI camera has it loaded


class Video(NamedTuple):
    number: int
    name: str
    csi: bool
    pictures: bool  # a USB camera's second device carries only data about them


def videos(host: Host) -> List[Video]:
    found = []
    for path in host.glob("/dev/video[0-9]*"):
        about = f"/sys/class/video4linux/{path.name}"
        name = host.text(f"{about}/name")
        csi = name.startswith("vi-output")  # NVIDIA's tegra-video
        found.append(Video(int(path.name[5:]), name or path.name, csi, host.text(f"{about}/index") in ("", "0")))
    return found


def camera(host: Host) -> Check:
    try:
        wanted = resolve(host.config.camera)
    except ConfigError as error:
        return fail("camera", str(error), "jetracer drive --camera usb")
    if wanted.name == "csi":
        return _csi(host, wanted.device)
    if wanted.name == "usb":
        return _usb(host, wanted.device)
    return skip("camera", f"{wanted.name} needs none")


def _csi(host: Host, number: int) -> Check:
    found = videos(host)
    sensors = [video for video in found if video.csi]
    others = [video for video in found if not video.csi and video.pictures]
    if not host.jetson:
        fix = f"jetracer drive --camera usb:{others[0].number}" if others else "jetracer drive --sim"
        if host.board:
            return fail("camera", "csi is chosen, which only a Jetson has", fix)
        return skip("camera", "csi is chosen, which only a Jetson has", fix)
    if len(sensors) > number:
        sensor = sensors[number]
        if not host.may_use(host.path(f"/dev/video{sensor.number}")):
            return fail("camera", f"no permission on /dev/video{sensor.number}", host.join_group("video"))
        return ok("camera", sensor.name.split(", ")[-1])
    if sensors:
        return fail("camera", f"there is no sensor {number}, only {len(sensors)}", "jetracer drive --camera csi")
    fix = "switch off, push the ribbon cable in at both ends, switch on"
    if others:
        fix = f"jetracer drive --camera usb:{others[0].number} ({others[0].name})"
    elif "Orin" in host.board:
        fix += "; then choose the sensor in: sudo /opt/nvidia/jetson-io/jetson-io.py"
    return fail("camera", "the kernel finds no CSI sensor", fix)


def _usb(host: Host, number: int) -> Check:
    found = {video.number: video for video in videos(host)}
    good = [video for video in found.values() if not video.csi and video.pictures]
    fix = f"jetracer drive --camera usb:{good[0].number}" if good else "plug the camera in, or use jetracer drive --sim"
    video = found.get(number)
    if video is None:
        return fail("camera", f"/dev/video{number} is not there", fix)
    if video.csi:
        return fail("camera", f"/dev/video{number} is the CSI camera", "jetracer drive --camera csi")
    if not video.pictures:
        return fail("camera", f"/dev/video{number} carries data about pictures, not pictures", fix)
    if not host.may_use(host.path(f"/dev/video{number}")):
        return fail("camera", f"no permission on /dev/video{number}", host.join_group("video"))
    return ok("camera", video.name)


def camera_user(host: Host) -> Check:
    """Who else has the camera: it serves one program at a time."""
    kind, number = _chosen(host)
    if kind == "csi" and host.jetson:
        found = [one for one in using(host.root, ARGUS_CLIENT) if not _is_argus(one)]
    elif kind == "usb":
        found = holders(host.root, lambda name: name == f"/dev/video{number}")
    else:
        return skip("camera user", "no camera is chosen")
    others = foreign(host.root, found)
    if others:
        return fail("camera user", f"{others[0]} holds the camera", f"kill {others[0].pid}")
    return ok("camera user", "jetracer" if found else "nobody")


def argus(host: Host) -> Check:
    """NVIDIA's daemon, the only way to a CSI camera."""
    if not host.jetson or _chosen(host)[0] != "csi":
        return skip("nvargus-daemon", "only a Jetson's CSI camera needs it")
    if named(host.root, "nvargus-daemon"):
        return ok("nvargus-daemon", "runs")
    if not host.there("/usr/sbin/nvargus-daemon"):
        return fail("nvargus-daemon", "not installed", "sudo apt install nvidia-l4t-camera")
    return fail("nvargus-daemon", "does not run", RESTART)


def x11(host: Host) -> Check:
    """With a display forwarded by ssh NVIDIA's EGL finds no screen, and the camera pipeline fails."""
    display = host.env.get("DISPLAY", "")
    if host.jetson and _chosen(host)[0] == "csi" and re.match(r"[\w.-]+:\d{2}", display):
        return warn("x11", f"DISPLAY is {display}, a screen elsewhere: the CSI camera may not start", "unset DISPLAY")
    return ok("x11", "not in the way")


def _chosen(host: Host) -> tuple:
    try:
        wanted = resolve(host.config.camera)
    except ConfigError:
        return "", 0
    return wanted.name, wanted.device


def _is_argus(program: Program) -> bool:
    return "nvargus-daemon" in program.command.split()[0]


CHECKS = (camera, camera_user, argus, x11)
