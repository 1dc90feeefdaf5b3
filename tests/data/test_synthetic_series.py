import numpy as np
import pytest
from pydantic import ValidationError

from etude.data.synthetic_series import Autoregressive


def drawn(data):
    prepared = data.prepare()
    return prepared.arrays["inputs"].astype(np.float64), prepared.targets[:, 0], prepared


def test_rows_are_lags_of_one_series_in_the_order_of_time():
    inputs, targets, prepared = drawn(Autoregressive(rows=50, lags=4))
    assert prepared.columns == ("lag 1", "lag 2", "lag 3", "lag 4")
    for lag in range(1, 5):
        np.testing.assert_allclose(inputs[lag:, lag - 1], targets[:-lag], rtol=1e-6)
    for lag in range(1, 4):
        np.testing.assert_array_equal(inputs[1:, lag], inputs[:-1, lag - 1])


def test_what_is_new_is_normal_noise():
    data = Autoregressive(rows=20_000, coefficients=(0.5, -0.3, 0.2), noise=2.0, lags=5, seed=1)
    inputs, targets, prepared = drawn(data)
    expected = 0.5 * inputs[:, 0] - 0.3 * inputs[:, 1] + 0.2 * inputs[:, 2]
    np.testing.assert_allclose(prepared.truth[:, 0], expected, rtol=1e-9)
    new = targets - expected
    assert abs(new.mean()) < 5 * 2 / np.sqrt(20_000)
    assert abs(new.std() / 2 - 1) < 5 / np.sqrt(2 * 20_000)
    assert abs(np.corrcoef(new[1:], new[:-1])[0, 1]) < 5 / np.sqrt(20_000)
    fitted = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    np.testing.assert_allclose(fitted, [0.5, -0.3, 0.2, 0, 0], atol=5 / np.sqrt(20_000))


def test_the_series_starts_from_its_stationary_distribution():
    """Over many seeds the first values have the variances and correlation of Yule and Walker."""
    first, second = 0.6, 0.3
    seeds = 3000
    rows = np.array(
        [
            Autoregressive(rows=2, coefficients=(first, second), seed=seed)._series(3)
            for seed in range(seeds)
        ]
    )
    correlation = first / (1 - second)
    variance = 1 / (1 - first * correlation - second * (first * correlation + second))
    for column in rows.T:
        assert abs(column.mean()) < 5 * np.sqrt(variance / seeds)
        assert abs(column.var() / variance - 1) < 5 * np.sqrt(2 / seeds)
    found = np.corrcoef(rows.T)
    assert abs(found[0, 1] - correlation) < 5 / np.sqrt(seeds)
    assert abs(found[0, 2] - (first * correlation + second)) < 5 / np.sqrt(seeds)


def test_one_coefficient():
    _, targets, _ = drawn(Autoregressive(rows=50_000, coefficients=(-0.8,), noise=3.0, lags=1))
    assert abs(targets.var() / (9 / (1 - 0.64)) - 1) < 0.1
    assert abs(np.corrcoef(targets[1:], targets[:-1])[0, 1] + 0.8) < 0.02


def test_the_seed_decides():
    assert (
        Autoregressive(seed=5).prepare().fingerprint == Autoregressive(seed=5).prepare().fingerprint
    )
    assert (
        Autoregressive(seed=5).prepare().fingerprint != Autoregressive(seed=6).prepare().fingerprint
    )


def test_the_same_values_are_the_steps_of_a_sequence():
    data = {"rows": 50, "coefficients": (0.5, -0.3), "lags": 4}
    inputs, targets, flat = drawn(Autoregressive(**data))
    steps, same, prepared = drawn(Autoregressive(**data, sequence=True))
    assert flat.spec.inputs == (4,)
    assert flat.spec.sequence is None
    assert prepared.spec.inputs == prepared.spec.sequence == (4, 1)
    np.testing.assert_array_equal(steps[:, ::-1, 0], inputs)
    np.testing.assert_array_equal(same, targets)
    np.testing.assert_allclose(prepared.truth, flat.truth, rtol=1e-12)
    assert "sequence" not in Autoregressive(**data).document()
    assert set(prepared.fit(np.arange(9), np.empty(0))) == {"mean", "factor"}


@pytest.mark.parametrize("coefficients", [(1.0,), (-1.0,), (0.6, 0.5), (1e300,), (0.0, 0.0, 1.01)])
def test_a_series_that_grows_without_end_is_refused(coefficients):
    with pytest.raises(ValidationError, match="must make a stationary series"):
        Autoregressive(coefficients=coefficients, lags=3)


@pytest.mark.parametrize(
    "fields",
    [{"lags": 1}, {"noise": 0}, {"rows": 1}, {"coefficients": ()}, {"seed": -1}, {"lags": 0}],
)
def test_fields_are_checked(fields):
    with pytest.raises(ValidationError):
        Autoregressive(**fields)
