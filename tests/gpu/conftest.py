from __future__ import annotations

import pytest

from jetracer.core.errors import ModelError
from jetracer.engine.cuda import Cuda


@pytest.fixture
def cuda():
    """This computer's CUDA; without one the test is skipped, and says why."""
    cuda = Cuda()
    try:
        cuda.open()
    except ModelError as error:
        pytest.skip(str(error))
    yield cuda
    cuda.close()
