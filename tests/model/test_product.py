"""The product and its gradient, against the plain formula in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from etude.model.product import product, transposed_product


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (1, 3), (2, 3, 2, 3)])
def test_product_and_its_gradients_are_those_of_the_formula(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    x, kernel = generator.normal(size=shape), generator.normal(size=(3, 7))
    cotangent = generator.normal(size=(*shape[:-1], 7))
    with jax.enable_x64(True):
        value, pullback = jax.vjp(product, jnp.asarray(x), jnp.asarray(kernel))
        dx, dkernel = pullback(jnp.asarray(cotangent))
    np.testing.assert_allclose(value, x @ kernel, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dx, cotangent @ kernel.T, rtol=1e-12, atol=1e-12)
    expected = x.reshape(-1, 3).T @ cotangent.reshape(-1, 7)
    np.testing.assert_allclose(dkernel, expected, rtol=1e-12, atol=1e-12)


def test_side_by_side_it_is_the_same() -> None:
    generator = np.random.default_rng(1)
    x, kernel = generator.normal(size=(4, 5, 3)), generator.normal(size=(4, 3, 7))

    def squares(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return jnp.sum(product(x, kernel) ** 2)

    with jax.enable_x64(True):
        found = jax.vmap(jax.grad(squares, 1))(jnp.asarray(x), jnp.asarray(kernel))
    np.testing.assert_allclose(found, 2 * np.einsum("mbi,mbj->mij", x, x @ kernel), rtol=1e-12)


def test_leading_axes_are_summed() -> None:
    x, y = np.arange(12.0).reshape(2, 2, 3), np.arange(8.0).reshape(2, 2, 2)
    np.testing.assert_allclose(transposed_product(x, y), np.einsum("abi,abj->ij", x, y))
