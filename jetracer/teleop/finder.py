"""Finds a gamepad among the input devices, now or later, without holding up the drive loop."""
from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional

from jetracer.teleop.evdev import Ask, EventDevice, ask_kernel
from jetracer.teleop.pads import Profile, profile_of

FOLDER = "/dev/input"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0


class Pad(NamedTuple):
    device: EventDevice
    profile: Profile


class PadSearch:
    """One look at `path`, or at all event devices of `folder`. What is no pad is not opened a second time."""

    def __init__(self, folder: str = FOLDER, path: str = "", ask: Ask = ask_kernel) -> None:
        self.refused: List[str] = []  # devices without permission, at the last look
        self.others: Dict[str, int] = {}  # devices that are no pads, with their inodes
        self._folder, self._path, self._ask = Path(folder), path, ask

    def __call__(self) -> Optional[Pad]:
        self.refused = []
        for path in self._paths():
            pad = self._open(path)
            if pad is not None:
                return pad
        return None

    def _paths(self) -> List[str]:
        if self._path:
            return [self._path]
        paths = self._folder.glob("event*")
        return [str(path) for path in sorted(paths, key=lambda path: (len(path.name), path.name))]

    def _open(self, path: str) -> Optional[Pad]:
        try:
            inode = os.stat(path).st_ino
            if self.others.get(path) == inode:
                return None
            device = EventDevice(path, self._ask)
        except PermissionError:
            self.refused.append(path)
            return None
        except OSError:  # gone again, or none of those that can be asked
            return None
        profile = profile_of(device.vendor, device.product, device.keys | set(device.axes))
        if profile is None:
            device.close()
            self.others[path] = inode
            return None
        return Pad(device, profile)


class Finder:
    """Searches in a thread of its own, since opening and closing a device may take the kernel tens of milliseconds."""

    def __init__(self, search: Callable[[], Optional[Pad]]) -> None:
        self._search = search
        self._found: Optional[Pad] = None
        self._lost: Optional[Pad] = None
        self._changed = threading.Condition()
        self._wanted = self._ended = False
        self._thread = threading.Thread(target=self._work, name="gamepad-finder", daemon=True)
        self._thread.start()

    def look(self, lost: Optional[Pad] = None) -> None:
        """Begin to search; `lost` is closed first."""
        with self._changed:
            self._lost, self._wanted = lost, True
            self._changed.notify_all()

    def take(self) -> Optional[Pad]:
        """The pad that was found, once; never blocks."""
        found = self._found
        if found is not None:
            self._found = None
        return found

    def close(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()
        for pad in filter(None, (self.take(), self._lost)):
            pad.device.close()

    def _work(self) -> None:
        while self._await_order():
            pause_s = FIRST_PAUSE_S
            while not self._ended:
                self._found = self._search()
                if self._found is not None:
                    break
                self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _await_order(self) -> bool:
        """Wait until a search is wanted; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._ended)
            lost, self._lost, self._wanted = self._lost, None, False
        if lost is not None:
            lost.device.close()
        return not self._ended

    def _pause(self, pause_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, pause_s)
