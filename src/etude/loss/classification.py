"""Losses for targets that are classes: outputs are logits, never probabilities."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.errors import InputError
from etude.loss.base import Loss
from etude.loss.mixture import log_mean


class CrossEntropy(Loss):
    """ℓ = −Σ_c y′_c log softmax(z)_c, by log-sum-exp; y′ = (1 − s) y + s / C.

    Targets are class numbers `[batch]`, or shares of the classes `[batch, classes]`.

    Attributes:
        label_smoothing: s, the share of the target that is spread over all C classes
            (Szegedy et al., 2016).
    """

    takes_shares = True

    label_smoothing: Annotated[Traced, Field(ge=0, lt=1)] = 0.0

    def check(self, spec: Spec) -> None:
        if spec.task != "classes" or len(spec.classes) < 2:
            raise InputError(
                f"`loss` {self.name} needs a target of at least 2 classes, got {_found(spec)}"
            )

    def outputs(self, spec: Spec) -> int:
        return len(spec.classes)

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        targets = batch.targets
        if targets.ndim < outputs.ndim:
            targets = jax.nn.one_hot(targets, outputs.shape[-1], dtype=outputs.dtype)
        spread = self.label_smoothing / outputs.shape[-1]
        smoothed = (1 - self.label_smoothing) * targets + spread
        return -jnp.sum(smoothed * jax.nn.log_softmax(outputs), -1)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return jax.nn.log_softmax(outputs)

    def mixture(self, first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
        """The logarithms of the means of the probabilities."""
        return log_mean(jax.nn.log_softmax(first), jax.nn.log_softmax(second), share)

    def of_logits(self, logits: jax.Array) -> jax.Array:
        return logits


class BinaryCrossEntropy(Loss):
    """ℓ = y log(1 + e^−z) + (1 − y) log(1 + e^z) from one logit z of the second class.

    Exact and differentiable for any |z|, both tails included. Targets are class numbers 0 and 1
    `[batch]`, the share of the second class, or shares of both `[batch, 2]`.
    """

    takes_shares = True

    def check(self, spec: Spec) -> None:
        if spec.task != "classes" or len(spec.classes) != 2:
            raise InputError(
                f"`loss` {self.name} needs a target of exactly 2 classes, got {_found(spec)}"
            )

    def outputs(self, spec: Spec) -> int:
        return 1

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        logit = outputs[..., 0]
        share = batch.targets.astype(logit.dtype)
        if share.ndim > logit.ndim:
            share = share[..., 1]
        return share * jax.nn.softplus(-logit) + (1 - share) * jax.nn.softplus(logit)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return -jnp.concatenate([jax.nn.softplus(outputs), jax.nn.softplus(-outputs)], -1)

    def mixture(self, first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
        """The logit of the mean of the probabilities."""
        return self.of_logits(log_mean(self.prediction(first), self.prediction(second), share))

    def of_logits(self, logits: jax.Array) -> jax.Array:
        return logits[..., 1:] - logits[..., :1]


def _found(spec: Spec) -> str:
    return f"{len(spec.classes)} classes" if spec.task == "classes" else spec.task
