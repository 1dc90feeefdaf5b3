"""What data, model, loss and metric pass to one another."""

import inspect
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from flax import nnx

ROLES = ("train", "validation", "test")
"""The roles of rows in a split, in the order in which weights and metrics of roles stand."""


class Batch(NamedTuple):
    """What a model and a loss see of the data at one step.

    Attributes:
        inputs: what the model is called on, `[batch, ...]`, or a tree of such arrays.
        targets: what the loss compares outputs with, `[batch, ...]`, or a tree.
        weights: `[batch]`, the weight of each row; padded rows weigh 0.
        scale: what one unit of the targets is worth in the user's unit, `[targets]`.
        offset: which of the user's numbers is the target 0, `[targets]`.
        mean: what was subtracted from the inputs, in the shape of a row or of its last axis.
        factor: what they were multiplied by then.
    """

    inputs: Any
    targets: Any
    weights: jax.Array
    scale: Any = 1.0
    offset: Any = 0.0
    mean: Any = 0.0
    factor: Any = 1.0


@dataclass(frozen=True)
class Spec:
    """The sizes of data: all that a model and a loss may know of it before training.

    Attributes:
        task: "classes" (targets are class numbers), "numbers" (targets are `[targets]` numbers),
            or the name of another kind of problem.
        inputs: the shape of one row's inputs.
        targets: how many numbers the target of one row has.
        classes: the class labels in the order of their numbers.
        sizes: further sizes by name, such as the number of users.
    """

    task: str
    inputs: tuple[int, ...]
    targets: int = 1
    classes: tuple[str, ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()

    def size(self, name: str) -> int:
        """One of the further sizes."""
        return dict(self.sizes)[name]

    @property
    def image(self) -> tuple[int, int, int] | None:
        """Height, width and channels where a row is an image; None where it is none.

        An image has three axes, or lies flat and has the sizes `height`, `width` and `channels`.
        """
        known = dict(self.sizes)
        if {"height", "width", "channels"} <= known.keys():
            return known["height"], known["width"], known["channels"]
        return self.inputs if len(self.inputs) == 3 else None

    @property
    def vocabulary(self) -> int:
        """How many symbols there are, where a row is numbers of symbols `[steps]`; else 0."""
        return dict(self.sizes).get("vocabulary", 0)

    @property
    def sequence(self) -> tuple[int, int] | None:
        """Steps, and numbers at each, where a row is a sequence; None where it is none.

        Symbols are one number a step; an image is the sequence of its rows of pixels.
        """
        if self.vocabulary:
            return self.inputs[0], 1
        if self.image is not None:
            height, width, channels = self.image
            return height, width * channels
        return self.inputs if len(self.inputs) == 2 else None


def outputs_of(module: nnx.Module, batch: Batch) -> Any:
    """The module's outputs for a batch; row weights are passed where the module takes them."""
    if "weights" in inspect.signature(type(module).__call__).parameters:
        return module(batch.inputs, weights=batch.weights)
    return module(batch.inputs)
