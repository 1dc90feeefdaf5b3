"""Crops of random size (Szegedy et al., "Going Deeper with Convolutions", 2015)."""

from typing import Annotated

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.augmentation import Augmentation
from etude.data.pixels import changed_images, check_images, image_size, interpolated
from etude.keys import hashed_uniform


class Crop(Augmentation):
    """A part of the image, sH × sW with s from 1 − c to 1, enlarged to the whole bilinearly.

    s and the place of the part are drawn with equal density. The shape of the image stays, as
    does that of what is in it; `shift` moves it without enlarging it.

    Attributes:
        size: c, the largest share of height and width that is cut off.
    """

    size: Annotated[Traced, Field(ge=0, lt=1)] = 0.2

    def check(self, spec: Spec) -> None:
        check_images(self, spec)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        height, width, _ = image_size(spec)
        drawn = hashed_uniform(key, (3, batch.weights.shape[0], 1, 1))
        share = 1 - self.size * drawn[0]

        def along(length: int, place: jax.Array) -> jax.Array:
            # Between the middles of the outermost pixels, outside of which is nothing to enlarge.
            middles = jnp.arange(length) + 0.5
            points = place * (1 - share) * length + middles * share - 0.5
            return jnp.clip(points, 0, length - 1)

        rows, columns = along(height, drawn[1]).swapaxes(1, 2), along(width, drawn[2])
        return changed_images(
            batch, spec, self.size > 0, lambda images: interpolated(images, rows, columns)
        )
