"""The programs that run and the files that they hold, read from /proc below a root."""
from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple


class Program(NamedTuple):
    pid: int
    uid: int
    parent: int
    command: str  # with its arguments

    @property
    def ours(self) -> bool:
        """Whether it is JetRacer itself: `jetracer VERB` or `python -m jetracer.X`."""
        words = self.command.split()
        return any(word.startswith("jetracer.") and before == "-m" for before, word in zip(words, words[1:])) or any(
            os.path.basename(word) == "jetracer" for word in words[:2])

    def __str__(self) -> str:
        words = self.command.split() or ["a program"]
        words = words if self.ours else [os.path.basename(word) for word in words]
        return f"{' '.join(words)[:60]} (process {self.pid})"


def programs(root: Path) -> Iterator[Program]:
    """All but this one; those that end meanwhile are left out."""
    for folder in (root / "proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            status = (folder / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        facts = dict(re.findall(r"^(Uid|PPid):\s*(\d+)", status, re.M))
        if command and len(facts) == 2:  # a thread of the kernel has no command
            yield Program(int(folder.name), int(facts["Uid"]), int(facts["PPid"]), command)


def holders(root: Path, wanted: Callable[[str], bool]) -> List[Program]:
    """The programs with an open file whose name is `wanted`; those of other users only for root."""
    return [one for one in programs(root) if any(wanted(name) for name in _open_files(root, one.pid))]


def _open_files(root: Path, pid: int) -> Iterator[str]:
    folder = root / f"proc/{pid}/fd"
    try:
        entries = os.listdir(folder)
    except OSError:
        return
    for entry in entries:
        try:
            yield os.readlink(folder / entry)
        except OSError:
            continue
