import sys
from pathlib import Path

import pytest

from jetracer.cli.needs import needs, pip
from jetracer.core.errors import ConfigError


def test_what_is_missing_is_told_with_the_line_that_installs_it():
    needs("numpy")
    with pytest.raises(ConfigError, match=r"needs no_such_package; run: .*pip install no_such_package"):
        needs("numpy", "no_such_package")


def test_it_is_the_pip_of_this_python(monkeypatch, tmp_path):
    (tmp_path / "pip").write_text("#!/bin/sh\n")
    (tmp_path / "pip").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pip() == f"{sys.executable} -m pip"
    monkeypatch.setattr(sys, "executable", str(Path(tmp_path) / "python"))
    assert pip() == "pip"
