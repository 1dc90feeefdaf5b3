"""Residual networks for small images (He, Zhang, Ren & Sun, 2016, section 4.2)."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import AfterValidator, Field

from etude.batch import Spec
from etude.errors import InputError
from etude.model.base import Model
from etude.model.convolution import Conv
from etude.model.dropout import Dropout, Rate
from etude.model.image_inputs import as_images, image_size
from etude.model.initializers import HeNormal, Initializer, Zeros
from etude.model.layers import Dense
from etude.model.normalization import Normalization, norm
from etude.model.pooling import global_average_pool

AROUND = ((1, 1), (1, 1))
"""The zeros around an image that a 3×3 kernel meets."""


class NormalizedConv(nnx.Module):  # type: ignore[misc]
    """norm(x ∗ k + b); before batch normalization there is no b."""

    def __init__(
        self, model: "ResNet", inputs: int, outputs: int, size: int, stride: int, rngs: nnx.Rngs
    ) -> None:
        self.conv = Conv(
            inputs,
            outputs,
            (size, size),
            model.initializer,
            Zeros(),
            rngs,
            strides=(stride, stride),
            padding=AROUND if size == 3 else "VALID",
            bias=model.normalization != "batch",
            weight_norm=model.normalization == "weight",
        )
        self.norm = norm(model.normalization, outputs, rngs)

    def __call__(self, x: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From `[batch, height, width, inputs]` to `[batch, height, width, outputs]`."""
        return self.norm(self.conv(x), weights)


class Block(nnx.Module):  # type: ignore[misc]
    """y = relu(F(x) + x), F two convolutions with relu between them.

    Where height and width are halved and channels doubled, x goes along with them: every second
    pixel and zeros for the new channels (option A of the paper), or a 1×1 convolution (option B).

    Args:
        model: the fields of the network.
        inputs, outputs: numbers of channels.
        rngs: where initial weights draw their random numbers.
    """

    def __init__(self, model: "ResNet", inputs: int, outputs: int, rngs: nnx.Rngs) -> None:
        self.stride = 1 if inputs == outputs else 2
        self.first = NormalizedConv(model, inputs, outputs, 3, self.stride, rngs)
        self.second = NormalizedConv(model, outputs, outputs, 3, 1, rngs)
        self.added = outputs - inputs
        self.shortcut = nnx.data(None)
        if self.stride == 2 and model.shortcut == "projection":
            self.shortcut = NormalizedConv(model, inputs, outputs, 1, 2, rngs)

    def __call__(self, x: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From `[batch, height, width, inputs]` to `[batch, height, width, outputs]`."""
        change = self.second(jax.nn.relu(self.first(x, weights)), weights)
        if self.shortcut is not None:
            x = self.shortcut(x, weights)
        elif self.stride == 2:
            x = jnp.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, self.added)))
        return jax.nn.relu(change + x)


class ResidualNetwork(nnx.Module):  # type: ignore[misc]
    """A convolution, residual blocks, the mean of every channel and a linear readout."""

    def __init__(
        self, model: "ResNet", image: tuple[int, int, int], outputs: int, rngs: nnx.Rngs
    ) -> None:
        self.image = image
        self.stem = NormalizedConv(model, image[2], model.width, 3, 1, rngs)
        per_stage = (model.depth - 2) // 6
        channels = (model.width, model.width, 2 * model.width, 4 * model.width)
        blocks, before = [], channels[0]
        for after in channels[1:]:
            for _ in range(per_stage):
                blocks.append(Block(model, before, after, rngs))
                before = after
        self.blocks = nnx.List(blocks)
        self.dropout = Dropout(model.dropout, rngs)
        self.readout = Dense(before, outputs, model.initializer, Zeros(), rngs)

    def __call__(self, inputs: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From rows of images `[batch, ...]` with weights `[batch]` to `[batch, outputs]`."""
        hidden = jax.nn.relu(self.stem(as_images(inputs, self.image), weights))
        for block in self.blocks:
            hidden = block(hidden, weights)
        return self.readout(self.dropout(global_average_pool(hidden)))


def _checked_depth(depth: int) -> int:
    if (depth - 2) % 6:
        raise ValueError(f"`depth` must be 6n + 2 (8, 14, 20, 32, 44, 56, 110, ...), got {depth}")
    return depth


class ResNet(Model):
    """A residual network: y = relu(F(x) + x) in every block, so that depth can be trained.

    A 3×3 convolution, three stages of n blocks of two 3×3 convolutions each, the mean of every
    channel, a linear readout: depth 6n + 2. The second and third stage halve height and width and
    double the channels. It takes images of any size from 4×4 on.

    Attributes:
        depth: 6n + 2 layers with weights.
        width: channels of the first stage.
        normalization: behind every convolution: none, batch, layer (over channels) or weight.
        shortcut: what x + F(x) adds where sizes change: "identity", every second pixel with zeros
            for the new channels (option A of the paper), or "projection", a 1×1 convolution
            (option B).
        dropout: the share of the channel means that is dropped in training.
        initializer: draws every kernel and the readout; by default `he_normal`, as in the paper.
    """

    name = "resnet"

    depth: Annotated[int, Field(ge=8, le=1202), AfterValidator(_checked_depth)] = 20
    width: Annotated[int, Field(ge=1, le=10_000)] = 16
    normalization: Normalization = "batch"
    shortcut: Literal["identity", "projection"] = "identity"
    dropout: Rate = 0.0
    initializer: Initializer = HeNormal()

    def check(self, spec: Spec) -> None:
        height, width, _ = image_size(self.name, spec)
        if min(height, width) < 4:
            raise InputError(
                f"`model` {self.name} needs images of at least 4×4 pixels, got {height}×{width}"
            )

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        return ResidualNetwork(self, image_size(self.name, spec), outputs, rngs)
