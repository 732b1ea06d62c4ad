"""Golden plans of `jetracer build --dry-run`: `python -m tests.golden_build` writes them anew; read what changed."""
from __future__ import annotations

import contextlib
import io
from pathlib import Path

from jetracer.cli.main import main
from jetracer.engine.load import SHIPPED

FOLDER = Path(__file__).parent / "golden" / "build"
VERSIONS = ("8.2", "8.5", "10.3", "10.16", "11.4")
DEVICES = ("nano", "orin-nano", "thor")
PLANS = [(version, device) for version in VERSIONS for device in DEVICES]


def told(version: str, device: str) -> str:
    """All that the command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        main(["build", "road", "--dry-run", "--trt", version, "--device", device])
    return out.getvalue().replace(f"{SHIPPED}/", "")


def path(version: str, device: str) -> Path:
    return FOLDER / f"{version}-{device}.txt"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for plan in PLANS:
        path(*plan).write_text(told(*plan))
