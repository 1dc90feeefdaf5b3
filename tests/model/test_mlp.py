"""The perceptron against PyTorch and a computation by hand."""

import json
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from etude.batch import Spec
from etude.errors import InputError
from etude.model.activations import Activation
from etude.model.initializers import Constant, HeNormal, Normal, XavierUniform, Zeros
from etude.model.mlp import MLP
from golden import compiled, outputs_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "torch.json").read_text())
PERCEPTRON = GOLDEN["perceptron"]
SPEC = Spec("classes", (4,), classes=("a", "b"))


def build(model: MLP, spec: Spec = SPEC, outputs: int = 2, seed: int = 0) -> Any:
    """The network with its initial weights, drawn by one program."""

    def parts() -> Any:
        rngs = nnx.Rngs(params=jax.random.key(seed), dropout=jax.random.key(seed + 1))
        return nnx.split(model.build(spec, outputs, rngs))

    return nnx.merge(jax.eval_shape(parts)[0], compiled(lambda: parts()[1])())


def slope_of(objective: Any, module: Any) -> Any:
    """The gradient of `objective(module)` in its weights."""
    graph, params, rest = nnx.split(module, nnx.Param, ...)
    return compiled(jax.grad(lambda params: objective(nnx.merge(graph, params, rest, copy=True))))(
        params
    )


def weights(module: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state(module, nnx.Param))]


