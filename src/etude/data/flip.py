"""Mirror images."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.augmentation import Augmentation
from etude.data.pixels import changed_images, check_images
from etude.keys import hashed_uniform


class Flip(Augmentation):
    """x_ij ← x_i,W+1−j with probability p, for every image on its own; vertical: x_H+1−i,j.

    Of use where the mirror image of a row is as likely and has the same target: not for digits
    and letters.

    Attributes:
        probability: p.
        axis: "horizontal" swaps left and right, "vertical" top and bottom.
    """

    probability: Annotated[Traced, Field(ge=0, le=1)] = 0.5
    axis: Literal["horizontal", "vertical"] = "horizontal"

    def check(self, spec: Spec) -> None:
        check_images(self, spec)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        chosen = hashed_uniform(key, batch.weights.shape) < self.probability
        axis = 2 if self.axis == "horizontal" else 1
        return changed_images(batch, spec, chosen, lambda images: jnp.flip(images, axis))
