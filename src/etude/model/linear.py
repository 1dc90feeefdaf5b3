"""Linear networks: one layer, and several that are no more than one."""

from typing import Annotated

from flax import nnx
from pydantic import AfterValidator

from etude.batch import Spec
from etude.errors import InputError
from etude.model.activations import identity
from etude.model.base import Model
from etude.model.initializers import Initializer, LecunUniform, Zeros
from etude.model.layers import (
    Stack,
    Widths,
    check_features,
    checked_bias_initializer,
    features,
)


class Linear(Model):
    """ŷ = xW + b: linear regression, or logistic regression under a loss of classes.

    Attributes:
        initializer: draws W `[features, outputs]`; by default variance 1 / features.
        bias_initializer: draws b `[outputs]`.
    """

    initializer: Initializer = LecunUniform()
    bias_initializer: Annotated[Initializer, AfterValidator(checked_bias_initializer)] = Zeros()

    def check(self, spec: Spec) -> None:
        _check(self.name, spec)

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        sizes = (features(spec), outputs)
        return Stack(sizes, identity, self.initializer, self.bias_initializer, rngs)


class DeepLinear(Model):
    """ŷ = (…((xW₁ + b₁)W₂ + b₂)…): a linear map, reached along another path.

    Its functions are those of `Linear` (of limited rank where a width is below inputs and
    outputs); only training differs (Saxe, McClelland & Ganguli, 2014).

    Attributes:
        widths: units of each hidden layer.
        initializer: draws each W `[inputs, outputs]`; by default variance 1 / inputs, which
            keeps the variance of activations from layer to layer.
        bias_initializer: draws each b.
    """

    widths: Widths = (64,)
    initializer: Initializer = LecunUniform()
    bias_initializer: Annotated[Initializer, AfterValidator(checked_bias_initializer)] = Zeros()

    def check(self, spec: Spec) -> None:
        _check(self.name, spec)

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        sizes = (features(spec), *self.widths, outputs)
        return Stack(sizes, identity, self.initializer, self.bias_initializer, rngs)


def _check(model: str, spec: Spec) -> None:
    """Raise an `InputError` when a row is no numbers."""
    check_features(model, spec)
    if spec.vocabulary:
        raise InputError(
            f"`model` {model} needs numbers, and these data are symbols, whose numbers are only "
            "names: choose a network that embeds them, such as mlp or gpt"
        )
