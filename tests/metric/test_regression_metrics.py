"""Metrics of numbers against scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics
from sklearn.dummy import DummyRegressor

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.metric.base import Metric
from etude.metric.regression import NLL, R2, RMSE, MeanAbsoluteError

SKLEARN = {
    RMSE: metrics.root_mean_squared_error,
    MeanAbsoluteError: metrics.mean_absolute_error,
    R2: metrics.r2_score,
}
GENERATOR = np.random.default_rng(0)


def sample(targets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Targets and predictions in the user's units, with the mean and scale of training rows."""
    scale = np.array([3.0, 50.0])[:targets]
    mean = np.array([1900.0, -7.0])[:targets]
    y = mean + scale * GENERATOR.normal(size=(60, targets))
    return y, y + 0.5 * scale * GENERATOR.normal(size=y.shape), mean, scale


def measured(
    metric: Metric, y: np.ndarray, found: np.ndarray, mean: object, scale: object
) -> float:
    targets, prediction = ((array - mean) / scale for array in (y, found))
    batch = Batch(
        None,
        jnp.asarray(targets, jnp.float32),
        jnp.ones(len(y)),
        jnp.asarray(scale, jnp.float32),
    )
    statistics = metric.statistics(jnp.asarray(prediction, jnp.float32), batch)
    means = np.asarray(statistics).mean(0, dtype=np.float64)
    curves = metric.value(np.stack([[means, means]] * 3))
    assert curves.shape == (3, 2)
    np.testing.assert_array_equal(curves, np.full((3, 2), metric.value(means)))
    return float(metric.value(means))


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("cls", SKLEARN)
def test_agrees_with_scikit_learn_in_the_users_units(cls: type[Metric], targets: int) -> None:
    y, found, mean, scale = sample(targets)
    expected = SKLEARN[cls](y, found)
    assert measured(cls(), y, found, mean, scale) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("cls", SKLEARN)
def test_the_trivial_predictor_is_the_training_mean(cls: type[Metric]) -> None:
    train, judged = (sample(2)[0] for _ in range(2))
    dummy = DummyRegressor().fit(train, train).predict(judged)
    found = cls().trivial(train, judged, Spec("numbers", (4,), 2))
    assert found == pytest.approx(SKLEARN[cls](judged, dummy), rel=1e-10)
    one = cls().trivial(train[:, 0], judged[:, 0], Spec("numbers", (4,)))
    assert one == pytest.approx(SKLEARN[cls](judged[:, 0], dummy[:, 0]), rel=1e-10)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_r2_of_equal_targets(value: float) -> None:
    y = np.full((8, 1), value)
    assert measured(R2(), y, y, 0, 1) == metrics.r2_score(y, y) == 1
    assert np.isnan(measured(R2(), y, y + 1, 0, 1)), "scikit-learn says 0 here"


def test_r2_is_unknown_where_single_precision_cannot_tell_the_targets_apart() -> None:
    y = 2000 + 1e-3 * np.arange(8.0)[:, None]
    assert np.isnan(measured(R2(), y, y - 435, 0, 1))


def test_a_prediction_that_is_not_a_number_measures_as_none() -> None:
    y, found, mean, scale = sample(1)
    found[3] = np.nan
    for cls in SKLEARN:
        metric = cls()
        targets, prediction = ((array - mean) / scale for array in (y, found))
        batch = Batch(None, jnp.asarray(targets), jnp.ones(len(y)))
        means = np.asarray(metric.statistics(jnp.asarray(prediction), batch)).mean(0)
        assert np.isnan(metric.value(means))


def test_directions_names_and_tasks() -> None:
    assert [cls.greater_is_better for cls in SKLEARN] == [False, False, True]
    assert [cls.name for cls in SKLEARN] == ["rmse", "mae", "r2"]
    for cls in SKLEARN:
        cls().check(Spec("numbers", (4,)))
        with pytest.raises(InputError, match="needs a target of numbers, got classes"):
            cls().check(Spec("classes", (4,), classes=("a", "b")))


@pytest.mark.parametrize("targets", [1, 2])
def test_nll_is_the_density_in_the_users_units(targets: int) -> None:
    y, found, mean, scale = sample(targets)
    deviation = scale * GENERATOR.uniform(0.2, 2, y.shape)
    expected = -norm.logpdf(y, found, deviation).sum(1).mean()
    batch = Batch(None, jnp.asarray((y - mean) / scale), jnp.ones(len(y)), jnp.asarray(scale))
    prediction = jnp.asarray((found - mean) / scale), jnp.asarray(deviation / scale)
    statistics = NLL().statistics(prediction, batch)
    assert statistics.shape == (60, 1)
    assert NLL().value(np.asarray(statistics).mean(0)) == pytest.approx(expected, rel=1e-5)


def test_trivial_nll_is_the_normal_of_the_training_rows() -> None:
    train, judged = (sample(2)[0] for _ in range(2))
    expected = -norm.logpdf(judged, train.mean(0), train.std(0)).sum(1).mean()
    found = NLL().trivial(train, judged, Spec("numbers", (4,), 2))
    assert found == pytest.approx(expected, rel=1e-10)
    assert NLL().trivial(np.ones((5, 1)), judged[:, :1], Spec("numbers", (4,))) == np.inf


def test_nll_of_classes_is_called_log_loss() -> None:
    NLL().check(Spec("numbers", (4,)))
    with pytest.raises(InputError, match="got classes, for which it is `log_loss`"):
        NLL().check(Spec("classes", (4,), classes=("a", "b")))


def test_trivial_r2_is_unknown_where_targets_are_equal() -> None:
    spec = Spec("numbers", (4,))
    assert np.isnan(R2().trivial(np.arange(5.0), np.full(3, 7.0), spec))
    assert np.isnan(R2().trivial(np.arange(5.0), np.full(1, 7.0), spec))
