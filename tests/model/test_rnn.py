import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError
from recurrence import SERIES, build, everywhere

from etude.model.initializers import Constant
from etude.model.rnn import RNN
from golden import outputs_of


def test_a_unit_that_keeps_its_own_value_adds_up() -> None:
    """φ = relu and weights of 1 make h the running sum of what is positive so far."""
    model = RNN(
        width=1,
        activation="relu",
        initializer=Constant(value=1.0),
        recurrent_initializer=Constant(value=1.0),
    )
    x = np.array([[[1, 2], [3, -1], [-9, 0], [2, 2], [0, 0], [1, 1]]], np.float32)
    outputs = outputs_of(build(model, everywhere(SERIES), 1), x)
    np.testing.assert_allclose(outputs[0, :, 0], [3, 5, 0, 4, 4, 6])


def test_both_biases_count() -> None:
    module = build(RNN(width=3), everywhere(SERIES), 3)
    layer = module.layers[0]
    assert layer.input.bias.shape == layer.recurrent.bias.shape == (3,)
    x = np.zeros((1, 6, 2), np.float32)
    np.testing.assert_array_equal(outputs_of(module, x), np.zeros((1, 6, 3)))
    layer.input.bias[...], layer.recurrent.bias[...] = jnp.full(3, 0.25), jnp.full(3, 0.5)
    first = np.tanh(np.full(3, 0.75))
    second = np.tanh(0.75 + first @ layer.recurrent.kernel[...])
    expected = np.stack([first, second]) @ module.readout.kernel[...]
    np.testing.assert_allclose(outputs_of(module, x)[0, :2], expected, rtol=1e-5)


def test_first_weights_keep_the_length_of_a_state() -> None:
    kernel = np.asarray(build(RNN(width=16)).layers[0].recurrent.kernel)
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(16), atol=1e-5)


def test_other_activations_are_refused() -> None:
    with pytest.raises(ValidationError, match="'tanh' or 'relu'"):
        RNN(activation="sigmoid")
    assert "activation=relu" in str(RNN(activation="relu"))
