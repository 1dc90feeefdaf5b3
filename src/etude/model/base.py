"""What a model is: it builds a Flax NNX module, given sizes and never the data."""

from abc import abstractmethod
from typing import Annotated

from flax import nnx
from pydantic import Field

from etude.batch import Spec
from etude.component import AbsentAtDefault, Added, Component, Traced


class Model(Component, kind="model"):
    """A family of networks; its fields choose one.

    Attributes:
        weight_noise: standard deviation of the noise that every weight has at a step of training,
            drawn anew at each: the gradient is taken at W + σε, ε ~ N(0, 1), and moves W (Graves,
            "Practical Variational Inference for Neural Networks", 2011). Biases and scales of
            norms have none, and networks are judged without. The default 0 is another program.
    """

    weight_noise: Annotated[Traced, AbsentAtDefault(), Added(), Field(ge=0)] = 0.0

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
