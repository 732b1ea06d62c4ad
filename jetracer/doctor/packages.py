"""Python's packages: there, of the right kind, and none in the way of another."""
from __future__ import annotations

import re
from importlib.metadata import distributions
from pathlib import Path
from typing import Dict, List, NamedTuple

from jetracer.camera.csi import has_gstreamer
from jetracer.doctor.base import Check, Host, fail, ok, skip, warn

NEEDED = ("numpy", "onnxruntime", "smbus2", "traitlets")
OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
SYSTEM = "dist-packages"  # where Debian and JetPack put theirs


class Package(NamedTuple):
    version: str
    folder: Path


def installed(host: Host) -> Dict[str, List[Package]]:
    """All packages by name, the one that Python takes first."""
    found: Dict[str, List[Package]] = {}
    for entry in distributions(path=list(host.packages)):
        name, version = entry.metadata.get("Name"), entry.metadata.get("Version")
        if name and version:  # neither in a folder that was half removed
            package = Package(version, Path(str(entry.locate_file(""))))
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(package)
    return found


def packages(host: Host) -> Check:
    found = installed(host)
    missing = [name for name in NEEDED if name not in found and not _module(host, name)]
    if missing:
        return fail("packages", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    return ok("packages", ", ".join(f"{name} {found[name][0].version}" for name in NEEDED if name in found))


def opencv(host: Host) -> Check:
    found = installed(host)
    there = [name for name in OPENCVS if name in found]
    if not there and not _module(host, "cv2"):  # JetPack's has no entry of its own, only the module
        return fail("opencv", "missing", "pip install opencv-python-headless")
    if len(there) > 1:
        return warn("opencv", f"{' and '.join(there)} overwrite each other's files",
                    f"pip uninstall -y {' '.join(there)} && pip install opencv-python-headless")
    return ok("opencv", f"{there[0]} {found[there[0]][0].version}" if there else "the system's")


def gstreamer(host: Host) -> Check:
    """What reads a CSI camera: OpenCV itself, or a gst-launch-1.0 beside it."""
    if host.config.camera.name.split(":")[0] != "csi" or not host.board:
        return skip("gstreamer", "only a CSI camera needs it")
    try:
        if has_gstreamer(host.opencv_build()):
            return ok("gstreamer", "inside OpenCV")
    except ImportError as error:
        return fail("gstreamer", f"OpenCV cannot be loaded: {error}", "pip install --force-reinstall "
                    "opencv-python-headless")
    place = host.program("gst-launch-1.0")
    if place:
        return ok("gstreamer", f"OpenCV has none; {place} takes its place")
    return fail("gstreamer", "OpenCV has none, and gst-launch-1.0 is missing: nothing reads the CSI camera",
                "sudo apt install gstreamer1.0-tools gstreamer1.0-plugins-base")


def jetson_utils(host: Host) -> Check:
    """A package of this name on PyPI is another project; dusty-nv's is built from source and has no entry."""
    for package in installed(host).get("jetson-utils", []):
        if not list(package.folder.glob("jetson_utils_python*.so")):
            return warn("jetson-utils", f"version {package.version} in {package.folder} is not dusty-nv's: it has no "
                        "videoSource", "pip uninstall -y jetson-utils")
    return ok("jetson-utils", "no false one")


def shadows(host: Host) -> Check:
    """Packages of pip's that hide JetPack's, which alone know the Jetson's GPU."""
    if not host.jetson:
        return skip("shadows", "no JetPack to hide")
    found = installed(host)
    numpies = found.get("numpy", [])
    beside = [one for one in numpies[1:] if SYSTEM in one.folder.parts and one.version.startswith("1.")]
    if beside and not numpies[0].version.startswith("1."):
        return warn("shadows", f"numpy {numpies[0].version} in {numpies[0].folder} hides {beside[0].version}, for "
                    "which JetPack's OpenCV and PyTorch were built", "pip install 'numpy<2'")
    for name, hint in (("torch", "NVIDIA's wheel for this JetPack"), ("tensorrt", "JetPack's own, by apt")):
        first = next(iter(found.get(name, [])), None)
        if first is not None and SYSTEM not in first.folder.parts and not _knows_jetson(host, name, first):
            return warn("shadows", f"{name} {first.version} in {first.folder} is not for this Jetson's GPU",
                        f"pip uninstall -y {name}, then install {hint}")
    return ok("shadows", "none")


def _knows_jetson(host: Host, name: str, package: Package) -> bool:
    """PyTorch says for which CUDA it was built; TensorRT from PyPI fits JetPack 7 and newer at best."""
    if name == "tensorrt":
        return not re.search(r"R3[0-6] ", host.text("/etc/nv_tegra_release"))
    try:
        text = (package.folder / "torch" / "version.py").read_text(encoding="utf-8")
    except OSError:
        return True  # nothing is known against it
    return re.search(r"^cuda\b.*=\s*None", text, re.M) is None


def _module(host: Host, name: str) -> bool:
    return any((Path(folder) / name).exists() or list(Path(folder).glob(f"{name}.*so")) for folder in host.packages)


CHECKS = (packages, opencv, gstreamer, jetson_utils, shadows)
