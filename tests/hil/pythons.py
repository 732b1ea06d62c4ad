"""The virtual environments that `make pythons` makes: .ci/pythons.py knows which Pythons count and where they are."""
from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Dict

ROOT = Path(__file__).resolve().parent.parent.parent


def found() -> Dict[str, str]:
    """Version: interpreter, the oldest first; this program's own for its version."""
    ci = _ci()
    own = "%d.%d" % sys.version_info[:2]
    pythons = {version: sys.executable if version == own else str(ci.home(version) / "bin" / "python")
               for version in ci.VERSIONS}  # fmt: skip
    return {version: python for version, python in pythons.items() if Path(python).exists()}


def _ci():
    spec = spec_from_file_location("ci_pythons", ROOT / ".ci" / "pythons.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
