"""Which rows are judged after every epoch."""

import numpy as np
import pytest

from etude.engine.material import FEWEST_TRAINING, judged_rows
from etude.validation.base import RowSplit

ROWS = np.arange(2000)


def test_all_that_are_held_out_and_as_many_training_rows() -> None:
    split = RowSplit(ROWS[:1000], ROWS[1000:1100], ROWS[1100:1500])
    found = judged_rows(split)
    np.testing.assert_array_equal(found[:400], split.test)
    np.testing.assert_array_equal(found[400:500], split.validation)
    sample = found[500:]
    assert len(sample) == len(set(sample.tolist())) == 500
    assert set(sample.tolist()) <= set(split.train.tolist())
    assert abs(sample.mean() - 500) < 50
    np.testing.assert_array_equal(judged_rows(split), found)


def test_few_held_out_rows_do_not_leave_training_unmeasured() -> None:
    split = RowSplit(ROWS[1:], ROWS[:0], ROWS[:1])
    assert len(judged_rows(split)) == 1 + FEWEST_TRAINING
    every = RowSplit(ROWS[:30], ROWS[:0], ROWS[:30])
    np.testing.assert_array_equal(judged_rows(every), ROWS[:30])


def test_training_rows_of_no_weight_are_not_in_the_sample() -> None:
    weights = np.where(ROWS[:1000] % 10 == 0, 1.0, 0.0)
    split = RowSplit(ROWS[:1000], ROWS[:0], ROWS[1000:], weights)
    assert sorted(judged_rows(split)[1000:].tolist()) == list(range(0, 1000, 10))


@pytest.mark.parametrize(("block", "judged"), [(0, 2000), (5000, 2000), (300, 300)])
def test_of_streamed_rows_that_all_train_and_judge_a_sample_is_judged(
    block: int, judged: int
) -> None:
    found = judged_rows(RowSplit(ROWS, ROWS[:0], ROWS), block)
    assert len(set(found.tolist())) == len(found) == judged
