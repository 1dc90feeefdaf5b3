import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from etude.data.standardize import Standardization


def standardization(inputs, targets=None, numeric=None, optional=None, scaled=True):
    inputs = np.asarray(inputs, np.float32)
    width = inputs.shape[1]
    return Standardization(
        inputs,
        targets,
        np.ones(width, bool) if numeric is None else np.array(numeric),
        np.zeros(width, bool) if optional is None else np.array(optional),
        scaled,
    )


def test_agrees_with_scikit_learn():
    generator = np.random.default_rng(0)
    inputs = (generator.normal(size=(50, 4)) * [1, 10, 1e-3, 1e5] + [0, 100, 5, -3e5]).astype("f4")
    inputs[generator.random(inputs.shape) < 0.2] = np.nan
    rows, weights = np.arange(5, 45), generator.random(40) + 0.1
    for given in (np.empty(0), weights):
        oracle = StandardScaler().fit(
            inputs[rows].astype("f8"), sample_weight=given if given.size else None
        )
        fitted = standardization(inputs)(rows, given)
        np.testing.assert_allclose(fitted["mean"], oracle.mean_, rtol=1e-6)
        np.testing.assert_allclose(1 / fitted["factor"], oracle.scale_, rtol=1e-6)
        assert {value.dtype for value in fitted.values()} == {np.dtype(np.float32)}


def test_other_rows_do_not_matter():
    inputs = np.random.default_rng(0).normal(size=(20, 3)).astype("f4")
    targets = inputs[:, :1].copy()
    rows = np.arange(10)
    before = standardization(inputs, targets)(rows, np.empty(0))
    changed, moved = inputs.copy(), targets.copy()
    changed[10:], moved[10:] = 1e6, np.nan
    after = standardization(changed, moved)(rows, np.empty(0))
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])


def test_weights_are_repetitions_and_zero_is_absence():
    inputs = np.array([[1.0], [2.0], [4.0], [100.0]])
    fit = standardization(inputs)
    weighted = fit(np.arange(4), np.array([2.0, 1.0, 3.0, 0.0]))
    repeated = fit(np.array([0, 0, 1, 2, 2, 2]), np.empty(0))
    for name, value in weighted.items():
        np.testing.assert_allclose(value, repeated[name], rtol=1e-7)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e7, -3e-39])
def test_constant_column_has_factor_one(constant):
    fitted = standardization(np.full((7, 1), constant))(np.arange(7), np.empty(0))
    assert fitted["factor"] == 1
    assert fitted["mean"] == np.float32(constant)


def test_nothing_becomes_infinite_at_the_ends_of_single_precision():
    inputs = np.array([[1e37, 1e-37], [-1e37, -1e-37]])
    fitted = standardization(inputs)(np.arange(2), np.empty(0))
    scaled = (inputs.astype("f4") - fitted["mean"]) * fitted["factor"]
    np.testing.assert_allclose(scaled, [[1, 1], [-1, -1]], rtol=1e-5)


def test_features_without_training_values_are_zero():
    # a number with gaps, its indicator, and two categories of which one is not in the rows
    inputs = [[np.nan, 1, 1, 0], [np.nan, 1, 1, 0], [5, 0, 0, 1]]
    fitted = standardization(
        inputs, numeric=[True, False, False, False], optional=[False, False, True, True]
    )(np.array([0, 1]), np.empty(0))
    np.testing.assert_array_equal(fitted["mean"], [0, 0, 0, 0])
    np.testing.assert_array_equal(fitted["factor"], [0, 1, 1, 0])


def test_what_changes_nothing_is_left_out():
    assert standardization(np.eye(3), scaled=False)(np.arange(3), np.empty(0)) == {}
    fitted = standardization(np.eye(3), np.eye(3), scaled=False)(np.arange(3), np.empty(0))
    assert set(fitted) == {"target_mean", "target_scale"}


def test_targets():
    targets = np.array([[1.0, 7.0], [3.0, 7.0], [50.0, 8.0]])
    fitted = standardization(np.zeros((3, 1)), targets)(np.array([0, 1]), np.empty(0))
    np.testing.assert_array_equal(fitted["target_mean"], [2, 7])
    np.testing.assert_array_equal(fitted["target_scale"], [1, 1])
