"""Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024)."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.algorithm.nadam import NAdam
from etude.component import Traced

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b, c: singular values near 0 rise fastest, and five rounds bring all close to 1."""
ROUNDS = 5


class Muon(Algorithm):
    """Matrices move by their momentum with all its singular values made about 1.

    For each matrix `[n_in, n_out]`: m ← βm + (1 − β)g, M = βm / (1 − βᵗ⁺¹) + (1 − β)g / (1 − βᵗ),
    W ← W − η (√max(1, n_out/n_in) NS(M) + λW). NS starts at X = M / (‖M‖ + ε), ‖·‖ the root of
    the sum of squares, and five times takes X ← aX + (bA + cA²)X with A = XXᵀ (Newton and
    Schulz). All other weights, such as biases and kernels of convolutions, follow `nadam`, and
    do not decay.

    This is Optax's form. The authors leave input and output layers to Adam too and do not
    correct the bias of the momentum.

    Attributes:
        learning_rate: η, of the other weights too.
        momentum: β.
        weight_decay: λ.
        beta1: β₁ of the other weights.
        beta2: β₂ of the other weights.
        epsilon: ε, of the other weights too.
    """

    elementwise = False

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.02
    momentum: Annotated[Traced, Field(ge=0, lt=1)] = 0.95
    weight_decay: Annotated[Traced, Field(ge=0)] = 0.0
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8

    def init(self, params: Any) -> Any:
        return [
            jnp.zeros_like(leaf) if leaf.ndim == 2 else self._others().init(leaf)
            for leaf in jax.tree.leaves(params)
        ]

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        weights, structure = jax.tree.flatten(params)
        changes, after = [], []
        for w, g, old in zip(weights, jax.tree.leaves(gradient), state, strict=True):
            rule = self._matrix if w.ndim == 2 else self._others().update
            change, new = rule(g, old, w, step)
            changes.append(change)
            after.append(new)
        return jax.tree.unflatten(structure, changes), after

    def _matrix(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        average = self.momentum * state + (1 - self.momentum) * gradient
        ahead = self.momentum * average / (1 - self.momentum ** (step.number + 1))
        ahead += (1 - self.momentum) * gradient / (1 - self.momentum**step.number)
        n_in, n_out = params.shape
        direction = max(1, n_out / n_in) ** 0.5 * orthogonal(ahead, self.epsilon)
        return -self.learning_rate * (direction + self.weight_decay * params), average

    def _others(self) -> NAdam:
        return NAdam().changed(
            learning_rate=self.learning_rate,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
        )


def orthogonal(matrix: jax.Array, epsilon: Any) -> jax.Array:
    """A matrix with the singular vectors of this one, and singular values near 1."""
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T, epsilon).T
    a, b, c = COEFFICIENTS
    x = matrix / (jnp.linalg.norm(matrix) + epsilon)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x
