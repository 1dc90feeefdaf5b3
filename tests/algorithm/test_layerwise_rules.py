"""Rules that see each array of weights on its own, against NumPy, Optax and PyTorch."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from surface import GOLDEN, STEPS, follow, optax_path

from etude.algorithm.base import Algorithm
from etude.algorithm.lamb import LAMB
from etude.algorithm.muon import COEFFICIENTS, Muon, orthogonal

Tree = dict[str, Any]
GENERATOR = np.random.default_rng(0)
START: Tree = {
    "bias": np.zeros(3),
    "deep": GENERATOR.normal(size=(3, 5)),
    "filter": GENERATOR.normal(size=(2, 2, 3)),
    "wide": GENERATOR.normal(size=(4, 3)),
}
SIZES = {"bias": 1.0, "deep": 2.0, "filter": 0.5, "wide": 3.0}


def objective(tree: Tree) -> jax.Array:
    return sum(
        (SIZES[name] * (leaf - 0.3) ** 2 + jnp.sin(2 * leaf)).sum() for name, leaf in tree.items()
    )


def gradient(name: str, w: np.ndarray) -> np.ndarray:
    """The gradient of `objective` in one array, by hand."""
    return 2 * SIZES[name] * (w - 0.3) + 2 * np.cos(2 * w)


def path(rule: Algorithm, dtype: Any = np.float64) -> Tree:
    with jax.enable_x64(dtype == np.float64):
        start = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), START)
        return jax.tree.map(np.asarray, follow(rule, start, objective))


def together(recurrence: Any, *constants: Any) -> Tree:
    return {
        name: np.array(list(recurrence(name, start, *constants))) for name, start in START.items()
    }


def assert_agree(found: Tree, expected: Tree, tolerance: float) -> None:
    for name, values in expected.items():
        assert np.abs(found[name][-1] - START[name]).max() > 0.05, name
        np.testing.assert_allclose(
            found[name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )


def lamb(
    name: str, w: np.ndarray, rate: float, b1: float, b2: float, eps: float, decay: float
) -> Iterator[np.ndarray]:
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(name, w)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        step = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps) + decay * w
        ratio = np.sqrt((w**2).sum() / (step**2).sum()) if w.any() and step.any() else 1
        w = w - rate * ratio * step
        yield w


LAMB_RULE = LAMB(learning_rate=0.02, beta1=0.8, beta2=0.95, epsilon=1e-4, weight_decay=0.1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 2e-5)])
def test_lamb_follows_its_paper(dtype: Any, tolerance: float) -> None:
    expected = together(lamb, 0.02, 0.8, 0.95, 1e-4, 0.1)
    assert_agree(path(LAMB_RULE, dtype), expected, tolerance)


def test_lamb_agrees_with_optax() -> None:
    rule = optax.lamb(0.02, b1=0.8, b2=0.95, eps=1e-4, weight_decay=0.1)
    assert_agree(path(LAMB_RULE), optax_path(rule, START, objective), 1e-10)


def test_lamb_takes_a_whole_step_where_there_is_no_length() -> None:
    """A bias that starts at 0 would never leave it if its length were the measure."""
    found = path(LAMB_RULE)["bias"]
    np.testing.assert_allclose(np.abs(found[0]), 0.02, rtol=1e-3)


def muon(
    name: str, w: np.ndarray, rate: float, beta: float, decay: float, b1: float, b2: float
) -> Iterator[np.ndarray]:
    m, v = np.zeros_like(w), np.zeros_like(w)
    a, b, c = COEFFICIENTS
    share = beta if w.ndim == 2 else b1
    for t in range(1, STEPS + 1):
        g = gradient(name, w)
        m, v = share * m + (1 - share) * g, b2 * v + (1 - b2) * g**2
        ahead = share / (1 - share ** (t + 1)) * m + (1 - share) / (1 - share**t) * g
        if w.ndim == 2:
            # X ← aX + bXXᵀX + c(XXᵀ)²X acts on singular values alone: s ← as + bs³ + cs⁵.
            left, s, right = np.linalg.svd(ahead, full_matrices=False)
            s = s / (np.sqrt((s**2).sum()) + 1e-8)
            for _ in range(5):
                s = a * s + b * s**3 + c * s**5
            n_in, n_out = w.shape
            scale = np.sqrt(max(1, n_out / n_in))
            w = w - rate * (scale * (left * s) @ right + decay * w)
        else:
            w = w - rate * ahead / (np.sqrt(v / (1 - b2**t)) + 1e-8)
        yield w


MUON_RULE = Muon(learning_rate=0.01, momentum=0.8, weight_decay=0.1, beta1=0.7, beta2=0.95)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 2e-4)])
def test_muon_moves_by_singular_values_of_about_1(dtype: Any, tolerance: float) -> None:
    expected = together(muon, 0.01, 0.8, 0.1, 0.7, 0.95)
    assert_agree(path(MUON_RULE, dtype), expected, tolerance)


def test_muon_agrees_with_optax() -> None:
    rule = optax.contrib.muon(0.01, beta=0.8, weight_decay=0.1, adam_b1=0.7, adam_b2=0.95)
    assert_agree(path(MUON_RULE), optax_path(rule, START, objective), 1e-9)


def test_muon_agrees_with_torch() -> None:
    golden = GOLDEN["matrices"]

    def of_golden(tree: Any) -> jax.Array:
        first, second = tree
        return ((first - jnp.asarray(golden["target"])) ** 2 + jnp.sin(second * first.T).T).sum()

    rule = Muon(
        learning_rate=golden["learning_rate"],
        weight_decay=golden["weight_decay"],
        momentum=0.0,
        epsilon=1e-60,
    )
    with jax.enable_x64(True):
        start = [jnp.asarray(w, np.float64) for w in golden["start"]]
        found = [np.asarray(w) for w in follow(rule, start, of_golden)]
    for number, w in enumerate(found):
        expected = np.array([weights[number] for weights in golden["path"]])
        np.testing.assert_allclose(w[9::10], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_orthogonal_brings_singular_values_near_1_and_keeps_their_vectors(shape: Any) -> None:
    matrix = np.random.default_rng(4).normal(size=shape)
    left, s, right = np.linalg.svd(matrix, full_matrices=False)
    with jax.enable_x64(True):
        found = np.asarray(orthogonal(jnp.asarray(matrix), 1e-8))
        nothing = np.asarray(orthogonal(jnp.zeros(shape), 1e-8))
    values = np.diag(left.T @ found @ right.T)
    assert s.max() / s.min() > 2
    assert (values > 0.6).all()
    assert (values < 1.3).all()
    np.testing.assert_allclose((left * values) @ right, found, atol=1e-12)
    np.testing.assert_array_equal(nothing, 0)
