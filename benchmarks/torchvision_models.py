"""torchvision's nets, in a folder of their own (`build/torchvision`), made on first use.

PyPI's wheel is made for another build of torch, so its C++ operators do not load, and so none of it does. The nets need
none of them: only the names that its Python code mentions must be known.
"""
from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any, List

from benchmarks.measure import ROOT, progress
from jetracer.core.errors import DeviceError

HOME = ROOT / "build" / "torchvision"
PACKAGES = ["torchvision==0.28.0", "pillow"]
INSTALL_S = 600
OPERATORS = ("nms", "qnms", *(f"{way}{name}{end}" for name in ("roi_align", "ps_roi_align", "roi_pool", "ps_roi_pool",
             "deform_conv2d") for way, end in (("", ""), ("_", "_backward"))))
_KEPT: List[Any] = []  # a library's operators go when it does


def torchvision_models(install: bool = True) -> Any:
    """The module `torchvision.models`: the installed one where it loads. Raises DeviceError when there is none."""
    try:
        return importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError):  # RuntimeError: made for another build of torch
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    if install:
        install_torchvision()
    elif not (HOME / "torchvision").exists():
        raise DeviceError("torchvision is not installed yet; python -m benchmarks predictor does that.")
    sys.path.insert(0, str(HOME))
    _name_operators()
    return importlib.import_module("torchvision.models")


def install_torchvision() -> None:
    """Once, without what it depends on. Raises DeviceError with pip's last words."""
    if (HOME / "torchvision").exists():
        return
    progress(f"installing {PACKAGES[0]} into {HOME.relative_to(ROOT)} (once)")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--target", str(HOME), *PACKAGES]
    try:
        subprocess.run(command, check=True, timeout=INSTALL_S, capture_output=True, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise DeviceError(f"{PACKAGES[0]} could not be installed ({said[-1] if said else error}).") from error


def _name_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor x) -> Tensor")
    _KEPT.append(library)
