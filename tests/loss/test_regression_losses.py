"""Losses of numbers against their formulas and PyTorch."""

import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.loss.base import Loss
from etude.loss.regression import MAE, MSE, GaussianNLL, Huber
from quick_programs import compiled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "torch.json").read_text())["losses"]
NUMBERS = np.array(GOLDEN["targets"]["numbers"])
SPEC = Spec("numbers", (4,), 3)


def batch(targets: Any) -> Batch:
    return Batch(None, jnp.asarray(targets), jnp.ones(len(targets)))


@pytest.mark.parametrize("loss", [MSE(), MAE(), Huber(delta=0.7), GaussianNLL()])
def test_agrees_with_torch(loss: Loss) -> None:
    golden = GOLDEN["cases"][loss.name]
    with jax.enable_x64(True):
        outputs = jnp.asarray(golden["outputs"])
        assert outputs.shape[1] == loss.outputs(SPEC)
        rows = loss(outputs, batch(NUMBERS))
        slope = compiled(jax.grad(lambda outputs: jnp.mean(loss(outputs, batch(NUMBERS)))))(outputs)
    np.testing.assert_allclose(rows, golden["rows"], rtol=1e-12)
    np.testing.assert_allclose(slope, golden["gradient"], rtol=1e-12)


def test_huber_joins_its_branches_smoothly() -> None:
    loss = Huber(delta=2.0)
    residuals = np.array([-5.0, -2.0, -1.0, 0.0, 0.5, 2.0, 3.0, 1e30])
    expected = [8.0, 2.0, 0.5, 0.0, 0.125, 2.0, 4.0, 2e30]
    zeros = batch(np.zeros((8, 1)))
    np.testing.assert_allclose(loss(jnp.asarray(residuals)[:, None], zeros), expected, rtol=1e-6)
    slope = jax.grad(lambda outputs: jnp.sum(loss(outputs, zeros)))(jnp.asarray(residuals)[:, None])
    np.testing.assert_allclose(slope[:, 0], np.clip(residuals, -2, 2), rtol=1e-6)


def test_gaussian_nll_is_minus_the_log_density() -> None:
    outputs = np.random.default_rng(1).normal(size=(6, 6))
    expected = -stats.norm.logpdf(NUMBERS, outputs[:, :3], np.exp(outputs[:, 3:] / 2)).sum(1)
    with jax.enable_x64(True):
        found = GaussianNLL()(jnp.asarray(outputs), batch(NUMBERS))
        fixed = GaussianNLL(variance="fixed", sigma=0.3)(
            jnp.asarray(outputs[:, :3]), batch(NUMBERS)
        )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    expected = -stats.norm.logpdf(NUMBERS, outputs[:, :3], 0.3).sum(1)
    np.testing.assert_allclose(fixed, expected, rtol=1e-12)


def test_maximum_likelihood_with_sigma_1_is_half_the_squared_error_and_a_constant() -> None:
    loss = GaussianNLL(variance="fixed")
    assert loss.outputs(SPEC) == 3
    with jax.enable_x64(True):
        outputs = jnp.asarray(GOLDEN["cases"]["mse"]["outputs"])
        squares = np.asarray(MSE()(outputs, batch(NUMBERS)))
        found = loss(outputs, batch(NUMBERS))
    np.testing.assert_allclose(found, squares / 2 + 1.5 * math.log(2 * math.pi), rtol=1e-12)


def test_numbers_may_differ_between_members_of_one_program() -> None:
    assert jax.tree.structure(Huber(delta=1)) == jax.tree.structure(Huber(delta=2))
    losses = jax.tree.map(lambda *leaves: jnp.stack(leaves), Huber(delta=1), Huber(delta=2))
    outputs = jnp.full((1, 1), 3.0)
    found = jax.vmap(lambda loss: loss(outputs, batch([[0.0]])))(losses)
    np.testing.assert_allclose(found[:, 0], [2.5, 4.0])


def test_predictions_are_expected_targets() -> None:
    outputs = jnp.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(GaussianNLL().prediction(outputs), [[0, 1, 2], [6, 7, 8]])
    for loss in (MSE(), MAE(), Huber(), GaussianNLL(variance="fixed")):
        np.testing.assert_array_equal(loss.prediction(outputs), outputs)


@pytest.mark.parametrize("loss", [MSE(), MAE(), Huber(), GaussianNLL()])
def test_classes_are_refused(loss: Loss) -> None:
    message = f"`loss` {loss.name} needs a target of numbers, got classes"
    with pytest.raises(InputError, match=message):
        loss.check(Spec("classes", (4,), classes=("a", "b")))
    loss.check(SPEC)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Huber(delta=0)
    with pytest.raises(ValidationError, match='only where `variance` is "fixed", got 2'):
        GaussianNLL(sigma=2)
    with pytest.raises(ValidationError, match="greater than 0"):
        GaussianNLL(variance="fixed", sigma=0)
