"""The height of a surface at a point."""

from typing import Any

import jax
import jax.numpy as jnp

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.loss.base import Loss


class Height(Loss):
    """f(x, y) = Σ_k s_k r_k(x, y)², r_k = Σ_ij c_kij xⁱ yʲ: a sum of squared polynomials.

    Every row holds one surface: its coefficients c are `inputs [batch, k, i, j]`, its signs and
    scales s are `targets [batch, k]`. A ravine, Rosenbrock's, Beale's and Himmelblau's surfaces
    and saddles (s < 0) have this form. The outputs are the point, `[batch, 2]`.
    """

    def check(self, spec: Spec) -> None:
        if len(spec.inputs) != 3 or spec.inputs[0] != spec.targets:
            raise InputError(
                "`loss` height needs a surface: coefficients [k, i, j] with k scales, "
                f"got inputs of shape {list(spec.inputs)} and {spec.targets} targets"
            )

    def outputs(self, spec: Spec) -> int:
        return 2

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        _, _, rows, columns = batch.inputs.shape
        polynomials = jnp.einsum(
            "bkij,bi,bj->bk",
            batch.inputs,
            _powers(outputs[:, 0], rows),
            _powers(outputs[:, 1], columns),
            precision="highest",
        )
        return jnp.sum(batch.targets * polynomials**2, -1)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return outputs


def _powers(x: jax.Array, count: int) -> jax.Array:
    # By products, for the derivative of x**0 at 0 is not a number.
    powers = [jnp.ones_like(x)]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    return jnp.stack(powers, -1)
