"""Writes an installation and takes it away again: exactly what was written, and never half of it."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Callable, Dict, Optional, Sequence

from jetracer.core.errors import ServiceError
from jetracer.service.plan import UNITS, File, start_commands, stop_commands

NOTE = "/etc/jetracer/installed.json"  # path: digest of what was written there
OURS = ("/etc/systemd/system/jetracer.service.d", "/etc/jetracer")  # folders that go when they are empty
RUNTIME = "/run/jetracer"
COMMAND_S = 30.0
Run = Callable[[Sequence[str]], str]
Say = Callable[[str], None]


def run(command: Sequence[str]) -> str:
    """Its output. Raises ServiceError with what it said when it fails."""
    try:
        done = subprocess.run(list(command), capture_output=True, text=True, timeout=COMMAND_S, check=False)
    except FileNotFoundError as error:
        raise ServiceError(f"There is no {command[0]} here: services need systemd.") from error
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{' '.join(command[:2])} did not end within {COMMAND_S:.0f} s.") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        if "not been booted with systemd" in said[0]:
            raise ServiceError("systemd does not run here, and services need it; without one: jetracer drive")
        raise ServiceError(f"{' '.join(command[:2])} failed: {said[0]}")
    return done.stdout


def install(files: Sequence[File], root: Path, say: Say, run: Run = run) -> None:
    """Write what differs, enable and start. On any error all is as before. Raises ServiceError."""
    before: Dict[Path, Optional[bytes]] = {}
    note = written(root)
    try:
        for file in files:
            path = below(root, file.path)
            if file.keep and path.exists():
                say(f"kept      {file.path}: it is yours")
                continue
            note[file.path] = _digest(file.text.encode("utf-8"))
            say(f"{_write(path, file, before, run):<9} {file.path}")
        _write(below(root, NOTE), File(NOTE, json.dumps(note, indent=1) + "\n"), before, run)
        for command in start_commands(root, bool(before)):
            run(command)
            say(f"ran       {' '.join(command)}")
    except (OSError, ServiceError) as error:
        _undo(before, root, run)
        raise ServiceError(f"Nothing was changed: {error}") from error


def remove(root: Path, say: Say, run: Run = run) -> None:
    """Stop, disable, and delete what was written; what was changed since then stays, and is named."""
    note = written(root)
    if not note:
        say("Nothing is installed.")
        return
    for command in stop_commands(root):
        run(command)
        say(f"ran       {' '.join(command)}")
    try:
        for name, digest in note.items():
            _remove(below(root, name), digest, name, say)
        below(root, NOTE).unlink()
        for folder in OURS:
            _drop_if_empty(below(root, folder))
        shutil.rmtree(below(root, RUNTIME), ignore_errors=True)
    except OSError as error:
        raise ServiceError(f"Not all is removed ({error}); run it again.") from error
    if root == Path("/"):
        run(("systemctl", "daemon-reload"))


def below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _write(path: Path, file: File, before: Dict[Path, Optional[bytes]], run: Run) -> str:
    """What was done, in a word; `before` is told what was there."""
    data = file.text.encode("utf-8")
    old = path.read_bytes() if path.exists() else None
    if old == data:
        return "same"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(data)
        new.chmod(file.mode)
        if path.parent.name == "sudoers.d" and shutil.which("visudo"):
            run(("visudo", "-cf", str(new)))  # a mistake there locks everybody out of sudo
        before[path] = old
        os.replace(new, path)  # whole or not at all
    finally:
        new.unlink(missing_ok=True)
    return "written"


def _undo(before: Dict[Path, Optional[bytes]], root: Path, run: Run) -> None:
    """What can fail here has failed before: systemd is not there."""
    if before.get(below(root, f"/etc/systemd/system/{UNITS[0]}"), b"") is None:
        _try(stop_commands(root), run)
    for path, old in before.items():
        if old is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(old)
    for folder in OURS:
        _drop_if_empty(below(root, folder))
    if root == Path("/"):
        _try([("systemctl", "daemon-reload")], run)


def _try(commands: Sequence[Sequence[str]], run: Run) -> None:
    with suppress(ServiceError):
        for command in commands:
            run(command)


def _remove(path: Path, digest: str, name: str, say: Say) -> None:
    if not path.exists():
        return
    if _digest(path.read_bytes()) == digest:
        path.unlink()
        say(f"removed   {name}")
    else:
        say(f"kept      {name}: it was changed since")


def _drop_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def written(root: Path) -> Dict[str, str]:
    """Path: digest of every file that an installation wrote; empty where there is none."""
    path = below(root, NOTE)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
