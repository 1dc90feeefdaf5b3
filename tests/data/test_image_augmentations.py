"""Flip, shift, crop, rotate, cutout and CutMix: what they do to images, and how often."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError
from scipy import ndimage

import etude
from etude.batch import Batch, Spec
from etude.data.augmentation import Augmentation
from etude.errors import InputError
from etude.keys import hashed_uniform

SPEC = Spec("classes", (9, 8, 2), classes=("a", "b", "c"))
GENERATOR = np.random.default_rng(0)
ROWS = 400
IMAGES = GENERATOR.uniform(1, 2, size=(ROWS, 9, 8, 2)).astype(np.float32)
CLASSES = GENERATOR.integers(0, 3, ROWS)
KEY = jax.random.key(3)


def batch(images: Any = IMAGES, **fields: Any) -> Batch:
    rows = Batch(jnp.asarray(images), jnp.asarray(CLASSES[: len(images)]), jnp.ones(len(images)))
    return rows._replace(**fields)


def changed(augmentation: Augmentation, rows: Batch | None = None) -> np.ndarray:
    rows = batch() if rows is None else rows
    return np.asarray(augmentation(rows, KEY, SPEC).inputs)


def test_flips_mirror_the_share_asked_for() -> None:
    for axis, mirrored in (("horizontal", IMAGES[:, :, ::-1]), ("vertical", IMAGES[:, ::-1])):
        found = changed(etude.Flip(axis=axis, probability=0.3))
        same = (found == IMAGES).all((1, 2, 3))
        np.testing.assert_array_equal(found[~same], mirrored[~same])
        # Four standard deviations of 400 draws.
        assert (~same).mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / ROWS))
    np.testing.assert_array_equal(changed(etude.Flip(probability=1)), IMAGES[:, :, ::-1])


def test_shifts_are_equally_likely_and_move_black_in() -> None:
    found = changed(etude.Shift(pixels=2))
    counts = np.zeros((5, 5))
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)))
    for image, around in zip(found, padded, strict=True):
        places = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if np.array_equal(image, around[down : down + 9, right : right + 8])
        ]
        assert len(places) == 1
        counts[places[0]] += 1
    # Chi-square of 24 degrees of freedom is above 60 with a chance of 7e-5.
    assert ((counts - ROWS / 25) ** 2 / (ROWS / 25)).sum() < 60


def test_rotations_are_those_of_scipy() -> None:
    rows = batch(IMAGES[:6])
    found = changed(etude.Rotate(degrees=40), rows)
    angles = 40 * (2 * np.asarray(hashed_uniform(KEY, (6, 1, 1))).ravel() - 1)
    assert angles.min() < -5
    assert angles.max() > 5
    for image, angle, after in zip(IMAGES, angles, found, strict=False):
        expected = ndimage.rotate(
            image, angle, axes=(1, 0), reshape=False, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(after, expected, atol=1e-4)


def test_crops_enlarge_a_part_of_the_image() -> None:
    """Of an image that is linear in row and column a part is linear too, and less steep."""
    rows, columns = np.meshgrid(np.arange(9), np.arange(8), indexing="ij")
    slope = np.stack([rows, columns], -1).astype(np.float32)
    images = np.repeat(slope[None], ROWS, 0)
    found = changed(etude.Crop(size=0.5), batch(images))
    down, right = np.diff(found[..., 0], axis=1), np.diff(found[..., 1], axis=2)
    # Between the middles of the outermost pixels a part goes on as it begins.
    steepness = np.median(down, (1, 2))
    np.testing.assert_allclose(np.median(right, (1, 2)), steepness, atol=1e-4)
    assert 0.5 <= steepness.min() < 0.53
    assert 0.97 < steepness.max() <= 1
    assert steepness.mean() == pytest.approx(0.75, abs=4 * 0.5 / np.sqrt(12 * ROWS))
    middle = np.abs(down - steepness[:, None, None]) < 1e-4
    assert middle[:, 2:-2].all(), "edges are repeated at most in the outermost half pixel"
    assert found[..., 0].max() <= 8
    assert found.min() >= 0


def test_cutout_hides_a_square_about_every_pixel_alike() -> None:
    found = changed(etude.Cutout(size=3))
    hidden = (found == 0).all(-1)
    np.testing.assert_array_equal(found[~hidden], IMAGES[~hidden])
    assert set(hidden.sum((1, 2))) <= {4, 6, 9}
    centers = np.mean(hidden.sum((1, 2)) == 9)
    assert centers == pytest.approx(7 * 6 / 72, abs=0.1), "others stick out"
    assert changed(etude.Cutout(size=100)).max() == 0


def test_cutmix_takes_a_rectangle_and_its_share_of_the_class() -> None:
    # An image of one colour tells where its pixels have gone.
    images = np.broadcast_to(np.arange(1, ROWS + 1)[:, None, None, None], IMAGES.shape)
    after = etude.CutMix(probability=0.8)(batch(images.astype(np.float32)), KEY, SPEC)
    inputs, targets = np.asarray(after.inputs), np.asarray(after.targets)
    partner = np.roll(np.arange(ROWS), 1)
    foreign = inputs[..., 0] != images[..., 0]
    np.testing.assert_array_equal(inputs[foreign][:, 0], (partner + 1)[np.nonzero(foreign)[0]])
    share = 1 - foreign.mean((1, 2))
    hot = np.eye(3)[CLASSES]
    np.testing.assert_allclose(
        targets, share[:, None] * hot + (1 - share)[:, None] * hot[partner], atol=1e-6
    )
    for image in foreign[:50]:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert image.sum() == len(rows) * len(columns), "it is a rectangle"
    assert 0.15 < np.mean(share == 1) < 0.35, "a fifth is left, and some rectangles are empty"
    # With λ of equal density, had rectangles not been cut, the mean would be a half.
    assert 0.6 < share[share < 1].mean() < 0.8


@pytest.mark.parametrize(
    "augmentation",
    [etude.Flip(), etude.Shift(), etude.Crop(), etude.Rotate(), etude.Cutout(), etude.CutMix()],
    ids=lambda augmentation: augmentation.name,
)
def test_what_is_no_image_is_refused(augmentation: Augmentation) -> None:
    told = f"`augment` {augmentation.name} needs images.*got inputs of shape \\[64\\]"
    with pytest.raises(InputError, match=told):
        augmentation.check(Spec("numbers", (64,)))
    with pytest.raises(InputError, match="got tokens"):
        augmentation.check(Spec("tokens", (8, 8, 1)))


def test_numbers_beyond_their_rules_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"`pixels` must be a whole number, got 1\.5"):
        etude.Shift(pixels=1.5)
    for wrong in (
        lambda: etude.Flip(probability=1.1),
        lambda: etude.Crop(size=1),
        lambda: etude.Rotate(degrees=181),
        lambda: etude.Cutout(size=-1),
        lambda: etude.CutMix(alpha=0),
    ):
        with pytest.raises(ValidationError):
            wrong()
