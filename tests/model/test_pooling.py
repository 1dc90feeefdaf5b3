"""Pooling against PyTorch, ties included, and against what XLA derives."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from etude.errors import InputError
from etude.model import pooling
from etude.model.normalization import BatchNorm
from etude.model.pooling import average_pool, global_average_pool, max_pool
from golden import compiled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "convolution.json").read_text())
POOLS = GOLDEN["pools"]


def gradient(function: Any, x: Any, slopes: Any) -> Any:
    """Outputs, and the gradient of their sum weighted with `slopes`."""

    def both(x: Any, slopes: Any) -> Any:
        outputs, back = jax.vjp(function, x)
        return outputs, back(slopes)[0]

    return compiled(both)(x, slopes)


@pytest.mark.parametrize("own", [True, False], ids=["own derivatives", "XLA's"])
@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("name", POOLS)
def test_agrees_with_torch(
    name: str, kind: str, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "on_cpu", lambda: own)
    case, golden = POOLS[name], POOLS[name][kind]
    pool = {"max": max_pool, "average": average_pool}[kind]
    window, strides = tuple(case["window"]), tuple(case["strides"])
    with jax.enable_x64(True):
        x, slopes = jnp.asarray(case["inputs"]), jnp.asarray(golden["slopes"])
        outputs, of_inputs = gradient(lambda x: pool(x, window, strides), x, slopes)
    np.testing.assert_allclose(outputs, golden["outputs"], 1e-12)
    np.testing.assert_allclose(of_inputs, golden["input_gradient"], 1e-12, 1e-14)


def test_members_side_by_side_are_members_alone() -> None:
    generator = np.random.default_rng(0)
    x = jnp.asarray(generator.integers(0, 4, (3, 2, 4, 5, 2)), jnp.float32)
    slopes = jnp.asarray(generator.normal(size=(3, 2, 2, 2, 2)), jnp.float32)

    def both(x: Any, slopes: Any) -> Any:
        outputs, back = jax.vjp(lambda x: max_pool(x, (2, 2)), x)
        return outputs, back(slopes)[0]

    together = compiled(jax.vmap(both))(x, slopes)
    for member in range(3):
        alone = gradient(lambda x: max_pool(x, (2, 2)), x[member], slopes[member])
        for many, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(many[member], one)


def test_the_global_average_is_that_of_each_channel() -> None:
    x = np.arange(24.0).reshape(2, 2, 3, 2)
    np.testing.assert_allclose(global_average_pool(jnp.asarray(x)), [[5, 6], [17, 18]])


@pytest.mark.parametrize("pool", [max_pool, average_pool])
def test_a_window_must_fit(pool: Any) -> None:
    with pytest.raises(InputError, match="`window` of 3×2 does not fit into images of 2×4"):
        pool(jnp.zeros((1, 2, 4, 1)), (3, 2))


@pytest.mark.parametrize(
    ("window", "weights"),
    [
        ((2, 2), None),
        ((2, 3), [1.0, 0.0, 2.5]),
        ((2, 2), [0.0, 0.0, 0.0]),
        ((3, 2), [1.0, 1.0, 0.0]),
    ],
)
def test_normalized_maxima_are_maxima_of_what_is_normalized(window: Any, weights: Any) -> None:
    generator = np.random.default_rng(1)
    height, width = 4 // window[0], 6 // window[1]
    with jax.enable_x64(True):
        x = jnp.asarray(generator.integers(-3, 4, (3, 4, 6, 4)).astype(float))
        rows = None if weights is None else jnp.asarray(weights)
        slopes = jnp.asarray(generator.normal(size=(3, height, width, 4)))
        graph, params, rest = nnx.split(BatchNorm(4, nnx.Rngs(0)), nnx.Param, ...)
        params = jax.tree.map(lambda leaf: jnp.asarray([0.7, -1.3, 0.2, -0.4]) + leaf * 0, params)

        def both(pooled: Any) -> Any:
            def weighted(params: Any, x: Any) -> Any:
                norm = nnx.merge(graph, params, rest, copy=True)
                y = pooled(norm, x)
                if rows is not None:
                    y = y * jnp.where(rows > 0, 1.0, 0.0)[:, None, None, None]
                return jnp.sum(y * slopes), (y, nnx.split(norm, nnx.Param, ...)[2])

            return compiled(jax.grad(weighted, (0, 1), has_aux=True))(params, x)

        found = both(lambda norm, x: norm.maxima(x, rows, window))
        expected = both(lambda norm, x: max_pool(norm(x, rows), window))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, 1e-10, 1e-11)


@pytest.mark.parametrize("window", [(2, 2), (3, 2)])
def test_normalized_maxima_in_evaluation(window: Any) -> None:
    x = jax.random.normal(jax.random.key(0), (3, 4, 6, 2))

    def both(x: Any) -> Any:
        norm = BatchNorm(2, nnx.Rngs(0))
        norm.scale[...] = jnp.asarray([0.7, -1.3])
        norm.mean[...] = jnp.asarray([0.1, -0.2])
        norm.eval()
        return norm.maxima(x, None, window), max_pool(norm(x), window)

    np.testing.assert_allclose(*compiled(both)(x), rtol=1e-5, atol=1e-6)
