"""The objective of matrix factorization against its formula in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.loss.ratings import RegularizedSquaredError
from etude.loss.regression import MSE
from etude.model.factorization import MatrixFactorization
from etude.model.linear import Linear

SPEC = Spec("numbers", (2,), 1, sizes=(("users", 7), ("items", 5)))
ROWS = np.array([[0, 4], [6, 0], [0, 3], [3, 2]], np.int32)
BATCH = Batch(
    jnp.asarray(ROWS), jnp.array([[1.0], [-0.5], [0.2], [9.0]]), jnp.array([1.0, 1.0, 1.0, 0.0])
)


def module() -> nnx.Module:
    found = MatrixFactorization(factors=3, std=0.5).build(SPEC, 1, nnx.Rngs(0))
    found.user_bias[...] = jnp.linspace(-1, 1, 7)
    found.item_bias[...] = jnp.linspace(-2, 1, 5)
    return found


def test_every_row_penalizes_what_it_looks_up() -> None:
    model = module()
    user, item = ROWS.T
    bu, bi, p, q = (
        np.asarray(table, np.float64)
        for table in (model.user_bias, model.item_bias, model.user_factors, model.item_factors)
    )
    error = np.asarray(BATCH.targets)[:, 0] - bu[user] - bi[item] - np.sum(p[user] * q[item], 1)
    rows = error**2 + 0.4 * np.sum(p[user] ** 2 + q[item] ** 2, 1)
    rows += 0.7 * (bu[user] ** 2 + bi[item] ** 2)
    loss = RegularizedSquaredError(factor_l2=0.4, bias_l2=0.7)
    found = loss.objective(model, BATCH, jax.random.key(0))
    assert float(found) == pytest.approx(rows[:3].mean(), rel=1e-5)


def test_what_is_reported_is_the_squared_error_alone() -> None:
    model, loss = module(), RegularizedSquaredError()
    outputs = loss.evaluate(model, BATCH)
    np.testing.assert_array_equal(loss(outputs, BATCH), MSE()(outputs, BATCH))
    none = RegularizedSquaredError(factor_l2=0, bias_l2=0)
    key = jax.random.key(0)
    assert float(none.objective(model, BATCH, key)) == pytest.approx(
        float(MSE().objective(model, BATCH, key)), rel=1e-6
    )


def test_other_networks_are_refused() -> None:
    model = Linear().build(Spec("numbers", (2,)), 1, nnx.Rngs(0))
    with pytest.raises(InputError, match="needs a network that looks weights up"):
        RegularizedSquaredError().objective(model, BATCH, jax.random.key(0))


def test_classes_are_refused() -> None:
    with pytest.raises(InputError, match="regularized_squared_error needs a target of numbers"):
        RegularizedSquaredError().check(Spec("classes", (2,), classes=("a", "b")))
