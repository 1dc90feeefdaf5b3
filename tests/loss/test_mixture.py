"""What two networks say together, against the definitions in double precision."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import etude
from etude.errors import InputError
from etude.loss.base import Loss
from quick_programs import compiled

generator = np.random.default_rng(0)


def softmax(z: np.ndarray) -> np.ndarray:
    shares = np.exp(z - z.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def mixed(loss: Loss, first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(compiled(type(loss).mixture)(loss, first, second, share))


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_probabilities_are_averaged(share: float) -> None:
    first, second = generator.normal(size=(2, 5, 3)) * 3
    expected = (1 - share) * softmax(first) + share * softmax(second)
    found = mixed(etude.CrossEntropy(), first, second, share)
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-12)
    own = etude.UserLoss(
        function=lambda outputs, targets: targets, label="own", version="1", task="classes"
    )
    np.testing.assert_allclose(mixed(own, first, second, share), found, rtol=1e-12)
    one, other = (1 / (1 + np.exp(-z[:, :1])) for z in (first, second))
    found = mixed(etude.BinaryCrossEntropy(), first[:, :1], second[:, :1], share)
    np.testing.assert_allclose(
        1 / (1 + np.exp(-found)), (1 - share) * one + share * other, rtol=1e-12
    )


def test_probabilities_too_small_for_an_exponential_are_averaged_too() -> None:
    """log((e^−1000 + e^−1002) / 2) in single precision."""
    first, second = np.float32([[0, -1000.0]]), np.float32([[0, -1002.0]])
    found = np.asarray(etude.CrossEntropy().mixture(first, second, 0.5))
    np.testing.assert_allclose(found[0], [0, -1000 + np.log((1 + np.exp(-2)) / 2)], rtol=1e-6)
    logit = np.asarray(etude.BinaryCrossEntropy().mixture(first[:, 1:], second[:, 1:], 0.5))
    np.testing.assert_allclose(logit[0, 0], found[0, 1], rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        etude.MSE(),
        etude.MAE(),
        etude.Huber(),
        etude.GaussianNLL(variance="fixed"),
        etude.RegularizedSquaredError(),
        etude.UserLoss(
            function=lambda outputs, targets: targets, label="own", version="1", task="numbers"
        ),
    ],
    ids=lambda loss: loss.name,
)
def test_numbers_are_averaged(loss: Loss) -> None:
    first, second = generator.normal(size=(2, 5, 2))
    np.testing.assert_allclose(
        mixed(loss, first, second, 0.25), 0.75 * first + 0.25 * second, rtol=1e-12
    )
    np.testing.assert_array_equal(mixed(loss, 0 * first, second, 1.0), second)


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_normal_distributions_have_the_moments_of_their_mixture(share: float) -> None:
    """Against a sample of the mixture's own moments, E y² − (E y)²."""
    first, second = generator.normal(size=(2, 5, 4))
    found = mixed(etude.GaussianNLL(), first, second, share)
    parts = [(1 - share, first), (share, second)]
    mean = sum(w * z[:, :2] for w, z in parts)
    squares = sum(w * (np.exp(z[:, 2:]) + z[:, :2] ** 2) for w, z in parts)
    np.testing.assert_allclose(found[:, :2], mean, rtol=1e-12)
    np.testing.assert_allclose(np.exp(found[:, 2:]), squares - mean**2, rtol=1e-10)
    equal = mixed(etude.GaussianNLL(), first, first, 0.5)
    np.testing.assert_allclose(equal, first, rtol=1e-12)


def test_averages_add_up_one_by_one() -> None:
    """A mean of K networks is K mixtures, the k-th with the share 1/k."""
    outputs: Any = generator.normal(size=(5, 4, 3))
    said = np.zeros((4, 3))
    for number, each in enumerate(outputs):
        said = mixed(etude.CrossEntropy(), said, each, 1 / (number + 1))
    np.testing.assert_allclose(np.exp(said), softmax(outputs).mean(0), rtol=1e-12)


def test_logits_become_outputs() -> None:
    logits = generator.normal(size=(4, 2))
    for loss in (etude.CrossEntropy(), etude.BinaryCrossEntropy()):
        with jax.enable_x64(True):
            shares = np.exp(loss.prediction(loss.of_logits(jnp.asarray(logits))))
        np.testing.assert_allclose(shares, softmax(logits), rtol=1e-12)


def test_what_has_no_mean_is_refused() -> None:
    zeros = jnp.zeros((2, 2))
    with pytest.raises(InputError, match="`loss` height does not say what several networks"):
        etude.Height().mixture(zeros, zeros, 0.5)
    with pytest.raises(InputError, match="`loss` next_token does not say what several networks"):
        etude.NextToken().mixture(zeros, zeros, 0.5)
    with pytest.raises(InputError, match="`loss` mse has no outputs that say which class"):
        etude.MSE().of_logits(zeros)
    assert etude.MSE().is_mean_of_rows
    assert not etude.RegularizedSquaredError().is_mean_of_rows
