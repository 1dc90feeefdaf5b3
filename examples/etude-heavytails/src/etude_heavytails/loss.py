"""The Cauchy loss (Barron, "A General and Adaptive Robust Loss Function", 2019)."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.loss.base import Loss
from etude.loss.regression import check_numbers


class Cauchy(Loss):
    """Quadratic for small errors, logarithmic for large ones: ℓ = Σ_d c² log(1 + (r/c)²/2).

    r = y_d − ŷ_d. The pull of an error is strongest at √2 c and fades beyond, so that outliers
    are given up.

    Attributes:
        scale: c, in units of the scaled targets.
    """

    scale: Annotated[Traced, Field(gt=0)] = 1.0

    def check(self, spec: Spec) -> None:
        check_numbers(self, spec)

    def outputs(self, spec: Spec) -> int:
        return spec.targets

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        ratio = (batch.targets - outputs) / self.scale
        return jnp.sum(self.scale**2 * jnp.log1p(ratio**2 / 2), -1)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return outputs
