"""Shifted images."""

from typing import Annotated

import jax
import jax.numpy as jnp
from pydantic import AfterValidator, Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.augmentation import Augmentation
from etude.data.pixels import changed_images, check_images, image_size, picked
from etude.keys import hashed_uniform


def _whole(number: float) -> float:
    if number != int(number):
        raise ValueError(f"`pixels` must be a whole number, got {number}")
    return number


class Shift(Augmentation):
    """x_ij ← x_i+a,j+b with a, b from {−p, ..., p}, each equally likely; black moves in.

    The same as a crop of random place after padding by p pixels (He, Zhang, Ren & Sun, 2016).

    Attributes:
        pixels: p, a whole number.
    """

    pixels: Annotated[Traced, Field(ge=0), AfterValidator(_whole)] = 2.0

    def check(self, spec: Spec) -> None:
        check_images(self, spec)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        height, width, _ = image_size(spec)
        most = jnp.floor(self.pixels + 0.5)
        drawn = hashed_uniform(key, (2, batch.weights.shape[0], 1, 1))
        down, right = (jnp.floor(drawn * (2 * most + 1)) - most).astype(jnp.int32)
        rows, columns = jnp.arange(height)[:, None] + down, jnp.arange(width) + right
        return changed_images(batch, spec, most > 0, lambda images: picked(images, rows, columns))
