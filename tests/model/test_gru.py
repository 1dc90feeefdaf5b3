import jax
import numpy as np
from recurrence import SERIES, build, everywhere

from etude.model.gru import GRU, GRUCell
from golden import compiled, outputs_of


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_a_step_is_that_of_torch() -> None:
    """n = tanh(xW + r (h₋₁U + c)), h = (1 − z) n + z h₋₁, in double precision by hand."""
    generator = np.random.default_rng(0)
    inputs, recurrent = 4 * generator.normal(size=(2, 3, 6))
    before, bias = generator.normal(size=(3, 2)), generator.normal(size=2)
    with jax.enable_x64(True):
        (hidden,), _ = compiled(GRUCell().step)((before,), inputs, recurrent, bias)
    r, z, _ = np.split(sigmoid(inputs + recurrent), 3, axis=1)
    n = np.tanh(inputs[:, 4:] + r * (recurrent[:, 4:] + bias))
    np.testing.assert_allclose(hidden, (1 - z) * n + z * before, rtol=1e-12)


def test_biases_of_the_candidate_stay_with_their_products() -> None:
    """The biases of r and z may be added to xW; that of n is inside of what r multiplies."""
    module = build(GRU(width=2), everywhere(SERIES), 2)
    layer = module.layers[0]
    layer.recurrent.bias[...] = np.array([1, 2, 3, 4, 5, 6], np.float32)
    projected = compiled(lambda x: layer.project(x))(np.zeros((1, 2), np.float32))
    np.testing.assert_array_equal(projected, [[1, 2, 3, 4, 0, 0]])
    r, z = sigmoid(np.array([1.0, 2])), sigmoid(np.array([3.0, 4]))
    first = (1 - z) * np.tanh(r * np.array([5, 6]))
    outputs = outputs_of(module, np.zeros((1, 6, 2), np.float32))
    np.testing.assert_allclose(outputs[0, 0], first @ module.readout.kernel[...], rtol=1e-5)


def test_a_shut_update_gate_keeps_the_state() -> None:
    module = build(GRU(width=2), everywhere(SERIES), 2)
    layer = module.layers[0]
    x = np.random.default_rng(0).normal(size=(1, 6, 2)).astype(np.float32)
    # z is what of the old state stays, and there is none before the first step.
    layer.input.bias[...] = np.array([0, 0, 50, 50, 0, 0], np.float32)
    np.testing.assert_array_equal(outputs_of(module, x), np.zeros((1, 6, 2)))
    layer.input.bias[...] = np.array([0, 0, -50, -50, 0, 0], np.float32)
    assert np.abs(outputs_of(module, x)[0, 0]).max() > 0.05
