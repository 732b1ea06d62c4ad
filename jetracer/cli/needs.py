"""What a command needs beyond a plain install, told before it begins."""
from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from jetracer.core.errors import ConfigError


def needs(*packages: str) -> None:
    """Raises ConfigError with the line that installs them when one of the packages is missing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigError(f"This needs {' and '.join(missing)}; run: {pip()} install {' '.join(missing)}")


def pip() -> str:
    """The words that call the pip of this very Python: a virtual environment that is not activated has its own."""
    found = shutil.which("pip")
    return "pip" if found and Path(found).parent == Path(sys.executable).parent else f"{sys.executable} -m pip"
