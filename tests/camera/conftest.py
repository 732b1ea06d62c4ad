"""A machine on which nothing may be restarted, unless a test puts another `sudo` on the path."""
from __future__ import annotations

import os

import pytest

from jetracer.camera import csi


class Path:
    """Programs of the test's own, found before those of the machine."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(self, name, body):
        script = self.folder / name
        script.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        script.chmod(0o755)


@pytest.fixture
def path(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    return Path(folder, monkeypatch)


@pytest.fixture(autouse=True)
def nothing_is_restarted(path, tmp_path, monkeypatch):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(csi, "AGAIN_S", (0.01, 0.02, 0.04))
    path.install("sudo", 'echo "sudo: a password is required" >&2; exit 1')
