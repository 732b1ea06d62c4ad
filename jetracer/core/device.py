"""A thing that is opened and closed: the few verbs every device shares."""
from __future__ import annotations


class Device:
    """Open, use, close; or `with device:`.

    `open` and `close` may be called again without harm, and `close` after a failed `open` too.
    Constructors touch no hardware and import nothing heavy; `open` does.
    """

    def open(self) -> None:
        """Acquire the hardware. Raises DeviceError with the cause and the next step."""

    def close(self) -> None:
        """Release the hardware; never raises for a device that is already gone."""

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_exc) -> None:
        self.close()
