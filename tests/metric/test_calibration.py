"""Brier score and expected calibration error."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn import metrics

from etude.batch import Batch, Spec
from etude.metric.base import Metric, measured
from etude.metric.calibration import Brier, CalibrationError
from etude.metric.classification import Accuracy


def sample(classes: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(classes)
    logits = 3 * generator.normal(size=(rows, classes))
    return generator.integers(0, classes, rows), log_softmax(logits, 1).astype(np.float32)


def rows_of(metric: Metric, targets: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    batch = Batch(None, jnp.asarray(targets), jnp.ones(len(targets)))
    return np.asarray(metric.statistics(jnp.asarray(prediction), batch), np.float64)


def expected_calibration_error(
    targets: np.ndarray, prediction: np.ndarray, bins: int, weights: np.ndarray
) -> float:
    """As Guo et al. write it, bin by bin in double precision."""
    confidence = np.exp(prediction.astype(np.float64)).max(1)
    right = prediction.argmax(1) == targets
    error = 0.0
    for m in range(1, bins + 1):
        inside = (confidence > (m - 1) / bins) & (confidence <= m / bins)
        if inside.any():
            share = weights[inside].sum() / weights.sum()
            accuracy = np.average(right[inside], weights=weights[inside])
            error += share * abs(accuracy - np.average(confidence[inside], weights=weights[inside]))
    return error


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("classes", [2, 5])
def test_calibration_error_follows_its_definition(classes: int, bins: int) -> None:
    targets, prediction = sample(classes)
    metric = CalibrationError(bins=bins)
    found = rows_of(metric, targets, prediction)
    assert found.shape == (300, bins)
    weights = np.random.default_rng(1).uniform(0.1, 2, 300)
    for share in (np.ones(300), weights):
        expected = expected_calibration_error(targets, prediction, bins, share)
        assert measured(metric, found, share) == pytest.approx(expected, rel=1e-5)


def test_calibration_error_by_hand() -> None:
    """Bin (0.5, 0.75]: one of two right at 0.6; bin (0.75, 1]: two right at 0.8 and 1."""
    prediction = np.log([[0.6, 0.4], [0.4, 0.6], [0.8, 0.2], [1e-30, 1.0]])
    found = rows_of(CalibrationError(bins=4), np.array([0, 0, 0, 1]), prediction)
    assert measured(CalibrationError(bins=4), found) == pytest.approx((0.2 + 0.2) / 4)


def test_a_prediction_that_is_not_a_number_has_no_calibration_error() -> None:
    targets, prediction = sample(3)
    prediction[7] = np.nan
    metric = CalibrationError()
    assert np.isnan(measured(metric, rows_of(metric, targets, prediction)))


def test_a_diverged_network_does_not_count_as_calibrated() -> None:
    train, judged = np.array([1, 1, 1, 0]), np.array([1, 0, 2, 1])
    spec = Spec("classes", (4,), classes=("a", "b", "c"))
    assert CalibrationError().trivial(train, judged, spec) == 0.5
    assert Accuracy().trivial(train, judged, spec) == 0.5


@pytest.mark.parametrize("classes", [2, 5])
def test_brier_is_scikit_learns(classes: int) -> None:
    targets, prediction = sample(classes)
    probabilities = np.exp(prediction.astype(np.float64))
    probabilities /= probabilities.sum(1, keepdims=True)
    weights = np.random.default_rng(1).uniform(0.1, 2, 300)
    found = rows_of(Brier(), targets, prediction)
    shares = rows_of(Brier(), np.eye(classes, dtype=np.float32)[targets], prediction)
    np.testing.assert_array_equal(found, shares)
    given = probabilities[:, 1] if classes == 2 else probabilities
    for share in (None, weights):
        expected = metrics.brier_score_loss(targets, given, sample_weight=share)
        assert measured(Brier(), found, share) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_trivial_brier_gives_classes_their_shares(classes: int) -> None:
    train, judged = np.array([1, 1, 1, 0]), np.array([1, 0, 1, 1])
    spec = Spec("classes", (4,), classes=("a", "b", "c")[:classes])
    shares = np.tile([0.25, 0.75, 0.0][:classes], (4, 1))
    given = shares[:, 1] if classes == 2 else shares
    expected = metrics.brier_score_loss(judged, given, labels=np.arange(classes))
    assert Brier().trivial(train, judged, spec) == pytest.approx(expected)


def test_names_and_bounds() -> None:
    assert (Brier.name, CalibrationError.name) == ("brier", "calibration_error")
    assert not Brier.greater_is_better
    assert not CalibrationError.greater_is_better
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        CalibrationError(bins=0)
