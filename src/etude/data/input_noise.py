"""Noisy inputs (Bishop, "Training with Noise is Equivalent to Tikhonov Regularization", 1995)."""

from typing import Annotated

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.augmentation import Augmentation, check_numbers
from etude.keys import hashed_normal


class InputNoise(Augmentation):
    """x ← x + σε, ε ~ N(0, 1) for every number of every row on its own.

    For tables, series and images. σ is in the scale that networks see: of standardized inputs
    one unit is their standard deviation over the training rows. What stands for a category has
    noise too.

    Attributes:
        std: σ.
    """

    std: Annotated[Traced, Field(ge=0)] = 0.1

    def check(self, spec: Spec) -> None:
        check_numbers(self, spec)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        noise = (self.std * hashed_normal(key, batch.inputs.shape)).astype(batch.inputs.dtype)
        inputs = jnp.where(self.std > 0, batch.inputs + noise, batch.inputs)
        return batch._replace(inputs=inputs)
