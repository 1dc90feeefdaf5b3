"""Recurrent networks against PyTorch, and the loop's derivative against automatic ones."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError
from recurrence import SERIES, TEXT, build, everywhere

from etude.batch import Spec
from etude.errors import InputError
from etude.loss.base import penalty
from etude.loss.regression import MSE
from etude.model.gru import GRU, GRUCell
from etude.model.initializers import Normal, Orthogonal, Uniform
from etude.model.lstm import LSTM, LSTMCell
from etude.model.recurrent import Cell, hidden_states
from etude.model.rnn import RNN, ElmanCell
from golden import compiled, outputs_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "recurrence.json").read_text())
NETWORKS = {
    "lstm": LSTM(width=4),
    "gru": GRU(width=4),
    "rnn_tanh": RNN(width=4),
    "rnn_relu": RNN(width=4, activation="relu"),
}
CELLS = {
    "lstm": LSTMCell(),
    "gru": GRUCell(),
    "rnn_tanh": ElmanCell("tanh"),
    "rnn_relu": ElmanCell("relu"),
}
PARTS = (("weight", "kernel"), ("bias", "bias"))
FAMILIES = pytest.mark.parametrize("family", [RNN, LSTM, GRU])


def plain(cell: Cell, inputs: Any, kernel: Any, bias: Any) -> Any:
    """h at every step by the loop as it is written in papers, for automatic derivatives."""
    state = (jnp.zeros((inputs.shape[1], kernel.shape[0]), inputs.dtype),) * cell.states
    hidden = []
    for now in inputs:
        state, _ = cell.step(state, now, state[0] @ kernel, bias)
        hidden.append(state[0])
    return jnp.stack(hidden)


def torch_weights(state: Any, values: dict[str, Any]) -> dict[str, Any]:
    """PyTorch's name -> the parameter, or its slope, that lies the other way here."""
    found = {f"readout.{name}": state["readout"][here] for name, here in PARTS}
    for place in range(len(state["layers"])):
        layer = state["layers"][place]
        for name, here in PARTS:
            found[f"{name}_ih_l{place}"] = layer["input"][here]
            found[f"{name}_hh_l{place}"] = layer["recurrent"][here]
    assert found.keys() == values.keys()
    return found


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_torch_forwards_and_backwards(name: str, layers: int) -> None:
    golden = GOLDEN["networks"][name][str(layers)]
    with jax.enable_x64(True):
        model = NETWORKS[name].changed(layers=layers)
        graph, state = nnx.split(build(model, everywhere(SERIES)))
        for key, parameter in torch_weights(state, golden["weights"]).items():
            parameter[...] = jnp.asarray(golden["weights"][key]).T
        x, coefficients = (jnp.asarray(golden[key]) for key in ("inputs", "coefficients"))

        def total(state: Any, x: Any) -> Any:
            outputs = nnx.merge(graph, state)(x)
            return jnp.sum(outputs * coefficients), outputs

        (gradient, of_x), outputs = compiled(jax.grad(total, (0, 1), has_aux=True))(state, x)
    np.testing.assert_allclose(outputs, golden["outputs"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(of_x, golden["inputs_gradient"], rtol=1e-9, atol=1e-11)
    for key, slope in torch_weights(gradient, golden["gradients"]).items():
        expected = np.asarray(golden["gradients"][key]).T
        np.testing.assert_allclose(slope[...], expected, rtol=1e-9, atol=1e-11, err_msg=key)


@pytest.mark.parametrize("name", CELLS)
def test_the_derivative_of_the_loop_is_the_automatic_one(name: str) -> None:
    """Also of three members side by side, and one of them alone."""
    cell, steps, batch, width = CELLS[name], 3, 2, 3
    keys = jax.random.split(jax.random.key(0), 4)
    with jax.enable_x64(True):
        size = cell.gates * width
        inputs = jax.random.normal(keys[0], (steps, batch, size))
        kernels = jax.random.normal(keys[1], (3, width, size))
        bias = jax.random.normal(keys[2], (cell.inside * width,))
        slope = jax.random.normal(keys[3], (steps, batch, width))

        def pulled(function: Any, kernel: Any) -> Any:
            value, back = jax.vjp(partial(function, cell), inputs, kernel, bias)
            return value, back(slope)

        @compiled
        def all_three(kernels: Any) -> Any:
            found, expected = (
                jax.vmap(partial(pulled, function))(kernels) for function in (hidden_states, plain)
            )
            return found, expected, pulled(hidden_states, kernels[1])

        found, expected, alone = map(jax.tree.leaves, all_three(kernels))
    for left, right, one in zip(found, expected, alone, strict=True):
        assert left.shape == right.shape
        np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(left[1], one, rtol=1e-10, atol=1e-12)


@FAMILIES
def test_without_targets_at_every_step_the_last_one_speaks(family: Any) -> None:
    x = jax.random.normal(jax.random.key(1), (3, 6, 2))
    last, every = (
        outputs_of(build(family(width=8), spec), x) for spec in (SERIES, everywhere(SERIES))
    )
    assert last.shape == (3, 2)
    assert every.shape == (3, 6, 2)
    np.testing.assert_allclose(last, every[:, -1], rtol=1e-6, atol=1e-6)


@FAMILIES
def test_a_step_sees_what_came_before_it_alone(family: Any) -> None:
    module = build(family(width=8, layers=2, embedding=4), TEXT, 5)
    symbols = np.array([[0, 3, 1, 4, 2, 2], [0, 3, 1, 4, 0, 2]])
    first, second = np.asarray(outputs_of(module, symbols))
    assert first.shape == (6, 5)
    np.testing.assert_array_equal(first[:4], second[:4])
    assert np.abs(first[4:] - second[4:]).max() > 1e-4


def test_symbols_are_embedded_whether_they_are_many_or_few() -> None:
    """A table of few symbols is multiplied as a whole, in front of the lookup."""
    symbols = np.array([[0, 4], [3, 1], [2, 2]])
    text = build(LSTM(width=8, embedding=4), Spec("classes", (2,), sizes=(("vocabulary", 5),)))
    vectors = text.embedding.table[...][symbols]
    numbers = build(LSTM(width=8), Spec("numbers", (2, 4)))
    state = nnx.state(text)
    nnx.update(numbers, {name: state[name] for name in ("layers", "readout")})
    expected = outputs_of(numbers, vectors)
    np.testing.assert_allclose(outputs_of(text, symbols), expected, rtol=1e-5, atol=1e-6)
    few = outputs_of(text, symbols[:1])
    np.testing.assert_allclose(few, expected[:1], rtol=1e-5, atol=1e-6)


def test_an_image_is_the_sequence_of_its_rows_of_pixels() -> None:
    sizes = (("height", 4), ("width", 3), ("channels", 2))
    x = np.random.default_rng(0).normal(size=(5, 24)).astype(np.float32)
    flat, shaped, rows = (
        outputs_of(build(GRU(width=8), spec), x.reshape(5, *spec.inputs))
        for spec in (
            Spec("classes", (24,), sizes=sizes),
            Spec("classes", (4, 3, 2)),
            Spec("numbers", (4, 6)),
        )
    )
    np.testing.assert_array_equal(flat, rows)
    np.testing.assert_array_equal(shaped, rows)


def test_every_gate_is_drawn_on_its_own() -> None:
    model = LSTM(width=50, layers=2, initializer=Normal(std=0.5), bias_initializer=Uniform(scale=1))
    module = build(model, Spec("numbers", (3, 400)))
    for layer in module.layers:
        for gate in np.split(np.asarray(layer.recurrent.kernel), 4, axis=1):
            np.testing.assert_allclose(gate.T @ gate, np.eye(50), atol=1e-5)
    gates = np.split(np.asarray(module.layers[0].input.kernel), 4, axis=1)
    assert all(gate.std() == pytest.approx(0.5, rel=0.05) for gate in gates)
    assert np.abs(np.corrcoef([gate.ravel() for gate in gates]) - np.eye(4)).max() < 0.05
    for part in (module.layers[0].input, module.layers[1].recurrent):
        assert len(np.unique(part.bias)) == 200


def test_dropout_acts_on_what_goes_up_and_changes_no_first_weights() -> None:
    x = jax.random.normal(jax.random.key(1), (4, 6, 2))
    without, dropped = (build(GRU(width=8, layers=2, dropout=rate)) for rate in (0.0, 0.5))
    first, second = (jax.tree.leaves(nnx.state(m, nnx.Param)) for m in (without, dropped))
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)
    assert np.abs(np.asarray(outputs_of(dropped, x) - outputs_of(without, x))).max() > 1e-3
    dropped.eval()
    np.testing.assert_array_equal(outputs_of(dropped, x), outputs_of(without, x))


def test_layer_normalization_acts_on_what_goes_up() -> None:
    model = RNN(width=8, layers=2, normalization="layer", initializer=Normal(std=1.0))
    module = build(model, everywhere(SERIES))
    x = np.random.default_rng(1).normal(size=(4, 6, 2)).astype(np.float32)
    above = x.swapaxes(0, 1)
    for layer in module.layers:
        state, hidden = np.zeros((4, 8)), []
        for now in above:
            state = np.tanh(now @ layer.input.kernel[...] + state @ layer.recurrent.kernel[...])
            hidden.append(state)
        above = np.stack(hidden)
        above = above - above.mean(-1, keepdims=True)
        above /= np.sqrt((above**2).mean(-1, keepdims=True) + 1e-5)
    expected = (above @ module.readout.kernel[...]).swapaxes(0, 1)
    np.testing.assert_allclose(outputs_of(module, x), expected, rtol=1e-4, atol=1e-4)


@FAMILIES
def test_biases_are_not_penalized(family: Any) -> None:
    params = jax.eval_shape(
        lambda: nnx.state(family(width=3).build(SERIES, 2, nnx.Rngs(0)), nnx.Param)
    )
    none = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), params)
    biases, kernels = (
        jax.tree.map(lambda leaf, axes=axes: leaf + (leaf.ndim == axes), none) for axes in (1, 2)
    )
    assert penalty(MSE(l2=1.0), biases) == 0
    sizes = [leaf.size for leaf in jax.tree.leaves(params) if leaf.ndim == 2]
    assert len(sizes) == 3
    assert penalty(MSE(l2=1.0), kernels) == sum(sizes)


@FAMILIES
def test_rows_that_are_no_sequences_are_refused(family: Any) -> None:
    model = family()
    with pytest.raises(InputError, match=rf"`model` {model.name} needs sequences: .* got .*\[7\]"):
        model.check(Spec("numbers", (7,)))
    with pytest.raises(InputError, match="needs sequences"):
        model.check(Spec("numbers", (5, 0)))
    model.check(SERIES)
    model.check(TEXT)


@FAMILIES
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 0}, "greater than or equal to 1"),
        ({"layers": 0}, "greater than or equal to 1"),
        ({"embedding": 0}, "greater than or equal to 1"),
        ({"dropout": 1.0}, "less than 1"),
        ({"normalization": "batch"}, "'none' or 'layer'"),
        ({"bias_initializer": Orthogonal()}, "must be one for vectors"),
    ],
)
def test_bad_settings_are_refused(family: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        family(**fields)
