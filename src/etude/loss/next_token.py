"""The loss of language models: cross-entropy of the next token at every step."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.errors import InputError
from etude.loss.base import Loss


class NextToken(Loss):
    """The mean over the targets t of a row of −Σ_c y′_tc log softmax(z_t)_c, in nats.

    y′ = (1 − s) y + s / V, where y is 1 for the token that follows and 0 for the others of the
    vocabulary of V. Targets are token numbers `[batch, steps]`, −1 where a step has none; outputs
    are logits `[batch, steps, V]`. A row without targets has the loss 0. Where rows have
    different numbers of targets the data weigh them by these, so that the mean over rows is the
    mean over targets.

    Attributes:
        label_smoothing: s, the share of the target that is spread over the vocabulary
            (Szegedy et al., 2016).
    """

    label_smoothing: Annotated[Traced, Field(ge=0, lt=1)] = 0.0

    def check(self, spec: Spec) -> None:
        if spec.task != "tokens" or spec.vocabulary < 2:
            found = f"{spec.vocabulary} tokens" if spec.task == "tokens" else spec.task
            raise InputError(
                f"`loss` {self.name} needs a target of at least 2 tokens at every step, got {found}"
            )

    def outputs(self, spec: Spec) -> int:
        return spec.vocabulary

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        targets, vocabulary = batch.targets, outputs.shape[-1]
        known = targets >= 0
        # Sums over the vocabulary instead of a lookup, whose derivative would be a scatter.
        hot = targets[..., None] == jnp.arange(vocabulary)
        spread = self.label_smoothing / vocabulary
        share = jnp.where(hot, 1 - self.label_smoothing + spread, spread)
        largest = jax.lax.stop_gradient(jnp.max(outputs, -1, keepdims=True))
        shifted = outputs - largest
        chosen = jnp.sum(jnp.where(share > 0, share * shifted, 0), -1)
        terms = jnp.where(known, jnp.log(jnp.sum(jnp.exp(shifted), -1)) - chosen, 0)
        count = jnp.sum(known, -1).astype(outputs.dtype)
        return jnp.sum(terms, -1) / jnp.maximum(count, 1)

    def prediction(self, outputs: jax.Array) -> jax.Array:
        """The logarithms of the probabilities of every token, `[batch, steps, V]`."""
        return jax.nn.log_softmax(outputs)
