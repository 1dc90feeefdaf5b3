"""Squared error with a penalty on what a row looks up."""

from typing import Annotated

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import Field

from etude.batch import Batch
from etude.component import Traced
from etude.errors import InputError
from etude.loss.base import weighted_mean
from etude.loss.regression import MSE


class RegularizedSquaredError(MSE):
    """The loss of matrix factorization (Koren, Bell & Volinsky, 2009, equation 5).

    A step makes (y − ŷ)² + factor_l2 (|p_u|² + |q_i|²) + bias_l2 (b_u² + b_i²) small, averaged
    over rows; the loss that is reported is (y − ŷ)² alone. A user's weights are thus penalized
    once per rating, and more ratings do not make the penalty weaker, unlike with `l2`, which
    counts every weight once.

    The network has the methods `lookup(inputs)`, which gives an object with `biases` and
    `factors` `[batch, ...]`, and `score(lookup)`, which gives the outputs.

    Attributes:
        factor_l2: strength on factors, in the scale that the data gives targets.
        bias_l2: strength on biases, likewise.
    """

    factor_l2: Annotated[Traced, Field(ge=0)] = 0.1
    bias_l2: Annotated[Traced, Field(ge=0)] = 0.03

    def objective(self, model: nnx.Module, batch: Batch, key: jax.Array) -> jax.Array:
        if not (hasattr(model, "lookup") and hasattr(model, "score")):
            raise InputError(
                f"`loss` {self.name} needs a network that looks weights up, such as "
                f"matrix_factorization, got {type(model).__name__}"
            )
        lookup = model.lookup(batch.inputs)
        error = self(model.score(lookup), batch)
        penalty = self.factor_l2 * _squares(lookup.factors) + self.bias_l2 * _squares(lookup.biases)
        return weighted_mean(error + penalty, batch.weights)


def _squares(values: jax.Array) -> jax.Array:
    return jnp.sum(values.reshape(values.shape[0], -1) ** 2, -1)
