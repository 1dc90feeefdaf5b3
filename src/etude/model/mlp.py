"""The multilayer perceptron (Rumelhart, Hinton & Williams, 1986)."""

from typing import Annotated

from flax import nnx
from pydantic import AfterValidator

from etude.batch import Spec
from etude.model.activations import ACTIVATIONS, Activation
from etude.model.base import Model
from etude.model.initializers import HeUniform, Initializer, Zeros
from etude.model.layers import (
    Stack,
    Widths,
    check_features,
    checked_bias_initializer,
    features,
)


class MLP(Model):
    """Fully connected layers with an activation φ between them.

    h₀ = x, hₖ = φ(hₖ₋₁Wₖ + bₖ), ŷ = hₙW + b. Inputs of several axes are flattened.

    Attributes:
        widths: units of each hidden layer.
        activation: φ: sigmoid, tanh, relu, leaky_relu, gelu, silu, identity or threshold.
        initializer: draws each W `[inputs, outputs]`; by default `he_uniform`, made for ReLU.
        bias_initializer: draws each b `[outputs]`.
    """

    widths: Widths = (64,)
    activation: Activation = "relu"
    initializer: Initializer = HeUniform()
    bias_initializer: Annotated[Initializer, AfterValidator(checked_bias_initializer)] = Zeros()

    def check(self, spec: Spec) -> None:
        check_features(self.name, spec)

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        sizes = (features(spec), *self.widths, outputs)
        activation = ACTIVATIONS[self.activation]
        return Stack(sizes, activation, self.initializer, self.bias_initializer, rngs)
