"""F1 and balanced accuracy against scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.metric.base import Metric, measured
from etude.metric.confusion import F1, BalancedAccuracy

AVERAGES = ("macro", "micro", "weighted", "binary")


def spec(classes: int) -> Spec:
    return Spec("classes", (4,), classes=tuple("abcdefg"[:classes]))


def rows(metric: Metric, targets: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    batch = Batch(None, jnp.asarray(targets), jnp.ones(len(targets)))
    return np.asarray(metric.statistics(jnp.asarray(prediction), batch), np.float64)


@pytest.mark.parametrize(
    ("classes", "average"), [*((c, a) for c in (2, 4, 7) for a in AVERAGES[:3]), (2, "binary")]
)
def test_f1_is_scikit_learns(classes: int, average: str) -> None:
    generator = np.random.default_rng(classes)
    for _ in range(20):
        # few rows, so that classes miss among the targets, the predictions or both
        prediction = generator.normal(size=(6, classes)).astype(np.float32)
        targets = generator.integers(0, classes, 6)
        targets[0] = 1
        weights = generator.uniform(0.1, 2, 6)
        found = rows(F1(average=average), targets, prediction)
        for share in (None, weights):
            expected = metrics.f1_score(
                targets,
                prediction.argmax(1),
                average=average,
                sample_weight=share,
                zero_division=0.0,
            )
            assert measured(F1(average=average), found, share) == pytest.approx(expected, abs=1e-7)


def test_balanced_accuracy_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    for classes in (2, 3, 7):
        prediction = generator.normal(size=(40, classes)).astype(np.float32)
        targets = generator.integers(0, classes, 40)
        weights = generator.uniform(0.1, 2, 40)
        found = rows(BalancedAccuracy(), targets, prediction)
        for share in (None, weights):
            expected = metrics.balanced_accuracy_score(
                targets, prediction.argmax(1), sample_weight=share
            )
            assert measured(BalancedAccuracy(), found, share) == pytest.approx(expected, rel=1e-6)


def test_balanced_accuracy_is_over_the_classes_that_occur() -> None:
    prediction = np.eye(3, dtype=np.float32)[[0, 2, 2, 0]]
    found = rows(BalancedAccuracy(), np.array([0, 0, 2, 2]), prediction)
    assert measured(BalancedAccuracy(), found) == 0.5


def test_curves_keep_their_axes_and_rows_of_no_role_are_unknown() -> None:
    for metric, width in ((F1(), 9), (F1(average="weighted"), 9), (BalancedAccuracy(), 6)):
        values = metric.value(np.full((5, 3, width), np.nan))
        assert values.shape == (5, 3)
        assert np.isnan(values).all()


def test_binary_f1_needs_a_row_of_the_second_class() -> None:
    metric = F1(average="binary")
    none = np.zeros(4, dtype=int)
    for said in (0, 1):
        found = rows(metric, none, np.eye(2, dtype=np.float32)[np.full(4, said)])
        assert np.isnan(measured(metric, found))
    train = np.array([1, 1, 0])
    assert np.isnan(metric.trivial(train, none, spec(2)))
    assert metric.trivial(train, np.array([0, 1, 1, 0]), spec(2)) == pytest.approx(2 / 3)
    with pytest.raises(InputError, match='"macro", "micro" or "weighted" for 3 classes, got "b'):
        metric.check(spec(3))


def test_trivial_predictors_say_the_most_frequent_class() -> None:
    train, judged = np.array([1, 1, 1, 0]), np.array([1, 0, 2, 1])
    said = np.ones(4, dtype=int)
    for average in AVERAGES[:3]:
        expected = metrics.f1_score(judged, said, average=average)
        assert F1(average=average).trivial(train, judged, spec(3)) == pytest.approx(expected)
    expected = metrics.balanced_accuracy_score(judged, said)
    assert BalancedAccuracy().trivial(train, judged, spec(3)) == pytest.approx(expected)


def test_targets_may_be_shares() -> None:
    generator = np.random.default_rng(1)
    prediction = generator.normal(size=(9, 3)).astype(np.float32)
    targets = generator.integers(0, 3, 9)
    for metric in (F1(), BalancedAccuracy()):
        np.testing.assert_array_equal(
            rows(metric, targets, prediction),
            rows(metric, np.eye(3, dtype=np.float32)[targets], prediction),
        )


def test_names() -> None:
    assert (F1.name, BalancedAccuracy.name) == ("f1", "balanced_accuracy")
