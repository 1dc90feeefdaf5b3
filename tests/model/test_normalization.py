"""Batch and layer normalization against PyTorch and a computation by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from etude.model import normalization
from etude.model.normalization import BatchNorm, LayerNorm, norm
from golden import ATTENTION, agree, agrees_with_torch, compiled, filled, named

RNGS = nnx.Rngs(0)


@pytest.fixture(params=["own derivatives", "derived"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form for a CPU, and the one for other devices."""
    monkeypatch.setattr(normalization, "on_cpu", lambda: request.param == "own derivatives")


@pytest.mark.usefixtures("form")
def test_layer_norm_agrees_with_torch() -> None:
    with jax.enable_x64(True):
        agrees_with_torch(nnx.split(LayerNorm(5, RNGS), nnx.Param, ...), ATTENTION["layer_norm"])


@pytest.mark.usefixtures("form")
def test_batch_norm_agrees_with_torch_in_training_and_evaluation() -> None:
    with jax.enable_x64(True):
        graph, params, rest = nnx.split(BatchNorm(4, RNGS), nnx.Param, ...)
        for golden in ATTENTION["batch_norm"]["steps"]:
            outputs, gradients, rest = _step(graph, params, rest, golden)
            np.testing.assert_allclose(outputs, golden["outputs"], 1e-11, 1e-12)
            np.testing.assert_allclose(gradients[1], golden["input_gradient"], 1e-10, 1e-12)
            agree(named(gradients[0]), golden["gradients"])
            kept = {name: golden[name] for name in ("mean", "variance")}
            agree(named(rest), kept)


def _step(graph: Any, params: Any, rest: Any, golden: Any, weights: Any = None) -> Any:
    """Outputs, gradients in weights and inputs, and the running statistics afterwards."""

    def weighted(params: Any, inputs: Any, rest: Any) -> Any:
        module = nnx.merge(graph, params, rest, copy=True)
        module.train() if golden["training"] else module.eval()
        outputs = module(inputs, weights)
        value = jnp.sum(outputs * jnp.asarray(golden["slopes"]))
        return value, (outputs, nnx.split(module, nnx.Param, ...)[2])

    gradients, (outputs, rest) = compiled(jax.grad(weighted, (0, 1), has_aux=True))(
        filled(params, golden["weights"]), jnp.asarray(golden["inputs"]), rest
    )
    return outputs, gradients, rest


@pytest.mark.usefixtures("form")
def test_rows_of_weight_0_have_no_say() -> None:
    golden = ATTENTION["batch_norm"]["steps"][0]
    padded = golden | {
        name: np.concatenate([golden[name], 99 * np.ones((3, 3, 4))]) for name in ("inputs",)
    }
    padded["slopes"] = np.concatenate([golden["slopes"], np.zeros((3, 3, 4))])
    weights = jnp.asarray([1.0] * 6 + [0.0] * 3)
    with jax.enable_x64(True):
        parts = nnx.split(BatchNorm(4, RNGS), nnx.Param, ...)
        outputs, gradients, rest = _step(*parts, padded, weights)
    np.testing.assert_allclose(outputs[:6], golden["outputs"], 1e-11, 1e-12)
    np.testing.assert_allclose(gradients[1][:6], golden["input_gradient"], 1e-10, 1e-12)
    np.testing.assert_array_equal(gradients[1][6:], 0)
    agree(named(gradients[0]), golden["gradients"])
    agree(named(rest), {name: golden[name] for name in ("mean", "variance")})


@pytest.mark.usefixtures("form")
def test_weights_are_those_of_the_mean_and_the_variance() -> None:
    """Of rows with weights 1, 2 and 0.5: the definition, and a derivative by differences."""
    generator = np.random.default_rng(0)
    x, weights = generator.normal(size=(3, 4, 2)), np.array([1.0, 2.0, 0.5])
    slopes = generator.normal(size=x.shape)
    shares = np.repeat(weights / weights.sum() / 4, 4)
    rows = x.reshape(-1, 2)
    mean = shares @ rows
    variance = shares @ (rows - mean) ** 2
    count = 4 * weights.sum() ** 2 / (weights**2).sum()
    golden = {"training": True, "inputs": x, "slopes": slopes}
    golden["weights"] = {"scale": [1.5, -0.7], "bias": [0.1, 0.2]}
    expected = (x - mean) / np.sqrt(variance + 1e-5) * [1.5, -0.7] + [0.1, 0.2]
    with jax.enable_x64(True):
        parts = nnx.split(BatchNorm(2, RNGS), nnx.Param, ...)
        outputs, gradients, rest = _step(*parts, golden, jnp.asarray(weights))
        np.testing.assert_allclose(outputs, expected, 1e-12)
        kept = named(rest)
        np.testing.assert_allclose(kept["mean"], 0.1 * mean, 1e-12)
        np.testing.assert_allclose(
            kept["variance"], 0.9 + 0.1 * variance * count / (count - 1), 1e-12
        )
        step, place = 1e-6, (1, 2, 0)
        values = []
        for sign in (1, -1):
            moved = x.copy()
            moved[place] += sign * step
            outputs, _, _ = _step(*parts, golden | {"inputs": moved}, jnp.asarray(weights))
            values.append(np.sum(np.asarray(outputs) * slopes))
    assert gradients[1][place] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("rows", [1, 4])
def test_a_batch_without_weight_changes_nothing_that_is_kept(rows: int) -> None:
    module = BatchNorm(3, RNGS)
    outputs = module(jnp.ones((rows, 3)), jnp.zeros(rows))
    assert np.isfinite(outputs).all()
    np.testing.assert_array_equal(module.mean[...], np.zeros(3))
    np.testing.assert_array_equal(module.variance[...], np.ones(3))


def test_a_batch_of_one_row_gives_the_bias() -> None:
    module = BatchNorm(3, RNGS)
    np.testing.assert_array_equal(module(jnp.full((1, 3), 7.0)), np.zeros((1, 3)))
    np.testing.assert_allclose(module.mean[...], 0.7 * np.ones(3), rtol=1e-6)


@pytest.mark.parametrize("kind", ["none", "batch", "layer", "weight"])
def test_every_kind_is_called_alike(kind: Any) -> None:
    x, weights = jax.random.normal(jax.random.key(0), (5, 2, 4)), jnp.ones(5)
    outputs = np.asarray(norm(kind, 4, RNGS)(x, weights))
    assert outputs.shape == x.shape
    axes = {"batch": (0, 1), "layer": 2}.get(kind)
    if axes is None:
        np.testing.assert_array_equal(outputs, x)
    else:
        np.testing.assert_allclose(outputs.mean(axes), 0, atol=1e-5)
        np.testing.assert_allclose(outputs.std(axes), 1, atol=1e-3)


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_side_by_side_it_is_the_same(kind: Any) -> None:
    """Under vmap over members, gradients included."""
    graph, params, rest = nnx.split(norm(kind, 4, RNGS), nnx.Param, ...)
    inputs = jax.random.normal(jax.random.key(0), (3, 6, 4))

    def gradient(inputs: jax.Array) -> Any:
        def cubes(params: Any) -> jax.Array:
            return jnp.sum(nnx.merge(graph, params, rest, copy=True)(inputs) ** 3)

        return jax.grad(cubes)(params)

    together = compiled(jax.vmap(gradient))(inputs)
    for place, alone in enumerate(map(compiled(gradient), inputs)):
        for found, expected in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(found[place], expected, rtol=1e-5, atol=1e-5)
