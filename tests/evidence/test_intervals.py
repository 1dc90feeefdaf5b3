"""The golden vector of RULES 17, scipy's own t, and the calibration on a null."""

import numpy as np
import pytest
from scipy import stats

from etude.evidence.intervals import (
    corrected_standard_error,
    corrected_t_test,
    estimate,
    t_quantile,
)

GOLDEN = np.array([0.01, 0.02, -0.01, 0.03, 0, 0.02, 0.01, 0.015, -0.005, 0.02])


def test_golden_vector_of_the_corrected_t_test() -> None:
    t, p = corrected_t_test(GOLDEN, 1 / 9)
    assert t == pytest.approx(1.89268, abs=5e-6)
    assert p == pytest.approx(0.09095, abs=5e-6)


def test_without_the_correction_it_is_the_usual_paired_t_test() -> None:
    expected = stats.ttest_1samp(GOLDEN, 0.0)
    t, p = corrected_t_test(GOLDEN, 0.0)
    assert (t, p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)


@pytest.mark.parametrize("folds", [2, 3, 5, 10, 50])
def test_interval_is_that_of_scipy(folds: int) -> None:
    values = np.random.default_rng(folds).normal(0.9, 0.02, folds)
    ratio = 1 / (folds - 1)
    found = estimate(values, ratio)
    stderr = np.sqrt(values.var(ddof=1) * (1 / folds + ratio))
    assert found.stderr == pytest.approx(stderr, rel=1e-12)
    expected = stats.t.interval(0.95, folds - 1, loc=values.mean(), scale=stderr)
    assert found.interval == pytest.approx(expected, rel=1e-10)


def test_quantile_is_that_of_scipy() -> None:
    assert t_quantile(0.975, 4) == pytest.approx(stats.t.ppf(0.975, 4), rel=1e-12)


def test_one_split_has_no_standard_error() -> None:
    found = estimate(np.array([0.9]), 0.25)
    assert (found.mean, found.stderr, found.interval, found.n) == (0.9, None, None, 1)
    assert corrected_standard_error(np.array([0.9]), 0.25) is None
    with pytest.raises(ValueError, match="at least 2 splits, got 1"):
        corrected_t_test(np.array([0.1]), 0.25)


def test_no_rows_apart_means_no_standard_error() -> None:
    assert estimate(np.array([0.9, 0.8]), None).stderr is None


def test_equal_differences_are_decided_without_dividing_by_zero() -> None:
    assert corrected_t_test(np.zeros(5), 0.25) == (0.0, 1.0)
    assert corrected_t_test(np.full(5, -0.1), 0.25) == (-np.inf, 0.0)


@pytest.mark.parametrize(("folds", "repeats", "naive"), [(10, 1, 0.154), (10, 10, 0.572)])
def test_the_correction_holds_its_level_on_a_null(folds: int, repeats: int, naive: float) -> None:
    """RULES 18: equicorrelated normal differences, ρ = 1/K, 20,000 simulations."""
    count, draws = folds * repeats, 20_000
    random = np.random.default_rng(3)
    shared = random.normal(size=(draws, 1)) * np.sqrt(1 / folds)
    values = shared + random.normal(size=(draws, count)) * np.sqrt(1 - 1 / folds)
    variance = values.var(axis=1, ddof=1)
    limit = t_quantile(0.975, count - 1)

    def rejected(ratio: float) -> float:
        return float(
            (np.abs(values.mean(1)) > limit * np.sqrt(variance * (1 / count + ratio))).mean()
        )

    assert rejected(0.0) == pytest.approx(naive, abs=0.012)
    assert rejected(1 / (folds - 1)) == pytest.approx(0.05, abs=0.006)


def test_an_interval_ends_where_the_metric_does() -> None:
    values = np.array([0.99, 1.0, 0.98, 1.0, 0.97])
    free = estimate(values, 0.25).interval
    assert free is not None
    assert free[1] > 1
    assert estimate(values, 0.25, (0.0, 1.0)).interval == (free[0], 1.0)
    assert estimate(values, 0.25, (0.985, None)).interval == (0.985, free[1])
