"""Matrix factorization (Koren, Bell & Volinsky, "Matrix Factorization Techniques", 2009)."""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import Field

from etude.batch import Spec
from etude.component import Traced
from etude.errors import InputError
from etude.model.base import Model


class Lookup(NamedTuple):
    """What the tables hold for the user and item of each row.

    Attributes:
        biases: b_u and b_i, `[batch, 2]`.
        factors: p_u and q_i, `[batch, 2, factors]`.
    """

    biases: jax.Array
    factors: jax.Array


class Factors(nnx.Module):  # type: ignore[misc]
    """A bias and a vector of factors for every user and every item."""

    def __init__(self, users: int, items: int, factors: int, std: Any, rngs: nnx.Rngs) -> None:
        dtype = jnp.result_type(float)

        def normal(rows: int) -> jax.Array:
            return jnp.asarray(std, dtype) * jax.random.normal(
                rngs.params(), (rows, factors), dtype
            )

        self.user_bias = nnx.Param(jnp.zeros(users, dtype))
        self.item_bias = nnx.Param(jnp.zeros(items, dtype))
        self.user_factors = nnx.Param(normal(users))
        self.item_factors = nnx.Param(normal(items))

    def lookup(self, inputs: jax.Array) -> Lookup:
        """The biases and factors of users and items numbered `[batch, 2]`."""
        user, item = inputs[:, 0], inputs[:, 1]
        return Lookup(
            jnp.stack([self.user_bias[...][user], self.item_bias[...][item]], 1),
            jnp.stack([self.user_factors[...][user], self.item_factors[...][item]], 1),
        )

    def score(self, lookup: Lookup) -> jax.Array:
        """b_u + b_i + p_u · q_i, `[batch, 1]`."""
        affinity = jnp.sum(lookup.factors[:, 0] * lookup.factors[:, 1], -1)
        return (jnp.sum(lookup.biases, -1) + affinity)[:, None]

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """From user and item numbers `[batch, 2]` to scores `[batch, 1]`."""
        return self.score(self.lookup(inputs))


class MatrixFactorization(Model):
    """ŷ = b_u + b_i + p_u · q_i for user u and item i.

    The global mean μ is no weight: data scale ratings by the mean of the training rows. With
    few ratings per user it overfits unless the weights that a row looks up are penalized; the
    loss `regularized_squared_error` does that.

    Attributes:
        factors: length of p_u and q_i.
        std: standard deviation of the initial factors; biases start at 0.
    """

    factors: Annotated[int, Field(ge=1)] = 32
    std: Annotated[Traced, Field(gt=0)] = 0.1

    def check(self, spec: Spec) -> None:
        missing = {"users", "items"} - {name for name, _ in spec.sizes}
        if missing or spec.inputs != (2,):
            raise InputError(
                "`model` matrix_factorization needs rows of a user number and an item number, "
                f"got inputs of shape {list(spec.inputs)} and sizes {dict(spec.sizes)}"
            )

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        if outputs != 1:
            raise InputError(
                f"`model` matrix_factorization gives 1 number per row, the loss wants {outputs}"
            )
        return Factors(spec.size("users"), spec.size("items"), self.factors, self.std, rngs)
