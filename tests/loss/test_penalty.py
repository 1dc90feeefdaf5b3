"""The objective of a batch: weighted mean and penalties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from etude.batch import Batch, Spec
from etude.loss.base import penalty, weighted_mean
from etude.loss.regression import MSE
from etude.model.initializers import Normal
from etude.model.mlp import MLP


def test_rows_of_weight_0_do_not_count() -> None:
    values = jnp.array([1.0, 5.0, 1e30])
    assert float(weighted_mean(values, jnp.array([3.0, 1.0, 0.0]))) == 2.0
    assert float(weighted_mean(values, jnp.zeros(3))) == 0.0


def test_penalties_count_weights_and_leave_biases_out() -> None:
    model = MLP(widths=(5,), bias_initializer=Normal(std=9.0))
    module = model.build(Spec("numbers", (4,)), 1, nnx.Rngs(0))
    params = nnx.state(module, nnx.Param)
    kernels = np.concatenate([np.asarray(layer.kernel).ravel() for layer in module.layers])
    for loss, expected in (
        (MSE(l2=0.3), 0.3 * np.sum(kernels**2)),
        (MSE(l1=0.2), 0.2 * np.sum(np.abs(kernels))),
        (MSE(l2=0.3, l1=0.2), 0.3 * np.sum(kernels**2) + 0.2 * np.sum(np.abs(kernels))),
        (MSE(), 0.0),
    ):
        assert float(penalty(loss, params)) == pytest.approx(expected, rel=1e-5)


def test_under_weight_normalization_the_weights_computed_with_are_penalized() -> None:
    module = MLP(widths=(5,), normalization="weight").build(Spec("numbers", (4,)), 1, nnx.Rngs(0))
    squares = absolute = 0.0
    for layer in module.layers:
        layer.scale[...] = 1.5 * layer.scale[...]
        v, g = np.asarray(layer.kernel[...], np.float64), np.asarray(layer.scale[...], np.float64)
        w = g * v / np.linalg.norm(v, axis=0)
        squares, absolute = squares + np.sum(w**2), absolute + np.sum(np.abs(w))
    params = nnx.state(module, nnx.Param)
    assert float(penalty(MSE(l2=0.3), params)) == pytest.approx(0.3 * squares, rel=1e-5)
    assert float(penalty(MSE(l1=0.2), params)) == pytest.approx(0.2 * absolute, rel=1e-5)


def test_the_objective_is_the_weighted_mean_over_rows() -> None:
    module = MLP(widths=(5,)).build(Spec("numbers", (4,), 2), 2, nnx.Rngs(0))
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(3, 4)), generator.normal(size=(3, 2))
    weights = np.array([1.0, 0.0, 3.0])
    batch = Batch(*(jnp.asarray(array, jnp.float32) for array in (x, y, weights)))
    outputs = np.asarray(module(batch.inputs), np.float64)
    expected = weights @ np.sum((y - outputs) ** 2, 1) / 4
    found = MSE().objective(module, batch, jax.random.key(0))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_strengths_are_not_negative() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        MSE(l2=-1)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        MSE(l1=-1)
