"""The Transformer encoder (Vaswani et al., 2017) for whole sequences."""

from typing import Annotated, Any, Literal, Self

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import Field, model_validator

from etude.batch import Spec
from etude.errors import InputError
from etude.model.activations import ACTIVATIONS, Activation
from etude.model.attention import TransformerBlock, check_heads
from etude.model.base import Model
from etude.model.dropout import Dropout, Rate
from etude.model.embedding import Embedding, PositionalEmbedding, Positions
from etude.model.initializers import Initializer, Normal, XavierUniform, Zeros
from etude.model.layers import Dense
from etude.model.normalization import LayerNorm, NoNorm

Pooling = Literal["mean", "class"]
"""The names of what makes one row of numbers of a sequence."""


class TransformerEncoderModule(nnx.Module):  # type: ignore[misc]
    """Vectors of steps and places, blocks of attention, pooling, and a readout.

    Attributes:
        inputs: from symbols or numbers of a step to its vector.
        token: the vector of a further step in front, `[width]`; None with the mean.
    """

    def __init__(
        self, model: "TransformerEncoder", spec: Spec, outputs: int, rngs: nnx.Rngs
    ) -> None:
        assert spec.sequence is not None
        self.steps, numbers = spec.sequence
        width = model.width
        self.symbols = spec.vocabulary > 0
        if self.symbols:
            self.inputs = Embedding(spec.vocabulary, width, Normal(std=1.0), rngs)
        else:
            self.inputs = Dense(numbers, width, model.initializer, Zeros(), rngs)
        self.token = nnx.data(None)
        if model.pooling == "class":
            token = Normal(std=1.0)(rngs.params(), (width,), jnp.result_type(float))
            self.token = nnx.Param(token)
        places = self.steps + (model.pooling == "class")
        self.positions = PositionalEmbedding(model.positions, places, width, Normal(std=1.0), rngs)
        self.dropout = Dropout(model.dropout, rngs)
        self.blocks = nnx.List(
            [
                TransformerBlock(
                    width,
                    model.heads,
                    model.feed_forward * width,
                    ACTIVATIONS[model.activation],
                    causal=False,
                    norm_first=model.norm_first,
                    initializer=model.initializer,
                    last=model.initializer,
                    rngs=rngs,
                    dropout=model.dropout,
                )
                for _ in range(model.layers)
            ]
        )
        self.norm = LayerNorm(width, rngs) if model.norm_first else NoNorm()
        self.readout = Dense(width, outputs, model.initializer, Zeros(), rngs)

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """From `[batch, *inputs of a row]` to `[batch, outputs]`."""
        rows = inputs.shape[0]
        x = self.inputs(inputs if self.symbols else inputs.reshape(rows, self.steps, -1))
        if self.token is not None:
            token = jnp.broadcast_to(self.token[...], (rows, 1, x.shape[2]))
            x = jnp.concatenate([token, x], 1)
        x = self.dropout(self.positions(x))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.readout(jnp.mean(x, 1) if self.token is None else x[:, 0])


class TransformerEncoder(Model):
    """A Transformer in which every step of a sequence sees every other; one output per row.

    A sequence is text (the embeddings of its symbols), a series, or an image as its rows of
    pixels. Each block adds attention and two layers at each step; the mean over the steps, or
    what comes of a further step in front (Devlin et al., 2019), is read out.

    Attributes:
        layers: blocks.
        heads: heads of attention in each; they divide the width.
        width: numbers at each step.
        feed_forward: units between the two layers of a block, in widths.
        activation: of these units.
        norm_first: layer normalization before attention and layers, or after.
        pooling: mean, or class (the further step).
        positions: sinusoidal or learned, these drawn from N(0, 1) as embeddings are.
        initializer: draws the weights of all layers; biases start at 0.
        dropout: the rate of dropout, of embeddings, of attention, and of what is added.
    """

    layers: Annotated[int, Field(ge=1, le=200)] = 2
    heads: Annotated[int, Field(ge=1, le=1_000)] = 4
    width: Annotated[int, Field(ge=1, le=100_000)] = 64
    feed_forward: Annotated[int, Field(ge=1, le=100)] = 4
    activation: Activation = "relu"
    norm_first: bool = True
    pooling: Pooling = "mean"
    positions: Positions = "sinusoidal"
    initializer: Initializer = XavierUniform()
    dropout: Rate = 0.0

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        check_heads(self.heads, self.width)
        return self

    def check(self, spec: Spec) -> None:
        if spec.task == "tokens":
            raise InputError(
                f"`model` {self.name} gives one output per row and sees all of it, and these data "
                "want one for every step from the steps before: choose gpt, or a recurrent network"
            )
        if spec.sequence is None or min(spec.sequence) < 1:
            raise InputError(
                f"`model` {self.name} needs rows that are sequences (text, series, images), got "
                f"inputs of shape {list(spec.inputs)}"
            )

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> Any:
        return TransformerEncoderModule(self, spec, outputs, rngs)
