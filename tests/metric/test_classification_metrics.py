"""Metrics of classes against scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn import metrics

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.metric.base import Metric
from etude.metric.classification import Accuracy, LogLoss, TopK

SPEC = Spec("classes", (4,), classes=("a", "b", "c"))
GENERATOR = np.random.default_rng(0)
CLASSES = GENERATOR.integers(0, 3, 40)
PREDICTION = log_softmax(GENERATOR.normal(size=(40, 3)), axis=1).astype(np.float32)


def measured(metric: Metric, targets: np.ndarray = CLASSES) -> float:
    batch = Batch(None, jnp.asarray(targets), jnp.ones(len(targets)))
    statistics = metric.statistics(jnp.asarray(PREDICTION), batch)
    assert statistics.shape == (len(targets), 1)
    mean = np.asarray(statistics, np.float64).mean(0)
    curve = metric.value(np.stack([mean, 2 * mean]))
    assert curve.shape == (2,)
    assert curve[0] == metric.value(mean)
    return float(metric.value(mean))


def test_agrees_with_scikit_learn() -> None:
    expected = metrics.accuracy_score(CLASSES, PREDICTION.argmax(1))
    assert measured(Accuracy()) == pytest.approx(expected, abs=1e-12)
    probabilities = softmax(PREDICTION.astype(np.float64), axis=1)
    assert measured(LogLoss()) == pytest.approx(metrics.log_loss(CLASSES, probabilities), rel=1e-5)


def test_targets_may_be_shares() -> None:
    shares = np.eye(3, dtype=np.float32)[CLASSES]
    assert measured(Accuracy(), shares) == measured(Accuracy())
    assert measured(LogLoss(), shares) == pytest.approx(measured(LogLoss()), rel=1e-6)


def test_a_certain_prediction() -> None:
    prediction = jnp.log(jnp.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    batch = Batch(None, jnp.array([0, 1]), jnp.ones(2))
    np.testing.assert_array_equal(LogLoss().statistics(prediction, batch), [[0], [np.inf]])


def test_trivial_predictors() -> None:
    train, judged = np.array([1, 1, 1, 0]), np.array([1, 0, 2, 1])
    assert Accuracy().trivial(train, judged, SPEC) == 0.5
    shares = np.array([2, 4, 1]) / 7
    expected = metrics.log_loss(judged, np.tile(shares, (4, 1)))
    assert LogLoss().trivial(train, judged, SPEC) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("k", [1, 2])
def test_top_k(k: int) -> None:
    expected = metrics.top_k_accuracy_score(CLASSES, PREDICTION, k=k)
    assert measured(TopK(k=k)) == pytest.approx(expected, abs=1e-12)
    assert measured(TopK(k=1)) == measured(Accuracy())
    train, judged = np.array([1, 1, 1, 2, 2, 0]), np.array([1, 0, 2, 1])
    assert TopK(k=k).trivial(train, judged, SPEC) == (0.5 if k == 1 else 0.75)


def test_of_equally_probable_classes_the_first_counts() -> None:
    prediction = jnp.log(jnp.full((3, 3), 1 / 3))
    batch = Batch(None, jnp.array([0, 1, 2]), jnp.ones(3))
    for k, expected in ((1, [1, 0, 0]), (2, [1, 1, 0])):
        np.testing.assert_array_equal(TopK(k=k).statistics(prediction, batch)[:, 0], expected)


def test_naming_all_classes_is_refused() -> None:
    with pytest.raises(InputError, match="`k` must be less than the number of classes, 3, got 3"):
        TopK(k=3).check(SPEC)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        TopK(k=0)


def test_a_prediction_that_is_not_a_number_names_no_class() -> None:
    prediction = jnp.full((2, 3), jnp.nan)
    batch = Batch(None, jnp.array([0, 1]), jnp.ones(2))
    assert not np.any(TopK(k=2).statistics(prediction, batch))


def test_directions_and_tasks() -> None:
    assert Accuracy.greater_is_better
    assert not LogLoss.greater_is_better
    assert (Accuracy.name, LogLoss.name) == ("accuracy", "log_loss")
    for metric in (Accuracy(), LogLoss()):
        metric.check(SPEC)
        with pytest.raises(InputError, match="needs a target of classes, got numbers"):
            metric.check(Spec("numbers", (4,)))
