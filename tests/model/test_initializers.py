"""Initializers have the variance that their names stand for."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from etude.component import registered
from etude.model.initializers import (
    Constant,
    HeNormal,
    HeUniform,
    Initializer,
    LecunNormal,
    LecunUniform,
    Normal,
    Orthogonal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)

SHAPE = (300, 200)
CONVOLUTION = (3, 3, 16, 64)
VARIANCES = [
    (Normal(std=0.3), SHAPE, 0.09),
    (Uniform(scale=0.3), SHAPE, 0.03),
    (LecunUniform(), SHAPE, 1 / 300),
    (LecunNormal(), SHAPE, 1 / 300),
    (XavierUniform(), SHAPE, 2 / 500),
    (XavierNormal(), SHAPE, 2 / 500),
    (HeUniform(), SHAPE, 2 / 300),
    (HeNormal(), SHAPE, 2 / 300),
    (Orthogonal(), SHAPE, 1 / 300),
    (HeNormal(), CONVOLUTION, 2 / (9 * 16)),
    (XavierUniform(), CONVOLUTION, 2 / (9 * 16 + 9 * 64)),
]


def draw(initializer: Initializer, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.asarray(initializer(jax.random.key(1), shape), np.float64)


def test_every_initializer_is_tested() -> None:
    tested = {initializer.name for initializer, _, _ in VARIANCES} | {"zeros", "constant"}
    assert set(registered("initializer")) == tested


@pytest.mark.parametrize(("initializer", "shape", "variance"), VARIANCES)
def test_variance(initializer: Initializer, shape: tuple[int, ...], variance: float) -> None:
    weights = draw(initializer, shape)
    assert weights.shape == shape
    # Five standard errors of the mean, and of the variance of a normal distribution.
    assert abs(weights.mean()) < 5 * math.sqrt(variance / weights.size)
    assert abs(weights.var() / variance - 1) < 5 * math.sqrt(2 / weights.size)


@pytest.mark.parametrize("cls", [LecunNormal, XavierNormal, HeNormal])
def test_normal_forms_are_not_truncated(cls: type[Initializer]) -> None:
    weights = draw(cls())
    beyond = np.mean(np.abs(weights) > 2 * weights.std())
    assert beyond == pytest.approx(0.0455, abs=0.005)


@pytest.mark.parametrize(
    ("cls", "bound"),
    [
        (LecunUniform, math.sqrt(3 / 300)),
        (XavierUniform, math.sqrt(6 / 500)),
        (HeUniform, math.sqrt(6 / 300)),
    ],
)
def test_uniform_forms_fill_their_interval(cls: type[Initializer], bound: float) -> None:
    weights = draw(cls())
    assert 0.999 * bound < weights.max() <= bound * (1 + 1e-6)
    assert -bound * (1 + 1e-6) <= weights.min() < -0.999 * bound


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (3, 3, 2, 8)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    weights = draw(Orthogonal(gain=1.5), shape).reshape(-1, shape[-1])
    rows, columns = weights.shape
    gram = weights.T @ weights if rows >= columns else weights @ weights.T
    np.testing.assert_allclose(gram, 2.25 * np.eye(len(gram)), atol=1e-5)


def test_constants() -> None:
    assert not draw(Zeros()).any()
    np.testing.assert_array_equal(draw(Constant(value=-2.5)), np.full(SHAPE, -2.5))


def test_numbers_may_differ_between_members_of_one_program() -> None:
    stds = jnp.array([0.1, 0.2])
    drawn = jax.jit(
        jax.vmap(lambda std: Normal().changed(std=std)(jax.random.key(1), (5,), jnp.float32))
    )(stds)
    np.testing.assert_allclose(drawn[1], 2 * drawn[0], rtol=1e-6)
    assert jax.tree.structure(Normal(std=0.1)) == jax.tree.structure(Normal(std=0.2))


@pytest.mark.parametrize("cls", [Normal, HeUniform, Orthogonal, Zeros, Constant])
def test_type_of_the_weights(cls: type[Initializer]) -> None:
    assert cls()(jax.random.key(0), (4, 3), jnp.float32).dtype == jnp.float32
    with jax.enable_x64(True):
        assert cls()(jax.random.key(0), (4, 3)).dtype == jnp.float64


def test_negative_spread_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Normal(std=-1)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Uniform(scale=-1)
