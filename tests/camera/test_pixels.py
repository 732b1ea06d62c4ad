import cv2
import numpy as np
import pytest

from jetracer.camera.pixels import is_blank, resized


def test_dim_pictures_are_not_blank():
    ramp = np.repeat(np.linspace(0, 12, 224, dtype=np.uint8)[None, :], 224, axis=0)
    assert not is_blank(np.dstack([ramp] * 3))


def scene(height, width, seed=0):
    """(H,W,3) uint8 with structure of all sizes, as soft as a lens and a Bayer sensor leave it."""
    sharp = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.float32)
    soft = sum(size * cv2.GaussianBlur(sharp, (0, 0), size) for size in (1.0, 2.0, 6.0, 20.0))
    return cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.mark.parametrize("height, width", [(720, 1280), (1080, 1920)])
def test_a_much_larger_picture_is_nearer_to_the_mean_of_its_pixels_by_fewer_rows(height, width):
    image = scene(height, width)
    wanted = cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA).astype(float)
    plain = cv2.resize(image, (224, 224), interpolation=cv2.INTER_LINEAR)
    made = resized(image, (224, 224))
    assert np.square(made - wanted).mean() < np.square(plain - wanted).mean()


@pytest.mark.parametrize("height", [720, 1080, 672, 480, 224, 225, 721])
def test_nothing_moves(height):
    rows = np.linspace(0, 255, height)
    image = np.broadcast_to(np.rint(rows)[:, None, None], (height, 300, 3)).astype(np.uint8)
    made = resized(image, (224, 224))
    wanted = cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA)
    assert np.abs(made.astype(int) - wanted).max() <= 1


def test_it_goes_where_it_is_told():
    out = np.empty((20, 30, 3), np.uint8)
    assert resized(scene(100, 90), (30, 20), out) is out and out.any()
