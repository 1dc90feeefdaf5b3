"""Metrics of tokens against means over targets by hand, and scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn import metrics

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.metric.base import Metric
from etude.metric.base import measured as value_of
from etude.metric.choose import applicable, default_metric
from etude.metric.tokens import BitsPerToken, Perplexity, TokenAccuracy, TokenLogLoss

SPEC = Spec("tokens", (6,), 6, sizes=(("vocabulary", 4),))
GENERATOR = np.random.default_rng(0)
TARGETS = np.where(
    GENERATOR.uniform(size=(30, 6)) < 0.3, -1, GENERATOR.integers(0, 4, size=(30, 6))
)
TARGETS[:, 0] = 1
PREDICTION = log_softmax(2 * GENERATOR.normal(size=(30, 6, 4)), -1).astype(np.float32)
ROWS, STEPS = np.nonzero(TARGETS >= 0)
TRUE = TARGETS[ROWS, STEPS]
LOGS = PREDICTION[ROWS, STEPS].astype(np.float64)


def measured(metric: Metric, prediction: np.ndarray = PREDICTION) -> float:
    """As the engine measures it: the mean of rows, weighted by their targets."""
    batch = Batch(None, jnp.asarray(TARGETS), jnp.ones(len(TARGETS)))
    statistics = np.asarray(metric.statistics(jnp.asarray(prediction), batch), np.float64)
    assert statistics.shape == (len(TARGETS), 1)
    counts = (TARGETS >= 0).sum(1)
    return value_of(metric, statistics, counts / counts.mean())


def test_agrees_with_scikit_learn() -> None:
    expected = metrics.log_loss(TRUE, np.exp(LOGS) / np.exp(LOGS).sum(1, keepdims=True))
    assert measured(TokenLogLoss()) == pytest.approx(expected, rel=1e-6)
    assert measured(Perplexity()) == pytest.approx(np.exp(expected), rel=1e-6)
    assert measured(BitsPerToken()) == pytest.approx(expected / np.log(2), rel=1e-6)
    accuracy = metrics.accuracy_score(TRUE, LOGS.argmax(1))
    assert measured(TokenAccuracy()) == pytest.approx(accuracy, abs=1e-6)


def test_of_equally_probable_tokens_the_first_counts() -> None:
    even = np.full_like(PREDICTION, np.log(0.25))
    assert measured(TokenAccuracy(), even) == pytest.approx(np.mean(TRUE == 0), abs=1e-6)
    assert measured(Perplexity(), even) == pytest.approx(4, rel=1e-6)
    assert measured(TokenAccuracy(), np.full_like(even, np.nan)) == 0


def test_an_impossible_token() -> None:
    certain = np.where(np.arange(4) == 0, 0.0, -np.inf) + np.zeros_like(PREDICTION)
    assert measured(Perplexity(), certain) == np.inf
    assert measured(TokenLogLoss(), certain) == np.inf
    assert measured(TokenAccuracy(), certain) == pytest.approx(np.mean(TRUE == 0), abs=1e-6)


def test_trivial_predictors() -> None:
    train, judged = np.array([[1, 1, 1], [0, -1, -1]]), np.array([[1, 0, -1], [2, 1, -1]])
    shares = np.array([2, 4, 1, 1]) / 8
    expected = -np.mean(np.log(shares[[1, 0, 2, 1]]))
    assert TokenLogLoss().trivial(train, judged, SPEC) == pytest.approx(expected, rel=1e-12)
    assert Perplexity().trivial(train, judged, SPEC) == pytest.approx(np.exp(expected))
    assert BitsPerToken().trivial(train, judged, SPEC) == pytest.approx(expected / np.log(2))
    assert TokenAccuracy().trivial(train, judged, SPEC) == 0.5


def test_the_log_loss_decides_and_others_need_tokens() -> None:
    assert [metric.name for metric in applicable(SPEC)] == [
        "token_log_loss",
        "perplexity",
        "token_accuracy",
    ]
    assert default_metric(SPEC) == TokenLogLoss()
    with pytest.raises(InputError, match="`metric` perplexity needs a target of tokens, got cla"):
        Perplexity().check(Spec("classes", (3,), classes=("a", "b")))
