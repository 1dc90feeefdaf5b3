"""Gradient boosting (Friedman, "Greedy Function Approximation: A Gradient Boosting Machine",
2001)."""

from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.ensemble.base import Ensemble, Weighed
from etude.errors import InputError

CONSTANT_STEPS = 10
"""The constant before the first network is found in so many steps of the same descent."""

LONGEST_OF_CLASSES = 64.0
"""A step is at most so many times as long as its direction where targets are classes: training rows
that a network tells apart completely have no best length."""

LONGEST = 2.0**60
"""The same for numbers, whose best length grows with their unit: it does no more than end the
search."""

HALVINGS = 24
"""So often the interval is halved in which the best length of a step lies: to single precision."""


class Boosting(Ensemble):
    """Each network is fitted to the negative gradient of the loss at the ensemble so far.

    F₀ is the best constant, and with w_i the weights of the training rows

        ỹ_i = −∂ℓ(F, y_i)/∂F at F_{m−1}(x_i)
        h_m = argmin_h Σ_i w_i |ỹ_i/s − h(x_i)|², trained with the algorithm of the study
        ρ_m = argmin_ρ Σ_i w_i ℓ(F_{m−1}(x_i) + ρ s h_m(x_i), y_i)
        F_m = F_{m−1} + ν ρ_m s h_m

    For squared error ỹ is twice the residual, and ρ_m makes up for the factor. s, the root mean
    square of ỹ over the training rows, gives every network targets of one size; it changes no
    step, for whose length is searched. F are outputs of a network: logits for classes.

    Attributes:
        networks: how many steps there are. Each network has the whole budget of the algorithm.
        shrinkage: ν, the share of each step that is taken.
    """

    revision = 2
    of_rows = True

    shrinkage: Annotated[Traced, Field(gt=0, le=1)] = 0.3

    def check(self, loss: Any, spec: Spec) -> None:
        if not loss.is_mean_of_rows:
            raise InputError(
                f"`ensemble` {self.name} follows the gradient of a loss of each row, and `loss` "
                f"{loss.name} makes something else small in training"
            )

    def begin(self, loss: Any, said: jax.Array, batch: Batch) -> tuple[jax.Array, Any]:
        weights = batch.weights / jnp.sum(batch.weights)

        def step(_: Any, said: jax.Array) -> jax.Array:
            # The constant that is nearest to the gradient by least squares is its mean.
            slope = descent(loss, said, batch)
            constant = jnp.sum(_weighted(weights, slope), 0)
            direction = jnp.broadcast_to(constant, said.shape)
            return said + best_length(loss, said, direction, batch) * direction

        said = jax.lax.fori_loop(0, CONSTANT_STEPS, step, said)
        return said, size_of(loss, said, batch)

    def learned(
        self, loss: Any, said: jax.Array, memory: Any, rows: jax.Array, batch: Batch
    ) -> tuple[Batch, Any]:
        return batch._replace(targets=descent(loss, said[rows], batch) / memory), 1.0

    def objective(self, loss: Any, module: Any, batch: Batch, key: jax.Array) -> jax.Array:
        errors = jnp.sum((batch.targets - loss.evaluate(module, batch)) ** 2, -1)
        total = jnp.sum(batch.weights)
        return jnp.sum(_weighted(batch.weights, errors)) / jnp.where(total > 0, total, 1)

    def weighed(
        self,
        loss: Any,
        said: jax.Array,
        memory: Any,
        outputs: jax.Array,
        batch: Batch,
        number: jax.Array,
    ) -> Weighed:
        length = best_length(loss, said, memory * outputs, batch)
        coefficient = self.shrinkage * length * memory
        after = self.added(loss, said, outputs, coefficient, number)
        never = jnp.asarray(False)
        return Weighed(coefficient, size_of(loss, after, batch), never, ~never)

    def added(
        self, loss: Any, said: jax.Array, outputs: jax.Array, coefficient: Any, number: Any
    ) -> jax.Array:
        return said + coefficient * outputs


def descent(loss: Any, outputs: jax.Array, batch: Batch) -> jax.Array:
    """The negative gradient of the loss of each row by its outputs, `[rows, outputs]`."""
    return -jax.grad(lambda outputs: jnp.sum(loss(outputs, batch)))(outputs)


def size_of(loss: Any, outputs: jax.Array, batch: Batch) -> jax.Array:
    """The root mean square of the gradient over rows and outputs; 1 where it is 0."""
    squares = jnp.mean(descent(loss, outputs, batch) ** 2, -1)
    mean = jnp.sum(_weighted(batch.weights, squares)) / jnp.sum(batch.weights)
    return jnp.where(mean > 0, jnp.sqrt(mean), 1)


def best_length(loss: Any, outputs: jax.Array, direction: jax.Array, batch: Batch) -> jax.Array:
    """ρ that makes Σ_i w_i ℓ(F_i + ρ d_i, y_i) smallest.

    |ρ| is at most `LONGEST_OF_CLASSES` or `LONGEST`, by the targets.

    It is where the derivative by ρ changes its sign, found by halving an interval: exact for a
    convex loss, up to rounding.

    Args:
        loss: ℓ.
        outputs: F, `[rows, outputs]`.
        direction: d, `[rows, outputs]`.
        batch: the rows, with w.
    """

    def slope(length: Any) -> jax.Array:
        ahead = descent(loss, outputs + length * direction, batch)
        return -jnp.sum(_weighted(batch.weights, jnp.sum(ahead * direction, -1)))

    # A network that points uphill is followed backwards.
    sign = jnp.where(slope(0.0) > 0, -1.0, 1.0).astype(outputs.dtype)
    falls = _falling(slope, sign)
    one = jnp.ones((), outputs.dtype)
    classes = jnp.issubdtype(batch.targets.dtype, jnp.integer)
    longest = LONGEST_OF_CLASSES if classes else LONGEST
    high = jax.lax.while_loop(lambda h: falls(h) & (h < longest), lambda h: 2 * h, one)
    low = jnp.where(high > 1, high / 2, 0)

    def halved(_: Any, interval: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = interval
        middle = (low + high) / 2
        return jnp.where(falls(middle), middle, low), jnp.where(falls(middle), high, middle)

    low, high = jax.lax.fori_loop(0, HALVINGS, halved, (low, high))
    return sign * (low + high) / 2


def _falling(slope: Callable[[Any], jax.Array], sign: jax.Array) -> Callable[[Any], jax.Array]:
    """Whether the loss still falls at a length in the direction of a sign."""
    return lambda length: sign * slope(sign * length) < 0


def _weighted(weights: jax.Array, values: jax.Array) -> jax.Array:
    """wᵢ vᵢ for rows of weight above 0, whatever the value of others."""
    spread = weights.reshape(-1, *[1] * (values.ndim - 1))
    return jnp.where(spread > 0, spread * values, 0)
