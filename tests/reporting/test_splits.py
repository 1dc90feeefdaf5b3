"""Values and paired differences split by split, against the matrix of values."""

import numpy as np
import pytest

from etude.evidence.result import Result
from etude.reporting.figures import Figures, LeftOut
from etude.reporting.splits import LINES, MOST_SPLITS, split_by_split
from etude.reporting.tables import TOP
from study_records import study_record, with_values


def _figures(result: Result) -> tuple:
    figures = Figures()
    split_by_split(result, result.comparisons[0], figures)
    return tuple(figures)


def test_lines_and_differences_are_those_of_the_values() -> None:
    values = np.array([[0.6, 0.7, 0.8], [0.9, 0.8, 0.95], [0.5, 0.9, 0.8]])
    lines, differences = _figures(Result(with_values(values)))
    best = [row["value"] for row in lines.rows if row["line"] == 0]
    assert best == [0.9, 0.8, 0.95]
    assert [row["line"] for row in lines.rows] == [2] * 3 + [1] * 3 + [0] * 3
    label = Result(with_values(values)).record.choices[0].label
    apart = [row for row in differences.rows if row["choice"] == label]
    assert [row["split"] for row in apart] == [0, 1, 2, 3]
    expected = values[0] - values[1]
    assert [row["value"] for row in apart] == pytest.approx([expected.mean(), *expected], rel=1e-5)


def test_the_first_choices_alone_are_drawn() -> None:
    lines, differences = _figures(Result(study_record(rates=4, folds=3)))
    assert len({row["line"] for row in lines.rows}) == LINES
    assert len({row["name"] for row in differences.rows}) == TOP - 1


def test_many_splits_are_thinned_and_have_no_table() -> None:
    values = np.random.default_rng(0).random((3, 150))
    result = Result(with_values(values))
    figures = Figures()
    text = split_by_split(result, result.comparisons[0], figures)
    lines, _ = figures
    splits = sorted({row["split"] for row in lines.rows})
    assert len(splits) == MOST_SPLITS
    assert (splits[0], splits[-1]) == (1, 150)
    assert "50 of 150 splits are drawn." in text
    assert "<table>" not in text


def test_nothing_is_paired_without_two_splits_and_two_choices() -> None:
    one_split = Result(study_record(rates=3, folds=1))
    one_choice = Result(study_record(rates=1, folds=3, rules=("adam",)))
    for result, reason in (
        (one_split, "there is a single split"),
        (one_choice, "fewer than two choices have values on all splits"),
    ):
        assert split_by_split(result, result.comparisons[0], Figures()) == LeftOut(reason)
