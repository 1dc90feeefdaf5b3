"""What a model is: it builds a Flax NNX module, given sizes and never the data."""

from abc import abstractmethod

from flax import nnx

from etude.batch import Spec
from etude.component import Component


class Model(Component, kind="model"):
    """A family of networks; its fields choose one."""

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when no such network fits data of these sizes."""

    @abstractmethod
    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        """The network with its initial weights.

        Args:
            spec: the sizes of the data.
            outputs: how many numbers the loss wants of each row.
            rngs: where initial weights draw their random numbers.

        Returns:
            A module called on `inputs [batch, ...]`; where its call takes an argument
            `weights`, it is given the row weights `[batch]` too.
        """
