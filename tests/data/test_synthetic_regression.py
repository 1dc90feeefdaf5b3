import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import kurtosis

from etude.data.synthetic_regression import (
    HeteroscedasticSine,
    LinearRegression,
    PolynomialRegression,
    Sine,
)

ALL = [Sine, HeteroscedasticSine, LinearRegression, PolynomialRegression]
MANY = 20_000


def drawn(data):
    """Inputs, noiseless targets and what was added to them."""
    prepared = data.prepare()
    x = prepared.arrays["inputs"].astype(np.float64)
    np.testing.assert_array_equal(prepared.truth, data.truth(x))
    return x, prepared.truth, prepared.targets - prepared.truth


def assert_normal(noise, deviation):
    assert abs(noise.mean()) < 5 * deviation / np.sqrt(noise.size)
    assert abs(noise.std() / deviation - 1) < 5 / np.sqrt(2 * noise.size)
    assert abs(kurtosis(noise, axis=None)) < 5 * np.sqrt(24 / noise.size)


def assert_uniform(x, edge):
    assert -edge <= x.min() < -0.99 * edge
    assert 0.99 * edge < x.max() <= edge
    assert abs(x.mean()) < 5 * edge / np.sqrt(3 * x.size)
    assert abs(x.var() - edge**2 / 3) < 5 * edge**2 / np.sqrt(x.size)


def test_sine():
    x, truth, noise = drawn(Sine(rows=MANY, noise=0.3, seed=1))
    assert_uniform(x, np.pi)
    assert_normal(noise, 0.3)
    np.testing.assert_array_equal(truth, np.sin(x))
    exact = Sine(noise=0).prepare()
    np.testing.assert_array_equal(exact.targets, exact.truth)


def test_the_noise_of_a_heteroscedastic_sine_grows_in_a_straight_line():
    data = HeteroscedasticSine(rows=MANY, noise=(0.1, 0.5), seed=1)
    x, truth, noise = drawn(data)
    assert_uniform(x, np.pi)
    np.testing.assert_array_equal(truth, np.sin(x))
    expected = 0.1 + 0.4 * (x + np.pi) / (2 * np.pi)
    np.testing.assert_allclose(data.deviation(x), expected, rtol=1e-6)
    assert_normal(noise / expected, 1.0)
    for low in np.linspace(-np.pi, np.pi, 6)[:-1]:
        part = (x >= low) & (x < low + 2 * np.pi / 5)
        assert_normal((noise / expected)[part], 1.0)


def test_linear_regression():
    data = LinearRegression(
        rows=MANY, coefficients=(2.0, 0.0, -3.0), intercept=1.5, noise=0.4, seed=2
    )
    x, truth, noise = drawn(data)
    assert x.shape == (MANY, 3)
    np.testing.assert_allclose(truth[:, 0], 1.5 + 2 * x[:, 0] - 3 * x[:, 2], rtol=1e-12)
    for column in x.T:
        assert_normal(column, 1.0)
    assert np.abs(np.corrcoef(x.T) - np.eye(3)).max() < 5 / np.sqrt(MANY)
    assert_normal(noise, 0.4)
    targets = data.prepare().targets[:, 0]
    fitted = np.linalg.lstsq(np.column_stack([np.ones(MANY), x]), targets, rcond=None)[0]
    np.testing.assert_allclose(fitted, [1.5, 2, 0, -3], atol=5 * 0.4 / np.sqrt(MANY))


def test_polynomial_regression():
    data = PolynomialRegression(rows=MANY, coefficients=(0.5, 0.0, -1.0, 2.0), noise=0.2, seed=3)
    x, truth, noise = drawn(data)
    assert_uniform(x, 1.0)
    np.testing.assert_allclose(truth, 0.5 - x**2 + 2 * x**3, rtol=1e-9, atol=1e-12)
    assert_normal(noise, 0.2)
    default = PolynomialRegression()
    at = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(default.truth(at), np.cos(3 * np.arccos(at)), atol=1e-12)


@pytest.mark.parametrize("cls", [LinearRegression, PolynomialRegression])
def test_outliers_move_a_share_of_the_targets_and_nothing_else(cls):
    fields = {"rows": 2000, "noise": 0.1, "seed": 4}
    plain, wild = cls(**fields).prepare(), cls(**fields, outliers=0.15, outlier_size=7.0).prepare()
    np.testing.assert_array_equal(plain.arrays["inputs"], wild.arrays["inputs"])
    np.testing.assert_array_equal(plain.truth, wild.truth)
    moved = (wild.targets - plain.targets)[:, 0]
    np.testing.assert_allclose(np.abs(moved[moved != 0]), 7, rtol=1e-12)
    assert np.count_nonzero(moved) == 300
    assert abs(np.count_nonzero(moved > 0) - 150) < 5 * np.sqrt(75)
    assert abs(np.flatnonzero(moved).mean() / 1000 - 1) < 0.2
    assert np.count_nonzero(cls(**fields, outliers=1.0).prepare().targets - plain.targets) == 2000


@pytest.mark.parametrize("cls", ALL)
def test_the_seed_decides(cls):
    assert cls(seed=5).prepare().fingerprint == cls(seed=5).prepare().fingerprint
    assert cls(seed=5).prepare().fingerprint != cls(seed=6).prepare().fingerprint
    assert cls.traced_fields() == ()
    assert cls().prepare().spec.task == "numbers"


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (Sine, {"rows": 1}),
        (Sine, {"noise": -0.1}),
        (Sine, {"noise": 1e300}),
        (HeteroscedasticSine, {"noise": (0.1,)}),
        (HeteroscedasticSine, {"noise": (0.1, -0.1)}),
        (LinearRegression, {"coefficients": ()}),
        (LinearRegression, {"coefficients": (float("inf"),)}),
        (LinearRegression, {"outliers": 1.5}),
        (LinearRegression, {"outlier_size": -1}),
        (PolynomialRegression, {"coefficients": (1e300,)}),
        (PolynomialRegression, {"rows": 10**12}),
        (PolynomialRegression, {"seed": -1}),
    ],
)
def test_fields_are_checked(cls, fields):
    with pytest.raises(ValidationError):
        cls(**fields)
