import jax
import numpy as np
from flax import nnx
from recurrence import SERIES, build, everywhere

from etude.model.initializers import Uniform
from etude.model.lstm import LSTM, LSTMCell
from golden import compiled, outputs_of


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_a_step_is_that_of_the_paper() -> None:
    """i, f, o = σ, g = tanh, c = f c₋₁ + i g, h = o tanh c, in double precision by hand."""
    generator = np.random.default_rng(0)
    inputs, recurrent = 4 * generator.normal(size=(2, 3, 8))
    before, memory = generator.normal(size=(2, 3, 2))
    with jax.enable_x64(True):
        step = compiled(LSTMCell().step)
        (hidden, after), _ = step((before, memory), inputs, recurrent, np.zeros(0))
    i, f, g, o = np.split(inputs + recurrent, 4, axis=1)
    expected = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
    np.testing.assert_allclose(after, expected, rtol=1e-12)
    np.testing.assert_allclose(hidden, sigmoid(o) * np.tanh(expected), rtol=1e-12)


def test_gates_that_are_far_open_or_shut_stay_finite() -> None:
    """σ(±10,000) is 1 and 0, and the slopes through them are 0."""
    large = np.array([[-1e4, 1e4, 1e4, 1e4]], np.float32)

    def last(inputs: jax.Array) -> jax.Array:
        state = (np.zeros((1, 1), np.float32), np.full((1, 1), 0.5, np.float32))
        (hidden, _), _ = LSTMCell().step(state, inputs, np.zeros_like(large), np.zeros(0))
        return hidden[0, 0]

    value, slope = compiled(jax.value_and_grad(last))(large)
    np.testing.assert_allclose(value, np.tanh(0.5), rtol=1e-6)
    np.testing.assert_array_equal(slope, np.zeros((1, 4)))


def test_what_is_remembered_at_first_is_set_by_the_forget_bias() -> None:
    module = build(LSTM(width=5, layers=2))
    for layer in module.layers:
        i, f, g, o = np.split(np.asarray(layer.input.bias), 4)
        np.testing.assert_array_equal(f, np.ones(5))
        np.testing.assert_array_equal(np.concatenate([i, g, o]), np.zeros(15))
        np.testing.assert_array_equal(layer.recurrent.bias, np.zeros(20))
    drawn = build(LSTM(width=500, forget_bias=2.0, bias_initializer=Uniform(scale=0.1)))
    _, f, _, o = np.split(np.asarray(drawn.layers[0].input.bias), 4)
    assert 1.9 < f.min() < 1.95
    assert 2.05 < f.max() < 2.1
    assert abs(o.mean()) < 0.02


def test_one_program_serves_all_forget_biases() -> None:
    @compiled
    def biases(model: LSTM) -> jax.Array:
        return nnx.state(model.build(SERIES, 1, nnx.Rngs(0)))["layers"][0]["input"]["bias"][...]

    first, second = (biases(LSTM(width=2, forget_bias=bias)) for bias in (-1.0, 3.0))
    np.testing.assert_array_equal(second - first, [0, 0, 4, 4, 0, 0, 0, 0])
    assert biases._cache_size() == 1


def test_memory_lasts_while_the_forget_gate_is_open() -> None:
    x = np.zeros((1, 6, 2), np.float32)
    x[0, 0] = 1
    kept, lost = (
        np.abs(outputs_of(build(LSTM(width=4, forget_bias=bias), everywhere(SERIES)), x)[0]).max(1)
        for bias in (20.0, -20.0)
    )
    assert kept[5] > 0.5 * kept[1]
    assert lost[5] < 0.1 * lost[0]
