"""Cutout (DeVries & Taylor, "Improved Regularization of CNNs with Cutout", 2017)."""

from typing import Annotated

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.augmentation import Augmentation
from etude.data.pixels import check_images, image_size, rectangle
from etude.keys import hashed_uniform


class Cutout(Augmentation):
    """x_ij ← 0 in a square about a random pixel of the image.

    All pixels are centers equally likely, so that the square may stick out. 0 is in the scale
    that networks see: of standardized images the mean of the training rows, else black.

    Attributes:
        size: the side of the square in pixels.
    """

    size: Annotated[Traced, Field(ge=0)] = 4.0

    def check(self, spec: Spec) -> None:
        check_images(self, spec)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        height, width, _ = image_size(spec)
        drawn = hashed_uniform(key, (2, batch.weights.shape[0]))
        rows, columns = jnp.floor(drawn[0] * height), jnp.floor(drawn[1] * width)
        size = jnp.asarray(self.size)
        hidden = rectangle(spec, rows, columns, size, size)[..., None]
        images = batch.inputs.reshape(-1, *image_size(spec))
        return batch._replace(inputs=jnp.where(hidden, 0, images).reshape(batch.inputs.shape))
