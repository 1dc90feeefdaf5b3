"""Mixup and noise: distributions against SciPy, partners, targets, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import etude
from etude.batch import Batch, Spec
from etude.data.augmentation import before
from etude.data.mixup import symmetric_beta
from etude.errors import InputError
from etude.keys import hashed_uniform

CLASSES = Spec("classes", (4,), classes=("a", "b", "c"))
NUMBERS = Spec("numbers", (4,), 2)
KEY = jax.random.key(1)
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(30, 4)).astype(np.float32)


def batch(targets: Any, weights: Any = None, inputs: Any = INPUTS) -> Batch:
    weights = np.ones(len(inputs), np.float32) if weights is None else weights
    return Batch(jnp.asarray(inputs), jnp.asarray(targets), jnp.asarray(weights))


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_shares_are_of_the_beta_distribution(alpha: float) -> None:
    drawn = hashed_uniform(KEY, (2, 20_000))
    found = np.asarray(symmetric_beta(jnp.asarray(alpha), drawn[0], drawn[1]), np.float64)
    assert ((found >= 0) & (found <= 1)).all()
    # Below 1e-6 from an end single precision has few numbers left.
    inner = found[(found > 1e-6) & (found < 1 - 1e-6)]
    low, high = stats.beta.cdf([1e-6, 1 - 1e-6], alpha, alpha)

    def conditional(x: Any) -> Any:
        return (stats.beta.cdf(x, alpha, alpha) - low) / (high - low)

    assert stats.kstest(inner, conditional).pvalue > 1e-3
    assert inner.size / found.size == pytest.approx(high - low, abs=0.015)


def test_a_partner_is_the_row_before_that_counts() -> None:
    weights = np.array([1, 0, 2, 1, 0, 0], np.float32)
    partners = np.asarray(before(batch(np.zeros(6), weights, INPUTS[:6])))
    np.testing.assert_array_equal(partners[weights > 0], [3, 0, 2])
    np.testing.assert_array_equal(before(batch(np.zeros(3), None, INPUTS[:3])), [2, 0, 1])
    assert before(batch(np.zeros(2), np.array([0.0, 1.0]), INPUTS[:2]))[1] == 1
    assert (before(batch(np.zeros(2), np.zeros(2), INPUTS[:2])) >= 0).all()


def test_numbers_and_classes_are_mixed_like_the_inputs() -> None:
    numbers = GENERATOR.normal(size=(30, 2)).astype(np.float32)
    classes = GENERATOR.integers(0, 3, 30)
    partner = np.roll(np.arange(30), 1)
    drawn = hashed_uniform(KEY, (2, 30))
    share = np.asarray(symmetric_beta(jnp.asarray(0.7), drawn[0], drawn[1]), np.float64)
    share = np.maximum(share, 1 - share)[:, None]
    for targets, spec in ((numbers, NUMBERS), (classes, CLASSES)):
        after = etude.Mixup(alpha=0.7)(batch(targets), KEY, spec)
        hot = np.eye(3)[targets] if spec is CLASSES else targets
        np.testing.assert_allclose(
            after.inputs, share * INPUTS + (1 - share) * INPUTS[partner], atol=1e-5
        )
        np.testing.assert_allclose(
            after.targets, share * hot + (1 - share) * hot[partner], atol=1e-5
        )
    again = etude.Mixup(alpha=0.7)(after, KEY, CLASSES)
    np.testing.assert_allclose(np.asarray(again.targets).sum(1), 1, atol=1e-5)


def test_noise_is_normal_and_of_the_deviation_asked_for() -> None:
    zeros = np.zeros((500, 4), np.float32)
    rows = batch(np.zeros(500, int), inputs=zeros)
    noise = np.asarray(etude.InputNoise(std=0.5)(rows, KEY, CLASSES).inputs)
    assert stats.kstest(noise.ravel() / 0.5, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(noise.T) - np.eye(4)).max() < 4 / np.sqrt(500)


def test_what_has_no_mixture_is_refused() -> None:
    symbols = Spec("classes", (5,), classes=("a", "b"), sizes=(("vocabulary", 9),))
    ratings = Spec("numbers", (2,), sizes=(("users", 3), ("items", 4)))
    for part in (etude.Mixup(), etude.InputNoise()):
        for spec in (symbols, ratings):
            with pytest.raises(InputError, match=f"`augment` {part.name} needs inputs that are"):
                part.check(spec)
    with pytest.raises(InputError, match=r"`augment` mixup needs inputs.*of a surface"):
        etude.Mixup().check(Spec("surface", (3, 4, 4)))


def test_losses_take_shares_as_means_over_classes() -> None:
    """ℓ(Σ s_c e_c) = Σ s_c ℓ(c): cross-entropies are linear in the target, smoothed or not."""
    logits = jnp.asarray(GENERATOR.normal(size=(30, 2)), jnp.float32)
    shares = GENERATOR.dirichlet(np.ones(2), 30).astype(np.float32)
    for loss, outputs in (
        (etude.CrossEntropy(), logits),
        (etude.CrossEntropy(label_smoothing=0.2), logits),
        (etude.BinaryCrossEntropy(), logits[:, :1]),
    ):
        of_class = [np.asarray(loss(outputs, batch(np.full(30, c)))) for c in (0, 1)]
        expected = shares[:, 0] * of_class[0] + shares[:, 1] * of_class[1]
        np.testing.assert_allclose(loss(outputs, batch(shares)), expected, rtol=1e-4)