def test_agrees_with_torch_forwards_and_backwards() -> None:
    with jax.enable_x64(True):
        module = build(MLP(widths=(5, 3), activation="tanh"))
        for layer, kernel, bias in zip(
            module.layers, PERCEPTRON["kernels"], PERCEPTRON["biases"], strict=True
        ):
            assert layer.kernel.shape == np.shape(kernel)
            layer.kernel[...] = jnp.asarray(kernel)
            layer.bias[...] = jnp.asarray(bias)
        x, classes = jnp.asarray(PERCEPTRON["inputs"]), jnp.asarray(PERCEPTRON["classes"])

        def objective(module: Any) -> jax.Array:
            scores = jax.nn.log_softmax(module(x))
            return -jnp.mean(scores[jnp.arange(len(classes)), classes])

        outputs, gradient = outputs_of(module, x), slope_of(objective, module)
    np.testing.assert_allclose(outputs, PERCEPTRON["outputs"], rtol=1e-12)
    for index in range(3):
        layer = gradient["layers"][index]
        for name in ("kernel", "bias"):
            expected = PERCEPTRON[f"{name}_gradients"][index]
            np.testing.assert_allclose(layer[name][...], expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_activation_trains(activation: str) -> None:
    module = build(MLP(widths=(8,), activation=activation))
    x = np.random.default_rng(1).normal(size=(16, 4)).astype(np.float32)
    gradient = slope_of(lambda module: jnp.sum(module(x) ** 2), module)
    assert jax.eval_shape(module, x).shape == (16, 2)
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()
        assert np.abs(leaf).max() > 0


def test_first_weights_come_from_the_initializers() -> None:
    model = MLP(widths=(400,), initializer=HeNormal(), bias_initializer=Constant(value=0.5))
    module = build(model, Spec("numbers", (10, 10)), 100)
    assert np.asarray(module.layers[0].kernel).var() == pytest.approx(2 / 100, rel=0.05)
    assert np.asarray(module.layers[1].kernel).var() == pytest.approx(2 / 400, rel=0.05)
    np.testing.assert_array_equal(module.layers[0].bias, np.full(400, 0.5))


def test_inputs_of_several_axes_are_flattened_row_by_row() -> None:
    module = build(MLP(), Spec("numbers", (2, 3)), 2)
    images = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    assert module.layers[0].kernel.shape == (6, 64)
    flat = outputs_of(module, images.reshape(5, 6))
    np.testing.assert_array_equal(outputs_of(module, images), flat)


def test_normalization_and_dropout_stand_around_the_activation() -> None:
    """h ← φ(norm(hW)) by hand; with weights of rows; dropout in training alone."""
    model = MLP(widths=(5,), normalization="batch", dropout=0.5)
    module = build(model)
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    graph, state = nnx.split(module)

    @compiled
    def outputs(state: Any) -> Any:
        module = nnx.merge(graph, state, copy=True)
        first, second = module(x), module(x)
        module.eval()
        return first, second, module(x), module.norms[0].mean[...], module.norms[0].variance[...]

    once, again, judged, mean, variance = map(np.asarray, outputs(state))
    assert (once != again).any()
    first, last = module.layers
    assert first.bias is None
    hidden = x @ np.asarray(first.kernel)
    hidden = (hidden - mean) / np.sqrt(variance + 1e-5)
    expected = np.maximum(hidden, 0) @ np.asarray(last.kernel) + np.asarray(last.bias)
    np.testing.assert_allclose(judged, expected, rtol=1e-4, atol=1e-5)


def test_batch_normalization_leaves_padded_rows_out() -> None:
    module = build(MLP(widths=(5,), normalization="batch"))
    x = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    padded = np.concatenate([x, np.full((2, 4), 50, np.float32)])
    weights = np.array([1.0] * 6 + [0.0] * 2, np.float32)
    found = outputs_of(module, padded, weights)[:6]
    np.testing.assert_allclose(found, outputs_of(module, x), rtol=1e-4, atol=1e-5)


def test_weight_normalization_starts_as_without_and_keeps_lengths_apart() -> None:
    plain, normal = build(MLP(widths=(5,))), build(MLP(widths=(5,), normalization="weight"))
    x = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    expected = np.asarray(outputs_of(plain, x))
    graph, state = nnx.split(normal)

    @compiled
    def outputs(state: Any) -> Any:
        module = nnx.merge(graph, state, copy=True)
        found = [module(x)]
        for layer in module.layers:
            layer.kernel[...] *= 7
        found.append(module(x))
        module.layers[1].scale[...] *= 3
        return *found, module(x)

    first, longer, scaled = outputs(state)
    np.testing.assert_allclose(first, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(longer, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scaled, 3 * expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer", "weight"])
def test_every_normalization_trains_from_the_same_weights(normalization: Any) -> None:
    module = build(MLP(widths=(8, 6), normalization=normalization))
    plain = build(MLP(widths=(8, 6)))
    for layer, other in zip(module.layers, plain.layers, strict=True):
        np.testing.assert_array_equal(layer.kernel, other.kernel)
    x = np.random.default_rng(1).normal(size=(16, 4)).astype(np.float32)
    gradient = slope_of(lambda module: jnp.sum(module(x) ** 3), module)
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()
        assert np.abs(leaf).max() > 0


def test_symbols_are_embedded_side_by_side() -> None:
    spec = Spec("classes", (3,), classes=("a", "b"), sizes=(("vocabulary", 7),))
    module = build(MLP(widths=(5,), embedding=4), spec)
    symbols = np.array([[0, 6, 2], [2, 2, 5]])
    table = np.asarray(module.embedding.table)
    assert table.shape == (7, 4)
    rows = table[symbols].reshape(2, 12)
    expected = outputs_of(module.stack, rows)
    np.testing.assert_allclose(outputs_of(module, symbols), expected, rtol=1e-5)
    with pytest.raises(InputError, match="gives one output per row"):
        MLP().check(Spec("tokens", (3,), sizes=(("vocabulary", 7),)))


def test_added_fields_are_told_where_they_say_something() -> None:
    assert not {"normalization", "dropout", "embedding"} & MLP().document().keys()
    assert MLP(dropout=0.5, normalization="layer").document()["dropout"] == 0.5
    with pytest.raises(ValidationError, match="less than 1"):
        MLP(dropout=1.0)


def test_same_key_same_weights() -> None:
    first, second, other = (weights(build(MLP(), seed=seed)) for seed in (3, 3, 4))
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)
    assert any((left != right).any() for left, right in zip(first, other, strict=True))


def test_zero_initialization_keeps_units_equal() -> None:
    module = build(MLP(widths=(6,), activation="tanh", initializer=Zeros()))
    x = np.random.default_rng(1).normal(size=(16, 4)).astype(np.float32)
    graph, params, rest = nnx.split(module, nnx.Param, ...)

    def objective(params: Any) -> Any:
        return jnp.sum((nnx.merge(graph, params, rest, copy=True)(x) - x[:, :2]) ** 2)

    slope = compiled(jax.grad(objective))
    for _ in range(3):
        params = jax.tree.map(
            lambda w, g: np.asarray(w - 0.1 * np.asarray(g)), params, slope(params)
        )
    hidden = np.asarray(params["layers"][0]["kernel"])
    np.testing.assert_array_equal(hidden, np.repeat(hidden[:, :1], 6, 1))


def test_builds_inside_a_program_with_traced_numbers() -> None:
    x = jnp.ones((3, 4))

    @compiled
    def first_outputs(model: MLP, key: jax.Array) -> jax.Array:
        graph, params, rest = nnx.split(build_with(model, key), nnx.Param, ...)
        assert not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(graph))
        return nnx.merge(graph, params, rest, copy=True)(x)

    def build_with(model: MLP, key: jax.Array) -> nnx.Module:
        return model.build(SPEC, 2, nnx.Rngs(key))

    models = [MLP(widths=(8,), activation="identity", initializer=Normal(std=s)) for s in (1, 2)]
    key = jax.random.key(0)
    first, second = (first_outputs(model, key) for model in models)
    np.testing.assert_allclose(second, 4 * first, rtol=1e-5)
    assert first_outputs._cache_size() == 1


def test_documents_itself_with_its_parts() -> None:
    document = MLP(widths=(3, 2), initializer=XavierUniform()).document()
    assert document == {
        "name": "mlp",
        "widths": [3, 2],
        "activation": "relu",
        "initializer": {"name": "xavier_uniform"},
        "bias_initializer": {"name": "zeros"},
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"widths": ()}, "at least 1 item"),
        ({"widths": (0,)}, "greater than or equal to 1"),
        ({"activation": "swish"}, "'silu'"),
        (
            {"bias_initializer": HeNormal()},
            "`bias_initializer` must be one for vectors (zeros, constant, normal or uniform), "
            "got he_normal",
        ),
    ],
)
def test_bad_settings_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        MLP(**fields)
    assert message in str(caught.value)


def test_a_row_must_have_inputs() -> None:
    with pytest.raises(InputError, match="`model` mlp needs at least 1 input number per row"):
        MLP().check(Spec("numbers", (0,)))
    MLP().check(SPEC)
