import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.datasets import make_moons

from etude.data.synthetic import Moons, Sine, Spirals, sine_truth


def test_sine():
    data = Sine(rows=20_000, noise=0.3, seed=1).prepare()
    x, y = data.arrays["inputs"].astype(np.float64), data.targets
    residual = y - np.sin(x)
    assert abs(residual.mean()) < 5 * 0.3 / np.sqrt(20_000)
    assert abs(residual.std() / 0.3 - 1) < 5 / np.sqrt(2 * 20_000)
    assert -np.pi <= x.min() < -3.13
    assert 3.13 < x.max() <= np.pi
    assert abs(x.mean()) < 5 * np.pi / np.sqrt(3 * 20_000)
    exact = Sine(noise=0).prepare()
    np.testing.assert_array_equal(exact.targets, sine_truth(np.float64(exact.arrays["inputs"])))


@pytest.mark.parametrize("rows", [10, 11])
def test_moons_are_those_of_scikit_learn(rows):
    points, classes = make_moons(rows, shuffle=False)
    data = Moons(rows=rows, noise=0).prepare()
    ours = np.column_stack([data.arrays["inputs"], data.targets])
    theirs = np.column_stack([points.astype(np.float32), classes])
    np.testing.assert_allclose(
        ours[np.lexsort(ours.round(5).T)], theirs[np.lexsort(theirs.round(5).T)], atol=1e-6
    )
    assert data.spec.classes == ("0", "1")


def test_noise_of_moons():
    exact, noisy = (Moons(rows=4000, noise=noise, seed=3).prepare() for noise in (0, 0.2))
    np.testing.assert_array_equal(exact.targets, noisy.targets)
    moved = noisy.arrays["inputs"] - exact.arrays["inputs"]
    assert abs(moved.std() / 0.2 - 1) < 5 / np.sqrt(2 * 8000)


@pytest.mark.parametrize(("rows", "classes"), [(90, 2), (100, 3), (11, 5)])
def test_spirals_follow_their_formula(rows, classes):
    data = Spirals(rows=rows, classes=classes, noise=0).prepare()
    points, targets = data.arrays["inputs"].astype(np.float64), data.targets
    counts = np.bincount(targets)
    assert len(counts) == classes
    assert counts.max() - counts.min() <= 1
    radius = np.hypot(*points.T)
    for k in range(classes):
        expected = np.arange(1, counts[k] + 1) / counts[k]
        np.testing.assert_allclose(np.sort(radius[targets == k]), expected, atol=1e-6)
    turned = np.exp(2j * np.pi * (1.5 * radius + targets / classes)) * radius
    np.testing.assert_allclose(points[:, 0] + 1j * points[:, 1], turned, atol=1e-5)


@pytest.mark.parametrize("cls", [Sine, Moons, Spirals])
def test_the_seed_decides(cls):
    assert cls(seed=5).prepare().fingerprint == cls(seed=5).prepare().fingerprint
    assert cls(seed=5).prepare().fingerprint != cls(seed=6).prepare().fingerprint


@pytest.mark.parametrize("cls", [Moons, Spirals])
def test_rows_come_in_random_order(cls):
    targets = cls().prepare().targets
    assert 40 < np.count_nonzero(np.diff(targets)) < 160


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (Sine, {"rows": 1}),
        (Sine, {"noise": -0.1}),
        (Moons, {"rows": 3}),
        (Moons, {"seed": -1}),
        (Spirals, {"classes": 1}),
        (Spirals, {"rows": 9, "classes": 5}),
        (Spirals, {"noise": float("nan")}),
    ],
)
def test_fields_are_checked(cls, fields):
    with pytest.raises(ValidationError):
        cls(**fields)


def test_noise_is_structure():
    assert Sine.traced_fields() == Moons.traced_fields() == Spirals.traced_fields() == ()
