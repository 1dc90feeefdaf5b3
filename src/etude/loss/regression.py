"""Losses for targets that are numbers: outputs are the expected targets, `[batch, targets]`."""

import math
from typing import Annotated, Any, Literal, Self

import jax
import jax.numpy as jnp
from pydantic import Field, model_validator

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.errors import InputError
from etude.loss.base import Loss
from etude.loss.mixture import log_mean, mean


def check_numbers(loss: Loss, spec: Spec) -> None:
    """Raise an `InputError` where targets are no numbers."""
    if spec.task != "numbers":
        raise InputError(f"`loss` {loss.name} needs a target of numbers, got {spec.task}")


class MSE(Loss):
    """Squared error: ℓ = Σ_d (y_d − ŷ_d)², summed over the targets d of a row.

    The maximum-likelihood loss of normal noise of constant variance.
    """

    def check(self, spec: Spec) -> None:
        check_numbers(self, spec)

    def outputs(self, spec: Spec) -> int:
        return spec.targets

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        return jnp.sum((batch.targets - outputs) ** 2, -1)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return outputs

    def mixture(self, first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
        return mean(first, second, share)


class MAE(Loss):
    """Absolute error: ℓ = Σ_d |y_d − ŷ_d|, smallest at the median."""

    def check(self, spec: Spec) -> None:
        check_numbers(self, spec)

    def outputs(self, spec: Spec) -> int:
        return spec.targets

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        return jnp.sum(jnp.abs(batch.targets - outputs), -1)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return outputs

    def mixture(self, first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
        return mean(first, second, share)


class Huber(Loss):
    """Squared for small errors, absolute for large ones (Huber, 1964).

    ℓ = Σ_d ½r² where |r| ≤ δ and δ(|r| − ½δ) beyond, r = y_d − ŷ_d.

    Attributes:
        delta: δ, in units of the scaled targets.
    """

    delta: Annotated[Traced, Field(gt=0)] = 1.0

    def check(self, spec: Spec) -> None:
        check_numbers(self, spec)

    def outputs(self, spec: Spec) -> int:
        return spec.targets

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        residual = batch.targets - outputs
        # With c = min(|r|, δ) both branches are c(|r| − c/2): no branch, no wasted overflow.
        size = jnp.abs(residual)
        clipped = jnp.minimum(size, self.delta)
        return jnp.sum(clipped * (size - 0.5 * clipped), -1)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return outputs

    def mixture(self, first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
        return mean(first, second, share)


class GaussianNLL(Loss):
    """Maximum likelihood of a normal distribution around the prediction (Nix & Weigend, 1994).

    ℓ = −log N(y; μ, σ²) = Σ_d ½ (log 2π + log σ_d² + (y_d − μ_d)² / σ_d²), in the scale that
    the data gives targets. The network gives every μ_d, then every log σ_d²; or μ_d alone while
    σ is fixed. With σ = 1 this is ½ MSE + ½ log 2π per target.

    Attributes:
        variance: "network" where the network gives log σ² too, "fixed" where `sigma` does.
        sigma: σ where it is fixed, in units of the scaled targets.
    """

    variance: Literal["network", "fixed"] = "network"
    sigma: Annotated[Traced, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _sigma_is_used(self) -> Self:
        if self.variance == "network" and self.sigma != 1.0:
            raise ValueError(
                '`sigma` is used only where `variance` is "fixed", '
                f'got {self.sigma} with `variance` "network"'
            )
        return self

    def check(self, spec: Spec) -> None:
        check_numbers(self, spec)

    def outputs(self, spec: Spec) -> int:
        return 2 * spec.targets if self.variance == "network" else spec.targets

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        if self.variance == "network":
            mean, log_variance = jnp.split(outputs, 2, -1)
        else:
            mean, log_variance = outputs, 2 * jnp.log(self.sigma)
        squares = (batch.targets - mean) ** 2 * jnp.exp(-log_variance)
        return 0.5 * jnp.sum(math.log(2 * math.pi) + log_variance + squares, -1)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        if self.variance == "network":
            return outputs[..., : outputs.shape[-1] // 2]
        return outputs

    def deviation(self, outputs: jax.Array) -> jax.Array:
        if self.variance == "network":
            return jnp.exp(0.5 * jnp.split(outputs, 2, -1)[1])
        return jnp.full_like(outputs, self.sigma)

    def mixture(self, first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
        """Mean and variance of the mixture of the normal distributions; of means alone their mean.

        σ² = (1 − s)σ₁² + sσ₂² + s(1 − s)(μ₂ − μ₁)² (Lakshminarayanan et al., 2017).
        """
        if self.variance == "fixed":
            return mean(first, second, share)
        (mean_1, log_1), (mean_2, log_2) = jnp.split(first, 2, -1), jnp.split(second, 2, -1)
        between = jnp.log(share * (1 - share)) + 2 * jnp.log(jnp.abs(mean_2 - mean_1))
        variance = jnp.logaddexp(log_mean(log_1, log_2, share), between)
        return jnp.concatenate([mean(mean_1, mean_2, share), variance], -1)
