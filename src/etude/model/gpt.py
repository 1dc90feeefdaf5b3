"""The language model of the GPT family (Radford et al., 2018 and 2019)."""

import math
from typing import Annotated, Any, Self

import jax
from flax import nnx
from pydantic import Field, model_validator

from etude.batch import Spec
from etude.component import Traced
from etude.errors import InputError
from etude.model.activations import ACTIVATIONS, Activation
from etude.model.attention import TransformerBlock, check_heads
from etude.model.base import Model
from etude.model.dropout import Dropout, Rate
from etude.model.embedding import Embedding, PositionalEmbedding, Positions
from etude.model.initializers import Normal, Zeros
from etude.model.layers import Dense
from etude.model.normalization import LayerNorm, NoNorm
from etude.model.product import product


class GPTModule(nnx.Module):  # type: ignore[misc]
    """Embeddings of symbols and places, blocks of causal attention, and a readout.

    Attributes:
        readout: from the last block to the outputs; None where the embeddings are used again.
        every: whether every step has outputs, or the last one alone.
    """

    def __init__(self, model: "GPT", spec: Spec, outputs: int, rngs: nnx.Rngs) -> None:
        drawn = Normal().changed(std=model.std)
        last = drawn.changed(std=model.std / math.sqrt(2 * model.layers))
        width = model.width
        self.every = spec.task == "tokens"
        self.embedding = Embedding(spec.vocabulary, width, drawn, rngs)
        self.positions = PositionalEmbedding(model.positions, spec.inputs[0], width, drawn, rngs)
        self.dropout = Dropout(model.dropout, rngs)
        self.blocks = nnx.List(
            [
                TransformerBlock(
                    width,
                    model.heads,
                    model.feed_forward * width,
                    ACTIVATIONS[model.activation],
                    causal=True,
                    norm_first=model.norm_first,
                    initializer=drawn,
                    last=last,
                    rngs=rngs,
                    dropout=model.dropout,
                )
                for _ in range(model.layers)
            ]
        )
        self.norm = LayerNorm(width, rngs) if model.norm_first else NoNorm()
        self.readout = nnx.data(None)
        if not (self.every and model.tied):
            self.readout = Dense(width, outputs, drawn, Zeros(), rngs, bias=not self.every)

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """From symbols `[batch, steps]` to `[batch, steps, outputs]` or `[batch, outputs]`."""
        x = self.dropout(self.positions(self.embedding(inputs)))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x if self.every else x[:, -1])
        if self.readout is None:
            return product(x, self.embedding.table[...].T)
        return self.readout(x)


class GPT(Model):
    """A Transformer in which every step sees itself and the steps before.

    x = embedding(symbols) + positions; each block adds attention and two layers at each step;
    logits = norm(x) Eᵀ, E the embedding where it is tied. Of data whose target is the next token
    at every step the outputs at a step are the logits of its target; of other data on symbols
    the outputs are read from the last step.

    Weights start as those of GPT-2: N(0, std²), and std / √(2 layers) where outputs are added to
    what goes by; biases at 0.

    Attributes:
        layers: blocks.
        heads: heads of attention in each; they divide the width.
        width: numbers at each step.
        feed_forward: units between the two layers of a block, in widths.
        activation: of these units.
        norm_first: layer normalization before attention and layers (GPT-2), or after (GPT).
        tied: whether the readout's weights are the embedding; for targets at every step.
        positions: learned (GPT-2) or sinusoidal.
        std: of the initial weights.
        dropout: the rate of dropout, of embeddings, of attention, and of what is added.
    """

    layers: Annotated[int, Field(ge=1, le=200)] = 4
    heads: Annotated[int, Field(ge=1, le=1_000)] = 4
    width: Annotated[int, Field(ge=1, le=100_000)] = 128
    feed_forward: Annotated[int, Field(ge=1, le=100)] = 4
    activation: Activation = "gelu"
    norm_first: bool = True
    tied: bool = True
    positions: Positions = "learned"
    std: Annotated[Traced, Field(gt=0)] = 0.02
    dropout: Rate = 0.0

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        check_heads(self.heads, self.width)
        return self

    def check(self, spec: Spec) -> None:
        if spec.vocabulary < 1 or len(spec.inputs) != 1 or spec.inputs[0] < 1:
            raise InputError(
                f"`model` {self.name} needs rows of symbols, such as text, got inputs of shape "
                f"{list(spec.inputs)} and a vocabulary of {spec.vocabulary}"
            )

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> Any:
        if spec.task == "tokens" and self.tied and outputs != spec.vocabulary:
            raise InputError(
                f"`tied` of model {self.name} needs a loss of {spec.vocabulary} outputs at every "
                f"step, one for each symbol, got {outputs}"
            )
        return GPTModule(self, spec, outputs, rngs)
