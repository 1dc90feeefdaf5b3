"""Convolutional networks (LeCun, Bottou, Bengio & Haffner, 1998)."""

from typing import Annotated, Literal

import jax
from flax import nnx
from pydantic import AfterValidator, Field

from etude.batch import Spec
from etude.errors import InputError
from etude.model.activations import ACTIVATIONS, Activation
from etude.model.base import Model
from etude.model.convolution import Conv
from etude.model.dropout import Dropout, Rate
from etude.model.image_inputs import as_images, image_size
from etude.model.initializers import HeUniform, Initializer, Zeros
from etude.model.layers import Stack, checked_bias_initializer
from etude.model.normalization import BatchNorm, Normalization, norm
from etude.model.pooling import average_pool, max_pool

INCREASING = ("relu", "leaky_relu", "sigmoid", "tanh", "identity")
"""Activations under which the largest number stays the largest, slopes included."""

Channels = Annotated[
    tuple[Annotated[int, Field(ge=1, le=100_000)], ...], Field(min_length=1, max_length=200)
]
"""Channels of each convolution."""


class Stage(nnx.Module):  # type: ignore[misc]
    """h ← dropout(pool(φ(norm(h ∗ k + b)))), computed in the order that costs least.

    Increasing φ, biases and batch normalization keep the largest number of a window the largest:
    with them maxima are taken first, and what follows has as many numbers less to do.

    Args:
        model: the fields of the network.
        inputs, outputs: numbers of channels.
        rngs: where initial weights and dropout draw their random numbers.
    """

    def __init__(self, model: "CNN", inputs: int, outputs: int, rngs: nnx.Rngs) -> None:
        self.conv = Conv(
            inputs,
            outputs,
            (model.kernel_size, model.kernel_size),
            model.initializer,
            model.bias_initializer,
            rngs,
            strides=(model.stride, model.stride),
            bias=model.normalization != "batch",
            weight_norm=model.normalization == "weight",
        )
        self.norm = norm(model.normalization, outputs, rngs)
        self.dropout = Dropout(model.dropout, rngs)
        self.activation = ACTIVATIONS[model.activation]
        self.pooling = model.pooling
        self.window = (model.pool_size, model.pool_size)
        self.swaps = model.pooling == "max" and model.activation in INCREASING
        self.swaps &= model.normalization != "layer"

    def __call__(self, x: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From images `[batch, height, width, inputs]` to such with the outputs as channels."""
        if not self.swaps:
            hidden = self.activation(self.norm(self.conv(x), weights))
            match self.pooling:
                case "max":
                    hidden = max_pool(hidden, self.window)
                case "average":
                    hidden = average_pool(hidden, self.window)
        elif isinstance(self.norm, BatchNorm):
            hidden = self.activation(self.norm.maxima(self.conv(x), weights, self.window))
        else:
            hidden = max_pool(self.conv.convolved(x), self.window) + self.conv.bias[...]
            hidden = self.activation(hidden)
        return self.dropout(hidden)


class ConvolutionalNetwork(nnx.Module):  # type: ignore[misc]
    """Stages of convolution and pooling, and fully connected layers behind them."""

    def __init__(self, image: tuple[int, int, int], stages: list[Stage], stack: Stack) -> None:
        self.image = image
        self.stages = nnx.List(stages)
        self.stack = stack

    def __call__(self, inputs: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From rows of images `[batch, ...]` with weights `[batch]` to `[batch, outputs]`."""
        hidden = as_images(inputs, self.image)
        for stage in self.stages:
            hidden = stage(hidden, weights)
        return self.stack(hidden, weights)


class CNN(Model):
    """Convolutions with pooling between them, and fully connected layers behind.

    For each entry of `channels` h ← dropout(pool(φ(norm(h ∗ k + b)))), where pixels beyond the
    image are 0 and pooling leaves out what fills no window; then the layers of `MLP`. The image's
    height, width and channels are those of the data.

    Attributes:
        channels: channels of each convolution.
        kernel_size: height and width of kernels, odd or even.
        stride: how far apart the outputs of a convolution lie.
        pooling: max, average or none.
        pool_size: height and width of the windows of pooling, which lie side by side.
        widths: units of each hidden layer behind the convolutions; none by default.
        activation: φ: sigmoid, tanh, relu, leaky_relu, gelu, silu, identity or threshold.
        normalization: before every φ: none, batch, layer (over channels) or weight.
        dropout: the share of the numbers behind every φ that is dropped in training.
        initializer: draws each k `[height, width, inputs, outputs]` and W `[inputs, outputs]`.
        bias_initializer: draws each b.
    """

    channels: Channels = (16, 32)
    kernel_size: Annotated[int, Field(ge=1, le=1000)] = 3
    stride: Annotated[int, Field(ge=1, le=1000)] = 1
    pooling: Literal["max", "average", "none"] = "max"
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 2
    widths: Annotated[
        tuple[Annotated[int, Field(ge=1, le=10_000_000)], ...], Field(max_length=200)
    ] = ()
    activation: Activation = "relu"
    normalization: Normalization = "none"
    dropout: Rate = 0.0
    initializer: Initializer = HeUniform()
    bias_initializer: Annotated[Initializer, AfterValidator(checked_bias_initializer)] = Zeros()

    def check(self, spec: Spec) -> None:
        self._sizes(spec)

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        height, width = self._sizes(spec)[-1]
        image = image_size(self.name, spec)
        channels = (image[2], *self.channels)
        stages = [
            Stage(self, channels[place], channels[place + 1], rngs)
            for place in range(len(self.channels))
        ]
        stack = Stack(
            (height * width * channels[-1], *self.widths, outputs),
            ACTIVATIONS[self.activation],
            self.initializer,
            self.bias_initializer,
            rngs,
            self.normalization,
            self.dropout,
        )
        return ConvolutionalNetwork(image, stages, stack)

    def _sizes(self, spec: Spec) -> list[tuple[int, int]]:
        """Height and width of the image and behind every convolution."""
        sizes = [image_size(self.name, spec)[:2]]
        window = 1 if self.pooling == "none" else self.pool_size
        for place in range(len(self.channels)):
            height, width = (-(-size // self.stride) for size in sizes[-1])
            if min(height, width) < window:
                before = f" behind {place} of them" if place else ""
                raise InputError(
                    f"`model` {self.name}: images of {sizes[0][0]}×{sizes[0][1]} pixels are "
                    f"too small for {len(self.channels)} convolutions with `stride` {self.stride} "
                    f"and `pool_size` {window}: they are {sizes[-1][0]}×{sizes[-1][1]}{before}; "
                    "give fewer `channels`, a smaller `stride` or `pool_size`, or no pooling"
                )
            sizes.append((height // window, width // window))
        return sizes
