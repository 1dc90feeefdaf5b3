"""Rotated images."""

import math
from typing import Annotated

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.augmentation import Augmentation
from etude.data.pixels import changed_images, check_images, image_size, interpolated
from etude.keys import hashed_uniform


class Rotate(Augmentation):
    """The image turned about its middle by an angle from −d to d, of equal density.

    The value at a place is that at the point from which it has turned there, interpolated
    bilinearly; black moves in.

    Attributes:
        degrees: d.
    """

    degrees: Annotated[Traced, Field(ge=0, le=180)] = 15.0

    def check(self, spec: Spec) -> None:
        check_images(self, spec)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        height, width, _ = image_size(spec)
        drawn = 2 * hashed_uniform(key, (batch.weights.shape[0], 1, 1)) - 1
        angle = drawn * self.degrees * (math.pi / 180)
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        down = (jnp.arange(height) - (height - 1) / 2)[:, None]
        right = jnp.arange(width) - (width - 1) / 2
        rows = cosine * down + sine * right + (height - 1) / 2
        columns = cosine * right - sine * down + (width - 1) / 2
        return changed_images(
            batch, spec, self.degrees > 0, lambda images: interpolated(images, rows, columns)
        )
