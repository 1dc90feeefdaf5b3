"""Splits forward in time are those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn import model_selection as sk

from etude.errors import InputError
from etude.validation import TimeSeries


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 60),
    folds=st.integers(2, 8),
    test_size=st.integers(0, 6),
    gap=st.integers(0, 5),
    most=st.integers(0, 20),
)
def test_windows_are_scikit_learns(rows, folds, test_size, gap, most):
    splitter = sk.TimeSeriesSplit(
        folds, max_train_size=most or None, test_size=test_size or None, gap=gap
    )
    ours = TimeSeries(folds=folds, test_size=test_size, gap=gap, max_train_size=most)
    try:
        expected = list(splitter.split(np.zeros(rows)))
    except ValueError:
        with pytest.raises(InputError, match="`folds`"):
            ours.splits(rows, None, 0)
        return
    for (train, test), split in zip(expected, ours.splits(rows, None, 0), strict=True):
        np.testing.assert_array_equal(train, split.train)
        np.testing.assert_array_equal(test, split.test)
        assert split.validation.size == 0


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.05, 0.5), gap=st.integers(0, 3), most=st.sampled_from([0, 15]))
def test_validation_rows_are_the_last_of_the_window(share, gap, most):
    fields = {"folds": 3, "gap": gap, "max_train_size": most}
    plain = TimeSeries(**fields).splits(80, None, 0)
    for whole, split in zip(
        plain, TimeSeries(**fields, validation=share).splits(80, None, 0), strict=True
    ):
        count = int(np.ceil(share * len(whole.train)))
        np.testing.assert_array_equal(split.validation, whole.train[-count:])
        np.testing.assert_array_equal(split.train, whole.train[: len(whole.train) - count - gap])
        np.testing.assert_array_equal(split.test, whole.test)
        assert split.train.max() + gap < split.validation.min()
        assert split.validation.max() + gap < split.test.min()


def test_windows_expand():
    splits = TimeSeries(folds=3).splits(12, None, 0)
    assert [split.train.tolist() for split in splits] == [
        list(range(3)),
        list(range(6)),
        list(range(9)),
    ]
    assert [split.test.tolist() for split in splits] == [[3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_rows_must_suffice():
    with pytest.raises(InputError, match="less than the number of rows, 5, got 5"):
        TimeSeries().splits(5, None, 0)
    with pytest.raises(InputError, match=r"one of the 20 rows to train on, got 5 × 4 \+ 0"):
        TimeSeries(test_size=4).splits(20, None, 0)
    message = "got 1 rows and a `gap` of 3 of the 3 before test row 7"
    with pytest.raises(InputError, match=message):
        TimeSeries(folds=2, test_size=2, gap=3, validation=0.3).splits(10, None, 0)


def test_settings_are_checked():
    for fields in ({"folds": 1}, {"gap": -1}, {"test_size": -1}, {"validation": 1.0}):
        with pytest.raises(ValidationError):
            TimeSeries(**fields)
