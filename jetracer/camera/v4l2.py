"""What Linux tells about /dev/videoN: which camera it is, where it went, and who holds it."""
from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

from jetracer.core.processes import holders


class Identity(NamedTuple):
    """What stays the same when a camera is plugged in anew and gets another number."""

    link: str  # its name in /dev/v4l/by-id, with vendor and serial number; empty where there is none
    name: str  # what its driver calls it
    index: str  # a camera has several nodes; pictures come from the first


class VideoNodes:
    """The video nodes of this machine; `dev`, `sys` and the `root` above /proc may be folders of a test."""

    def __init__(self, dev: str = "/dev", sys: str = "/sys", root: str = "/") -> None:
        self.dev, self._sys, self._root = Path(dev), Path(sys), Path(root)

    def identity(self, node: Path) -> Identity:
        """Of a node that is there."""
        links = (link.name for link in self._links() if link.resolve() == node.resolve())
        facts = self._sys / "class" / "video4linux" / node.name
        return Identity(next(links, ""), _line(facts / "name"), _line(facts / "index"))

    def find(self, wanted: Identity) -> Optional[Path]:
        """The node that is this camera now: by its link, else by its name; None where it is gone, or one of twins."""
        nodes = sorted(self.dev.glob("video[0-9]*"), key=lambda node: (len(node.name), node.name))
        known = [(node, self.identity(node)) for node in nodes]
        if wanted.link:
            return next((node for node, identity in known if identity.link == wanted.link), None)
        alike = [node for node, identity in known if wanted.name and identity == wanted]
        return alike[0] if len(alike) == 1 else None

    def holders(self, node: Path) -> List[str]:
        """The other processes that have the node open, as "command (process 123)", as far as this user may see."""
        return sorted(map(str, holders(self._root, str(node).__eq__)))

    def _links(self) -> Iterator[Path]:
        folder = self.dev / "v4l" / "by-id"
        return iter(sorted(folder.iterdir())) if folder.is_dir() else iter(())


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
