import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.datasets import make_blobs, make_moons

from etude.data.synthetic_classes import Blobs, Moons, RingOfGaussians, Spirals


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


@pytest.mark.parametrize(("rows", "classes", "features"), [(200, 3, 2), (50, 4, 7), (11, 5, 1)])
def test_blobs_are_those_of_scikit_learn(rows, classes, features):
    points, targets = make_blobs(
        rows, features, centers=classes, cluster_std=0.7, center_box=(-4, 4), random_state=9
    )
    data = Blobs(
        rows=rows, classes=classes, features=features, noise=0.7, box=4.0, seed=9
    ).prepare()
    np.testing.assert_array_equal(data.arrays["inputs"], points.astype(np.float32))
    np.testing.assert_array_equal(data.targets, targets)
    assert data.spec.inputs == (features,)


def test_ring_of_gaussians():
    data = RingOfGaussians(rows=8003, classes=8, radius=3.0, noise=0.2, seed=1).prepare()
    points, targets = data.arrays["inputs"].astype(np.float64), data.targets
    assert np.bincount(targets).tolist() == [1001] * 3 + [1000] * 5
    for k in range(8):
        cloud = points[targets == k]
        center = 3 * np.array([np.cos(np.pi * k / 4), np.sin(np.pi * k / 4)])
        assert np.abs(cloud.mean(0) - center).max() < 5 * 0.2 / np.sqrt(1000)
        assert np.abs(cloud.std(0) / 0.2 - 1).max() < 5 / np.sqrt(2 * 1000)
        assert abs(np.corrcoef(cloud.T)[0, 1]) < 5 / np.sqrt(1000)


@pytest.mark.parametrize("cls", [Moons, Spirals, Blobs, RingOfGaussians])
def test_the_seed_decides(cls):
    assert cls(seed=5).prepare().fingerprint == cls(seed=5).prepare().fingerprint
    assert cls(seed=5).prepare().fingerprint != cls(seed=6).prepare().fingerprint
    assert cls.traced_fields() == ()
    assert cls().prepare().truth is None


@pytest.mark.parametrize("cls", [Moons, Spirals, Blobs, RingOfGaussians])
def test_rows_come_in_random_order(cls):
    targets = cls(rows=200).prepare().targets
    assert 40 < np.count_nonzero(np.diff(targets)) < 190
    assert abs(np.corrcoef(targets, np.arange(200))[0, 1]) < 0.3


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (Moons, {"rows": 3}),
        (Moons, {"seed": -1}),
        (Moons, {"rows": 10**12}),
        (Spirals, {"classes": 1}),
        (Spirals, {"rows": 9, "classes": 5}),
        (Spirals, {"noise": float("nan")}),
        (Blobs, {"rows": 9, "classes": 5}),
        (Blobs, {"box": 0}),
        (Blobs, {"features": 0}),
        (Blobs, {"seed": 2**32}),
        (Blobs, {"noise": 1e300}),
        (RingOfGaussians, {"rows": 15}),
        (RingOfGaussians, {"radius": -1}),
    ],
)
def test_fields_are_checked(cls, fields):
    with pytest.raises(ValidationError):
        cls(**fields)
