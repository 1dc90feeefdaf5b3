"""What a loss is: a value per row, averaged with row weights."""

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import Field

from etude.batch import Batch, Spec, outputs_of
from etude.component import Component, Traced
from etude.errors import InputError
from etude.weight_norm import normalized_weights


class Loss(Component, kind="loss"):
    """What training makes small.

    The objective of a batch is the weighted mean of the loss over its rows, plus penalties:

        Σᵢ wᵢ ℓ(ŷᵢ, yᵢ) / Σᵢ wᵢ + l2 · Σ W² + l1 · Σ |W|

    where W runs over weights without biases and norm scales.

    Class attributes:
        takes_shares: whether targets of classes may be shares of all of them, `[batch, classes]`,
            in the place of class numbers: mixtures of rows have such targets.

    Attributes:
        l2: strength of the squared penalty.
        l1: strength of the absolute penalty.
    """

    takes_shares: ClassVar[bool] = False

    l2: Annotated[Traced, Field(ge=0)] = 0.0
    l1: Annotated[Traced, Field(ge=0)] = 0.0

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when the loss has no meaning for data of these sizes."""

    @abstractmethod
    def outputs(self, spec: Spec) -> int:
        """How many numbers the network gives for each row."""

    @abstractmethod
    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        """The loss of each row, `[batch]`."""

    @abstractmethod
    def prediction(self, outputs: jax.Array) -> jax.Array:
        """What the outputs say about the target.

        Returns:
            For classes the logarithms of their probabilities, `[batch, classes]`; for numbers
            the expected targets, `[batch, targets]`.
        """

    def deviation(self, outputs: jax.Array) -> jax.Array:
        """The standard deviation of the targets around the prediction, `[batch, targets]`.

        Raises:
            InputError: the outputs say nothing of it.
        """
        raise InputError(
            f"`loss` {self.name} tells no standard deviation of its predictions, which the metric "
            "needs: choose one that does, such as gaussian_nll, or another metric"
        )

    @property
    def is_mean_of_rows(self) -> bool:
        """Whether training makes the mean of `__call__` over rows small, and nothing else."""
        return type(self).objective is Loss.objective

    def mixture(self, first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
        """The outputs of a mixture: what networks say together.

        Args:
            first, second: outputs of the same rows, `[batch, outputs]`.
            share: of the second one, above 0 and at most 1; with 1 the mixture is the second.

        Raises:
            InputError: such outputs have no mean that means anything.
        """
        raise InputError(
            f"`loss` {self.name} does not say what several networks predict together, which an "
            "ensemble needs: choose another loss, or none"
        )

    def of_logits(self, logits: jax.Array) -> jax.Array:
        """The outputs for which `prediction` is the log-softmax of some numbers.

        Args:
            logits: `[batch, classes]`.

        Raises:
            InputError: the outputs say nothing of classes.
        """
        raise InputError(f"`loss` {self.name} has no outputs that say which class a row has")

    def evaluate(self, model: nnx.Module, batch: Batch) -> Any:
        """The outputs that `__call__`, `prediction` and metrics are given for a batch."""
        return outputs_of(model, batch)

    def objective(self, model: nnx.Module, batch: Batch, key: jax.Array) -> jax.Array:
        """The value whose gradient is taken at a step; a number."""
        return weighted_mean(self(self.evaluate(model, batch), batch), batch.weights)


def weighted_mean(values: jax.Array, weights: jax.Array) -> jax.Array:
    """Σ wᵢ vᵢ / Σ wᵢ over rows of weight above 0, whatever the value of others; 0 without any."""
    total = jnp.sum(weights)
    weighted = jnp.where(weights > 0, values * weights, 0)
    return jnp.sum(weighted) / jnp.where(total > 0, total, 1)


UNPENALIZED = ("bias", "scale")
"""Parameters of these names are left out of penalties."""


def penalty(loss: Loss, params: Any) -> jax.Array:
    """l2 · Σ W² + l1 · Σ |W| over the weights, without biases and norm scales.

    Under weight normalization W is what the layer computes with, g · v / ‖v‖.
    """
    value = jnp.zeros(())
    leaves = {
        tuple(str(getattr(part, "key", getattr(part, "name", ""))) for part in path): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }
    for path, leaf in leaves.items():
        if not set(path).isdisjoint(UNPENALIZED):
            continue
        lengths = leaves.get(tuple("scale" if name == "kernel" else name for name in path))
        if "kernel" in path and lengths is not None:
            leaf = normalized_weights(leaf, lengths)
        value += loss.l2 * jnp.sum(leaf**2) + loss.l1 * jnp.sum(jnp.abs(leaf))
    return value
