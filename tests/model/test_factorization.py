"""Matrix factorization against its formula in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from etude.batch import Spec
from etude.errors import InputError
from etude.model.factorization import MatrixFactorization

SPEC = Spec("numbers", (2,), 1, sizes=(("users", 7), ("items", 5)))
ROWS = np.array([[0, 4], [6, 0], [0, 4], [3, 2]], np.int32)


def test_scores_are_biases_plus_products_of_factors() -> None:
    module = MatrixFactorization(factors=3).build(SPEC, 1, nnx.Rngs(0))
    module.user_bias[...] = jnp.arange(7.0)
    module.item_bias[...] = -10 * jnp.arange(5.0)
    user, item = ROWS.T
    p, q = (np.asarray(array) for array in (module.user_factors, module.item_factors))
    assert (p.shape, q.shape) == ((7, 3), (5, 3))
    expected = user - 10.0 * item + np.sum(p[user] * q[item], 1)
    np.testing.assert_allclose(module(jnp.asarray(ROWS))[:, 0], expected, rtol=1e-5)


def test_a_gradient_reaches_the_rows_looked_up_and_no_others() -> None:
    module = MatrixFactorization(factors=3).build(SPEC, 1, nnx.Rngs(0))
    gradient = nnx.grad(lambda module: jnp.sum(module(jnp.asarray(ROWS))))(module)
    np.testing.assert_array_equal(gradient["user_bias"][...], [2, 0, 0, 1, 0, 0, 1])
    np.testing.assert_array_equal(gradient["item_bias"][...], [1, 0, 1, 0, 2])
    q = np.asarray(module.item_factors)
    expected = np.zeros((7, 3))
    for user, item in ROWS:
        expected[user] += q[item]
    np.testing.assert_allclose(gradient["user_factors"][...], expected, rtol=1e-6)


def test_first_weights() -> None:
    spec = Spec("numbers", (2,), 1, sizes=(("users", 700), ("items", 500)))
    module = MatrixFactorization(factors=32, std=0.2).build(spec, 1, nnx.Rngs(0))
    assert not np.asarray(module.user_bias).any()
    assert not np.asarray(module.item_bias).any()
    for factors in (module.user_factors, module.item_factors):
        assert np.asarray(factors).std() == pytest.approx(0.2, rel=0.03)
    assert not np.array_equal(module.user_factors[:5], module.item_factors[:5])


def test_the_spread_may_differ_between_members() -> None:
    def first(std: jax.Array) -> jax.Array:
        model = MatrixFactorization(factors=3).changed(std=std)
        state = nnx.state(model.build(SPEC, 1, nnx.Rngs(0)), nnx.Param)
        return state["user_factors"][...]

    drawn = jax.vmap(first)(jnp.array([0.1, 0.3]))
    np.testing.assert_allclose(drawn[1], 3 * drawn[0], rtol=1e-5)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="needs rows of a user number and an item number"):
        MatrixFactorization().check(Spec("numbers", (2,), 1))
    with pytest.raises(InputError, match="gives 1 number per row, the loss wants 2"):
        MatrixFactorization().build(SPEC, 2, nnx.Rngs(0))
    with pytest.raises(ValidationError):
        MatrixFactorization(std=0)
    MatrixFactorization().check(SPEC)
