"""One set of test rows, training rows drawn anew."""

import numpy as np
import pytest

from etude.errors import InputError
from etude.validation.holdout import Holdout
from etude.validation.replicates import Replicates


def test_the_test_rows_are_those_of_a_holdout_and_stay() -> None:
    splits = Replicates(repeats=6, test=0.3, train=0.5).splits(100, None, 5)
    (held,) = Holdout(test=0.3).splits(100, None, 5)
    for number, split in enumerate(splits):
        np.testing.assert_array_equal(split.test, np.sort(held.test))
        drawn = np.random.RandomState(5 + 1 + number).permutation(held.train)[:35]
        np.testing.assert_array_equal(split.train, np.sort(drawn))
    assert len({split.train.tobytes() for split in splits}) == 6


def test_whole_groups_are_dealt() -> None:
    groups = np.random.default_rng(0).permutation(np.arange(60) % 12)
    for split in Replicates(repeats=5).splits(60, None, 0, groups):
        assert len(np.unique(groups[split.test])) == 4  # ⌈0.3 · 12⌉
        assert len(np.unique(groups[split.train])) == 4  # ⌈0.5 · 8⌉
        assert len(split.train) == len(split.test) == 20
        assert not set(groups[split.train].tolist()) & set(groups[split.test].tolist())


@pytest.mark.parametrize(
    ("validation", "rows", "message"),
    [
        (Replicates(), 1, "`test` must leave at least one row to train on"),
        (Replicates(train=0.99), 10, "so that replicates differ, got 7 of 7"),
        (Replicates(), 2, "so that replicates differ, got 1 of 1"),
    ],
)
def test_replicates_that_could_not_differ_are_refused(validation, rows, message) -> None:
    with pytest.raises(InputError, match=message):
        validation.splits(rows, None, 0)
