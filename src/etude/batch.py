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
    """

    inputs: Any
    targets: Any
    weights: jax.Array
    scale: Any = 1.0
    offset: Any = 0.0


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


def outputs_of(module: nnx.Module, batch: Batch) -> Any:
    """The module's outputs for a batch; row weights are passed where the module takes them."""
    if "weights" in inspect.signature(type(module).__call__).parameters:
        return module(batch.inputs, weights=batch.weights)
    return module(batch.inputs)
