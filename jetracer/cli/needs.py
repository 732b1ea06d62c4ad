"""What a command needs beyond a plain install, told before it begins."""
from __future__ import annotations

from importlib.util import find_spec

from jetracer.core.errors import ConfigError


def needs(extra: str, *packages: str) -> None:
    """Raises ConfigError with the line that installs them when one of the packages is missing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigError(f"This needs {' and '.join(missing)}; run: pip install 'jetracer[{extra}]'")
