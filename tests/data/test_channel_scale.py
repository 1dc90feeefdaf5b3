"""Scales of images and large arrays, against the formula on all values at once."""

import numpy as np
import pytest

from etude.data import channel_scale
from etude.data.channel_scale import BYTE, ChannelScale, pieces


def formula(inputs, rows, weights):
    """Mean and reciprocal deviation by the definition, in double precision."""
    values = inputs[rows].astype(np.float64).reshape(len(rows), -1, inputs.shape[-1])
    shares = np.broadcast_to(weights[:, None, None], (*values.shape[:2], 1))
    mean = (shares * values).sum((0, 1)) / shares.sum()
    spread = np.sqrt((shares * (values - mean) ** 2).sum((0, 1)) / shares.sum())
    return mean, 1 / spread


def made(shape, dtype):
    generator = np.random.default_rng(3)
    if dtype == np.uint8:
        return generator.integers(0, 256, shape).astype(np.uint8)
    return (generator.normal(size=shape) * 3 + 1000).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(50, 9, 7, 3), (50, 28, 28, 1), (50, 4, 2), (50, 5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_equal_to_the_formula(shape, dtype, weighted, monkeypatch):
    monkeypatch.setattr(channel_scale, "PIECE", 500)
    inputs = made(shape, dtype)
    rows = np.random.default_rng(1).permutation(50)[:37]
    weights = np.random.default_rng(2).uniform(0.1, 2, 37) if weighted else np.empty(0)
    fitted = ChannelScale(inputs)(rows, weights)
    mean, factor = formula(inputs, rows, weights if weighted else np.ones(37))
    np.testing.assert_allclose(fitted["mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(fitted["factor"], factor, rtol=1e-6)
    assert fitted["mean"].dtype == fitted["factor"].dtype == np.float32
    assert fitted["mean"].shape == (shape[-1],)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("positions", [2, 100])
def test_rows_of_no_weight_have_no_say(dtype, positions):
    inputs = made((20, positions, 2), dtype)
    weights = np.ones(20)
    weights[5:] = 0
    without = ChannelScale(inputs)(np.arange(5), np.empty(0))
    fitted = ChannelScale(inputs)(np.arange(20), weights)
    for name, value in without.items():
        np.testing.assert_array_equal(fitted[name], value)


@pytest.mark.parametrize(("dtype", "factor"), [(np.uint8, BYTE), (np.float32, 1)])
@pytest.mark.parametrize("positions", [2, 100])
def test_equal_values_are_only_moved(dtype, factor, positions):
    inputs = np.full((30, positions, 1), 77.1 if dtype == np.float32 else 77, dtype)
    weights = np.random.default_rng(0).uniform(0.1, 1, 30)
    fitted = ChannelScale(inputs)(np.arange(30), weights)
    np.testing.assert_allclose(fitted["mean"], inputs[0, 0], rtol=1e-7)
    assert fitted["factor"] == np.float32(factor)


def test_what_is_not_scaled():
    rows = np.arange(3)
    fitted = ChannelScale(made((3, 4, 4, 2), np.uint8), scaled=False)(rows, np.empty(0))
    assert fitted["mean"].tolist() == [0, 0]
    assert fitted["factor"].tolist() == [np.float32(1 / 255)] * 2
    assert ChannelScale(made((3, 4), np.float32), scaled=False)(rows, np.empty(0)) == {}


def test_targets():
    inputs = made((6, 2), np.float32)
    targets = np.array([[1.0, 5], [3, 5], [100, 5], [0, 0], [0, 0], [0, 0]], np.float32)
    fitted = ChannelScale(inputs, targets)(np.array([0, 1]), np.array([1.0, 3.0]))
    np.testing.assert_allclose(fitted["target_mean"], [2.5, 5])
    np.testing.assert_allclose(fitted["target_scale"], [np.sqrt(0.75), 1], rtol=1e-6)


def test_large_numbers_keep_their_digits():
    """The mean is a million deviations away: sums of squares would have no digit left."""
    inputs = (np.random.default_rng(0).integers(-2, 3, (4000, 1)) + 2**22).astype(np.float32)
    fitted = ChannelScale(inputs)(np.arange(4000), np.empty(0))
    assert 1 / fitted["factor"][0] == pytest.approx(inputs.astype(np.float64).std(), rel=1e-6)


@pytest.mark.parametrize(("rows", "size", "most"), [(10, 3, 9), (10, 100, 9), (0, 3, 9), (7, 0, 2)])
def test_pieces_are_all_rows_once(rows, size, most):
    found = list(pieces(rows, size, most))
    assert [row for start, stop in found for row in range(start, stop)] == list(range(rows))
    assert all((stop - start) * size <= max(most, size) for start, stop in found)
