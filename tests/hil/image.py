"""The guest's kernel and first file system, made from Debian's stock kernel package. Nothing is installed.

The package is downloaded through apt once; what is made of it is kept in the user's cache folder.
"""
from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import List, NamedTuple, Tuple

PACKAGES = ("qemu-system-x86", "busybox-static", "kmod", "cpio")
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "i2c-dev", "vhci-hcd", "i2c-tiny-usb", "uinput", "evdev",
           "vivid")  # fmt: skip
META_PACKAGE = "linux-image-amd64"
_INIT = Path(__file__).with_name("init")
_XZ = b"\xfd7zXZ\0"  # how such a file begins
_UNPACKED = ("drivers", "fs", "net/9p", "lib", "crypto", "sound")  # folders of the kernel's modules that may be needed


class Unavailable(Exception):
    """There can be no guest on this machine; the text says why and what to do."""


class Image(NamedTuple):
    kernel: Path  # the ELF file in vmlinuz: QEMU starts it in half the time
    initrd: Path


def image() -> Image:
    """The image for the newest kernel package that apt knows, from the cache or made now. Raises Unavailable."""
    _check_machine()
    name, version = _package()
    recipe = hashlib.sha256(Path(__file__).read_bytes() + _INIT.read_bytes()).hexdigest()[:8]
    folder = _cache() / f"{name}_{version}_{recipe}".replace(":", ".")
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary, "made")
            _make(name, Path(temporary), made)
            made.rename(folder)
    return Image(folder / "vmlinux", folder / "initrd.gz")


def _check_machine() -> None:
    if platform.machine() != "x86_64":
        raise Unavailable(f"the guest needs an x86-64 machine, this one is {platform.machine()}")
    if not shutil.which("apt-get"):
        raise Unavailable("the guest is made from a Debian package; there is no apt-get here")
    tools = {"qemu-system-x86_64", "busybox", "modprobe", "depmod", "cpio"}
    missing = sorted(tool for tool in tools if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"))
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}; run: sudo apt-get install {' '.join(PACKAGES)}")


def _package() -> Tuple[str, str]:
    """(name, version) of the kernel package behind the one that always names the newest."""
    for line in _output("apt-cache", "depends", META_PACKAGE).splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith("linux-image-"):
            shown = _output("apt-cache", "show", "--no-all-versions", name)
            return name, next(row.split()[1] for row in shown.splitlines() if row.startswith("Version: "))
    raise Unavailable(f"apt knows no package {META_PACKAGE}; run: sudo apt-get update")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jetracer" / "hil"


def _make(name: str, work: Path, out: Path) -> None:
    release = name[len("linux-image-"):]
    _run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name, cwd=work)
    wanted = [f"./boot/vmlinuz-{release}", f"./lib/modules/{release}/modules.*"]
    wanted += [f"./lib/modules/{release}/kernel/{folder}/*" for folder in _UNPACKED]
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", *map(str, work.glob("*.deb"))], stdout=subprocess.PIPE)
    subprocess.run(["tar", "x", "-C", str(work), "--wildcards", *wanted], stdin=unpack.stdout, check=True)
    unpack.communicate()
    out.mkdir()
    (out / "vmlinux").write_bytes(_elf((work / "boot" / f"vmlinuz-{release}").read_bytes()))
    (out / "initrd.gz").write_bytes(_initrd(work, release))


def _elf(vmlinuz: bytes) -> bytes:
    """The kernel proper: packed with xz somewhere in the file that boot loaders take."""
    start = vmlinuz.find(_XZ)
    while start >= 0:
        kernel = lzma.LZMADecompressor().decompress(vmlinuz[start:])
        if kernel.startswith(b"\x7fELF"):
            return kernel
        start = vmlinuz.find(_XZ, start + 1)
    raise Unavailable("the kernel of this Debian is not packed with xz")


def _initrd(work: Path, release: str) -> bytes:
    root, modules = work / "root", Path("lib/modules", release)
    _run("depmod", "-b", str(work), release)
    for file in _module_files(work, release):
        _copy(work / file, root / file)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        _copy(work / modules / name, root / modules / name)
    _run("depmod", "-b", str(root), release)
    for name in ("bin", "dev", "proc", "sys", "mnt"):
        (root / name).mkdir()
    shutil.copy(shutil.which("busybox") or "", root / "bin" / "busybox")
    shutil.copy(_INIT, root / "init")
    (root / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), cwd=root,
                            stdout=subprocess.PIPE, check=True)  # fmt: skip
    return gzip.compress(packed.stdout, 1)


def _module_files(work: Path, release: str) -> List[str]:
    """The modules and all that they need, relative to `work`."""
    lines = "".join(_output("modprobe", "-n", "--show-depends", "-d", str(work), "-S", release, name)
                    for name in MODULES)  # fmt: skip
    paths = {line.split()[1] for line in lines.splitlines() if line.startswith("insmod ")}
    return sorted(os.path.relpath(path, work) for path in paths)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _run(*command: str, **options: object) -> None:
    subprocess.run(command, check=True, env=_environment(), **options)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=_environment()).stdout


def _environment() -> dict:
    return {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
