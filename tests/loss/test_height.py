"""Heights of surfaces against polynomials in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.loss.height import Height
from quick_programs import compiled

POINTS = [(0.0, 0.0), (0.0, 1.5), (-1.2, 0.0), (1.0, 1.0), (-0.7, 2.3)]


def rosenbrock() -> Batch:
    """(1 − x)² + 100 (y − x²)²."""
    coefficients = np.zeros((2, 3, 2))
    coefficients[0, 0, 0], coefficients[0, 1, 0] = 1, -1
    coefficients[1, 0, 1], coefficients[1, 2, 0] = 1, -1
    return Batch(jnp.asarray(coefficients)[None], jnp.array([[1.0, 100.0]]), jnp.ones(1))


def height(point: jax.Array, batch: Batch) -> jax.Array:
    return Height()(point[None], batch)[0]


VALUE_AND_GRADIENT = compiled(jax.value_and_grad(height))
HESSIAN = compiled(jax.hessian(height))


@pytest.mark.parametrize("point", POINTS)
def test_value_gradient_and_hessian_of_rosenbrock(point: tuple[float, float]) -> None:
    x, y = point
    with jax.enable_x64(True):
        batch, where = rosenbrock(), jnp.asarray(point)
        value, slope = VALUE_AND_GRADIENT(where, batch)
        curvature = HESSIAN(where, batch)
    assert float(value) == pytest.approx((1 - x) ** 2 + 100 * (y - x**2) ** 2, abs=1e-12)
    expected = [-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)]
    np.testing.assert_allclose(slope, expected, rtol=1e-12, atol=1e-12)
    expected = [[2 - 400 * y + 1200 * x**2, -400 * x], [-400 * x, 200]]
    np.testing.assert_allclose(curvature, expected, rtol=1e-12, atol=1e-12)


def test_any_sum_of_squared_polynomials() -> None:
    generator = np.random.default_rng(0)
    coefficients = generator.normal(size=(5, 3, 3, 4))
    scales = generator.normal(size=(5, 3))
    points = generator.normal(size=(5, 2))
    expected = [
        sum(
            s * np.polynomial.polynomial.polyval2d(x, y, c) ** 2
            for s, c in zip(ss, cs, strict=True)
        )
        for ss, cs, (x, y) in zip(scales, coefficients, points, strict=True)
    ]
    with jax.enable_x64(True):
        batch = Batch(jnp.asarray(coefficients), jnp.asarray(scales), jnp.ones(5))
        found = Height()(jnp.asarray(points), batch)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_saddle_goes_down_without_end() -> None:
    coefficients = np.zeros((1, 2, 2, 2), np.float32)
    coefficients[0, 0, 1, 0] = coefficients[0, 1, 0, 1] = 1
    batch = Batch(jnp.asarray(coefficients), jnp.array([[1.0, -1.0]]), jnp.ones(1))
    assert float(height(jnp.array([3.0, 5.0]), batch)) == 9 - 25
    np.testing.assert_array_equal(VALUE_AND_GRADIENT(jnp.zeros(2), batch)[1], [0, 0])


def test_sizes() -> None:
    spec = Spec("surface", (3, 3, 4), 3)
    Height().check(spec)
    assert Height().outputs(spec) == 2
    for other in (Spec("numbers", (4,)), Spec("surface", (3, 3, 4), 2)):
        with pytest.raises(InputError, match="`loss` height needs a surface"):
            Height().check(other)


def test_the_prediction_is_the_point() -> None:
    np.testing.assert_array_equal(Height().prediction(jnp.ones((1, 2))), [[1, 1]])
