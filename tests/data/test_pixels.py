"""Pixels that move: against SciPy's interpolation, flat and scaled images, who stays."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from etude.batch import Batch, Spec
from etude.data.pixels import changed_images, interpolated, picked, rectangle

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.normal(size=(3, 5, 7, 2)).astype(np.float32)
SPEC = Spec("classes", (5, 7, 2), classes=("a", "b"))


def batch(inputs: Any, **fields: Any) -> Batch:
    count = len(inputs)
    return Batch(jnp.asarray(inputs), jnp.zeros(count, int), jnp.ones(count), **fields)


def test_interpolation_is_that_of_scipy() -> None:
    points = GENERATOR.uniform(-2, 8, size=(2, 3, 5, 7))
    found = interpolated(jnp.asarray(IMAGES), *jnp.asarray(points, jnp.float32))
    expected = np.stack(
        [
            np.stack(
                [
                    ndimage.map_coordinates(
                        image[..., c], points[:, n], order=1, mode="grid-constant", cval=0.0
                    )
                    for c in range(2)
                ],
                -1,
            )
            for n, image in enumerate(IMAGES)
        ]
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_whole_points_are_pixels_and_what_lies_outside_is_black() -> None:
    rows, columns = np.meshgrid(np.arange(-1, 4), np.arange(1, 8), indexing="ij")
    found = np.asarray(picked(jnp.asarray(IMAGES), jnp.asarray(rows), jnp.asarray(columns)))
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_array_equal(found[:, :, -1], 0)
    np.testing.assert_array_equal(found[:, 1:, :-1], IMAGES[:, :4, 1:])
    between = interpolated(jnp.asarray(IMAGES), jnp.asarray(rows), jnp.asarray(columns))
    np.testing.assert_array_equal(between, found)


def test_scaled_images_move_as_what_they_were_before() -> None:
    """What is fitted to a pixel stays at its place: move, then scale, and not the reverse."""
    mean = GENERATOR.normal(size=(5 * 7 * 2)).astype(np.float32)
    factor = GENERATOR.uniform(0.5, 3, size=70).astype(np.float32)
    factor[4] = 0  # as of a pixel of which no training row has a value
    spec = Spec(
        "classes", (70,), classes=("a", "b"), sizes=(("height", 5), ("width", 7), ("channels", 2))
    )
    flat = IMAGES.reshape(3, 70)
    flat[:, 4] = mean[4]
    rows = batch((flat - mean) * factor, mean=mean, factor=factor)
    after = changed_images(rows, spec, jnp.asarray(True), lambda images: images[:, ::-1])
    moved = flat.reshape(3, 5, 7, 2)[:, ::-1].reshape(3, 70)
    np.testing.assert_allclose(after.inputs, (moved - mean) * factor, atol=1e-5)


def test_images_that_are_not_chosen_keep_every_bit() -> None:
    inputs = IMAGES.copy()
    inputs[0, 0, 0, 0], inputs[0, 0, 1, 0] = -0.0, 1e-45
    rows = batch(inputs, mean=np.float32(0.3), factor=np.float32(1.7))
    chosen = jnp.asarray([False, True, False])
    after = np.asarray(changed_images(rows, SPEC, chosen, lambda images: images + 1).inputs)
    assert after[[0, 2]].tobytes() == inputs[[0, 2]].tobytes()
    assert (after[1] != inputs[1]).all()


@pytest.mark.parametrize(("side", "taken"), [(0, ()), (1, (3,)), (2, (2, 3)), (3, (2, 3, 4))])
def test_a_side_is_so_many_pixels_about_the_center(side: int, taken: tuple[int, ...]) -> None:
    center = jnp.asarray([3.0])
    found = np.asarray(rectangle(SPEC, center, center, jnp.asarray(side), jnp.asarray(side)))[0]
    assert tuple(np.flatnonzero(found.any(1))) == taken
    assert tuple(np.flatnonzero(found.any(0))) == taken
    assert found.sum() == side**2


def test_what_sticks_out_is_cut() -> None:
    first = jnp.asarray([0.0])
    found = np.asarray(rectangle(SPEC, first, first, jnp.asarray(4.0), jnp.asarray(2.0)))[0]
    expected = np.zeros((5, 7), bool)
    expected[:2, :1] = True
    np.testing.assert_array_equal(found, expected)
