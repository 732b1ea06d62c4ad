import pytest

from jetracer.cli.needs import needs
from jetracer.core.errors import ConfigError


def test_what_is_missing_is_told_with_the_line_that_installs_it():
    needs("train", "numpy")
    with pytest.raises(ConfigError, match=r"needs no_such_package; run: pip install 'jetracer\[train\]'"):
        needs("train", "numpy", "no_such_package")
