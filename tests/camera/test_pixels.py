import numpy as np

from jetracer.camera.pixels import is_blank


def test_dim_pictures_are_not_blank():
    ramp = np.repeat(np.linspace(0, 12, 224, dtype=np.uint8)[None, :], 224, axis=0)
    assert not is_blank(np.dstack([ramp] * 3))
