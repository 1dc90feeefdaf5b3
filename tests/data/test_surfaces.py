import numpy as np
import pytest
from pydantic import ValidationError

from etude.data.surfaces import Surface, height

ALL = ("ravine", "rosenbrock", "beale", "himmelblau", "saddle")


def from_coefficients(data, x, y):
    """Σ_k s_k (Σ_ij c[k, i, j] xⁱ yʲ)² in double precision."""
    c = data.arrays["inputs"][0].astype(np.float64)
    s = data.arrays["targets"][0].astype(np.float64)
    powers = x ** np.arange(c.shape[1])[:, None] * y ** np.arange(c.shape[2])
    return float(s @ ((c * powers).sum(axis=(1, 2)) ** 2))


@pytest.mark.parametrize("function", ALL)
def test_coefficients_agree_with_the_textbook(function):
    data = Surface(function=function).prepare()
    points = np.random.default_rng(0).uniform(-4, 4, (50, 2))
    for x, y in points:
        expected = float(height(function, x, y))
        assert from_coefficients(data, x, y) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_known_values():
    minima = {
        "ravine": [(0, 0)],
        "rosenbrock": [(1, 1)],
        "beale": [(3, 0.5)],
        "himmelblau": [
            *((3, 2), (-2.805118, 3.131312)),
            *((-3.779310, -3.283186), (3.584428, -1.848126)),
        ],
    }
    for function, points in minima.items():
        for x, y in points:
            assert abs(height(function, x, y)) < 1e-8
    assert height("saddle", 2, 1) == 3
    assert height("rosenbrock", -1.2, 1) == pytest.approx(24.2)
    assert height("ravine", 1, 1, condition=9) == 5
    assert height("beale", 0, 0) == pytest.approx(14.203125)
    assert height("himmelblau", np.zeros((2, 3)), np.zeros((2, 3))).tolist() == [[170.0] * 3] * 2


def test_all_surfaces_have_one_shape():
    prepared = [Surface(function=function).prepare() for function in ALL]
    assert len({data.spec for data in prepared}) == 1
    assert prepared[0].spec.task == "surface"
    assert {data.arrays["inputs"].shape for data in prepared} == {(1, 3, 3, 4)}
    assert {data.arrays["targets"].shape for data in prepared} == {(1, 3)}
    assert len({data.fingerprint for data in prepared}) == len(ALL)
    assert prepared[0].fit(np.zeros(1, int), np.empty(0)) == ()


def test_condition_of_the_ravine():
    data = Surface(function="ravine", condition=100).prepare()
    assert from_coefficients(data, 3.0, 2.0) == (9 + 100 * 4) / 2
    with pytest.raises(ValidationError, match="`condition` is for the ravine"):
        Surface(function="beale", condition=5)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Surface(function="ravine", condition=0)
    with pytest.raises(ValidationError):
        Surface(function="sphere")
