"""Changed pictures still mean what their labels say."""
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.models.road_net import POOLED_PX, normalise  # noqa: E402
from jetracer.train.augment import BRIGHTEST, DARKEST, AugmentConfig, augment, cover, flip, light  # noqa: E402

SAME = AugmentConfig(0.0, 0.0, 0.0, 0.0, (1.0, 1.0), 0.0)


def pictures(count: int = 4) -> torch.Tensor:
    random = torch.Generator().manual_seed(3)
    shape = (count, 3, POOLED_PX, POOLED_PX)
    return normalise(torch.randint(0, 256, shape, generator=random, dtype=torch.uint8))


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_mirrored_picture_has_its_aim_on_the_other_side():
    before, aim = pictures(2), torch.tensor([[0.5, 0.1], [0.5, 0.1]])
    after, mirrored = flip(before, aim, torch.tensor([True, False]))
    assert torch.equal(after[0], before[0].flip(2))
    assert torch.equal(after[1], before[1])
    assert mirrored[0].tolist() == pytest.approx([-0.5 - 2 / 224, 0.1])
    assert mirrored[1].tolist() == pytest.approx([0.5, 0.1])
    assert aim[0, 0] == 0.5  # what was given stays


def test_a_mark_under_the_aim_is_still_under_it_after_mirroring():
    picture = torch.zeros(1, 1, 2, 224)
    picture[0, 0, :, 60] = 1.0
    after, aim = flip(picture, torch.tensor([[2.0 * (60 / 224 - 0.5), 0.0]]), torch.tensor([True]))
    px = round(float(224 * (0.5 * aim[0, 0] + 0.5)))
    assert after[0, 0, 0, px] == 1.0


def test_mirroring_twice_gives_the_same_back():
    before, aim = pictures(), torch.rand(4, 2)
    every = torch.ones(4, dtype=torch.bool)
    after, back = flip(*flip(before, aim, every), every)
    assert torch.equal(after, before)
    assert torch.allclose(back, aim, atol=1e-6)


def test_with_everything_switched_off_nothing_changes():
    before, aim = pictures(), torch.rand(4, 2)
    after, same = augment(before, aim, SAME, source())
    assert torch.allclose(after, before, atol=1e-5)
    assert torch.equal(same, aim)


def test_pixels_stay_within_what_a_camera_can_give():
    after, _ = augment(pictures(16), torch.zeros(16, 2), AugmentConfig(gain_sigma=2.0), source())
    assert after.min() >= DARKEST
    assert after.max() <= BRIGHTEST


def test_black_stays_black_under_any_gain():
    black = normalise(torch.zeros(8, 3, POOLED_PX, POOLED_PX))
    after = light(black, AugmentConfig(offset_sigma=0.0), source())
    assert torch.allclose(after, black, atol=1e-4)


def test_no_saturation_is_grey():
    after = light(pictures(), AugmentConfig(0.0, 0.0, 0.0, 0.0, (0.0, 0.0)), source())
    assert torch.allclose(after[:, 0], after[:, 2], atol=1e-5)


def test_a_covering_leaves_most_of_the_picture():
    after = pictures(8)
    cover(after, AugmentConfig(patch=1.0), source())
    changed = (after != pictures(8)).any(dim=1).float().mean(dim=(1, 2))
    assert (changed > 0).all()
    assert changed.max() <= (36 / POOLED_PX) ** 2


def test_the_same_seed_gives_the_same_pictures():
    first, _ = augment(pictures(), torch.zeros(4, 2), AugmentConfig(), source(5))
    second, _ = augment(pictures(), torch.zeros(4, 2), AugmentConfig(), source(5))
    other, _ = augment(pictures(), torch.zeros(4, 2), AugmentConfig(), source(6))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
