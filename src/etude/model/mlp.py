"""The multilayer perceptron (Rumelhart, Hinton & Williams, 1986)."""

from typing import Annotated

import jax
from flax import nnx
from pydantic import AfterValidator, Field

from etude.batch import Spec
from etude.component import Added
from etude.errors import InputError
from etude.model.activations import ACTIVATIONS, Activation
from etude.model.base import Model
from etude.model.dropout import Rate
from etude.model.embedding import Embedding
from etude.model.initializers import HeUniform, Initializer, Normal, Zeros
from etude.model.layers import (
    Stack,
    Widths,
    check_features,
    checked_bias_initializer,
    features,
)
from etude.model.normalization import Normalization


class EmbeddedStack(nnx.Module):  # type: ignore[misc]
    """Fully connected layers on the embeddings of a row's symbols, side by side."""

    def __init__(self, embedding: Embedding, stack: Stack) -> None:
        self.embedding = embedding
        self.stack = stack

    def __call__(self, inputs: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From symbols `[batch, steps]` to `[batch, outputs]`."""
        return self.stack(self.embedding(inputs), weights)


class MLP(Model):
    """Fully connected layers with an activation φ between them.

    h₀ = x, hₖ = φ(hₖ₋₁Wₖ + bₖ), ŷ = hₙW + b. Inputs of several axes are flattened. Of symbols
    (text) the inputs are their embeddings side by side: the neural language model of Bengio,
    Ducharme, Vincent & Jauvin (2003) where the target is the symbol that follows.

    Attributes:
        widths: units of each hidden layer.
        activation: φ: sigmoid, tanh, relu, leaky_relu, gelu, silu, identity or threshold.
        initializer: draws each W `[inputs, outputs]`; by default `he_uniform`, made for ReLU.
        bias_initializer: draws each b `[outputs]`.
        normalization: of the hidden layers, before φ: none, batch, layer or weight.
        dropout: the share of the hidden units' outputs that is dropped in training.
        embedding: numbers per symbol, drawn from N(0, 1); of no use for other inputs.
    """

    widths: Widths = (64,)
    activation: Activation = "relu"
    initializer: Initializer = HeUniform()
    bias_initializer: Annotated[Initializer, AfterValidator(checked_bias_initializer)] = Zeros()
    normalization: Annotated[Normalization, Added()] = "none"
    dropout: Annotated[Rate, Added()] = 0.0
    embedding: Annotated[int, Field(ge=1, le=100_000), Added()] = 16

    def check(self, spec: Spec) -> None:
        check_features(self.name, spec)
        if spec.task == "tokens":
            raise InputError(
                f"`model` {self.name} gives one output per row, and these data want one for "
                "every step: choose a network of sequences, such as gpt or lstm"
            )

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        def stack(inputs: int) -> Stack:
            return Stack(
                (inputs, *self.widths, outputs),
                ACTIVATIONS[self.activation],
                self.initializer,
                self.bias_initializer,
                rngs,
                self.normalization,
                self.dropout,
            )

        if spec.vocabulary:
            embedding = Embedding(spec.vocabulary, self.embedding, Normal(std=1.0), rngs)
            return EmbeddedStack(embedding, stack(features(spec) * self.embedding))
        return stack(features(spec))
