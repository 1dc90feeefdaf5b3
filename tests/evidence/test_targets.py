"""Epochs, steps and seconds to a target against curves written out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.comparison import comparisons
from etude.evidence.targets import default_target, to_target
from study_records import study_record, with_members, with_values

CURVES = [
    [0.2, 0.6, 0.9, 0.8],
    [0.9, 0.1, 0.1, 0.1],
    [0.1, 0.1, 0.1, 0.9],
    [0.1, 0.2, 0.3, 0.4],
]


def _record(curves=CURVES, role: int = 2, **changes):
    """One choice of 2 splits × 2 seeds with accuracies after each of 4 epochs."""
    record = study_record(rates=1, rules=("adam",), folds=2, seeds=2, epochs=4)
    members = {}
    for number, curve in enumerate(curves):
        whole = np.full((len(curve), 3, 2), np.nan, np.float32)
        whole[:, role, 1] = curve
        members[number] = {"curves": whole, "epochs": len(curve), "steps": 10 * len(curve)}
        members[number] |= {"seconds": 0.5 * len(curve)} | changes
    return with_members(record, members)


def _only(record, target: float, role: str | None = None):
    (found,) = to_target(record, comparisons(record)[0], target, role)
    return found


def test_the_median_counts_from_the_first_epoch_at_the_target() -> None:
    found = _only(_record(), 0.9)
    assert found.share == 0.75
    # Epochs 3, 1, 4 and never: the median lies between 3 and 4.
    assert (found.epochs, found.steps, found.seconds) == (3.5, 35, 1.75)
    assert found.reason == ""


def test_where_half_never_reach_it_the_median_is_not_finite() -> None:
    found = _only(_record([*CURVES[:2], CURVES[3], CURVES[3]]), 0.9)
    assert found.share == 0.5
    assert (found.epochs, found.steps, found.seconds) == (None, None, None)
    assert "does not reach" in found.reason
    assert _only(_record(), 0.95).share == 0


def test_smaller_is_better_for_errors() -> None:
    record = replace(_record(), greater_is_better=False)
    assert _only(record, 0.1).epochs == 1.5  # epochs never, 2, 1, 1


def test_a_network_that_stopped_early_has_its_own_steps_per_epoch() -> None:
    record = _record([[0.1, 0.9], [0.1, 0.9], [0.1, 0.9, 0.9], [0.1, 0.9, 0.9, 0.9]])
    record = with_members(record, {0: {"status": "stopped", "steps": 14}})
    assert _only(record, 0.9).epochs == 2
    assert _only(record, 0.9).steps == 20  # 14, 20, 20, 20


def test_a_diverged_network_reaches_nothing() -> None:
    record = with_members(_record(), {1: {"status": "diverged", "values": {}}})
    found = _only(record, 0.9)
    assert (found.share, found.epochs) == (0.5, None)
    everywhere = {number: {"status": "diverged", "values": {}} for number in range(4)}
    assert _only(with_members(_record(), everywhere), 0.9).share == 0


def test_what_was_not_measured_is_said() -> None:
    assert "validation rows" in _only(_record(), 0.9, "validation").reason
    without = _record()
    without = with_members(without, {0: {"curves": np.empty((0, 3, 0), np.float32)}})
    found = _only(without, 0.9)
    assert found.share is None
    assert "not measured" in found.reason


def test_validation_rows_are_those_that_count_where_they_choose() -> None:
    record = study_record(rates=1, rules=("adam",), folds=2, seeds=1, validation_rows=100)
    target = 0.7
    found = _only(record, target)
    for role, expected in (("validation", found), ("train", None)):
        epochs = [
            int((member.curves[:, ("train", "validation").index(role), 1] >= target).argmax()) + 1
            for member in record.members
        ]
        told = expected or _only(record, target, role)
        assert told.epochs == np.median(epochs)


def test_only_complete_choices_are_told_in_their_order() -> None:
    record = study_record(rates=3, rules=("adam",), folds=2, seeds=1)
    record = with_members(record, {2: {"status": "failed"}})
    found = to_target(record, comparisons(record)[0], 0.5)
    assert [one.choice for one in found] == [0, 2]


def test_the_target_is_one_standard_error_short_of_the_best() -> None:
    values = np.array([[0.90, 0.92, 0.88], [0.80, 0.99, 0.70]])
    ratio = comparisons(with_values(values))[0].test_over_train
    error = np.sqrt(values[0].var(ddof=1) * (1 / 3 + ratio))
    assert default_target(comparisons(with_values(values))[0]) == pytest.approx(0.9 - error)
    lower = comparisons(with_values(values, greater_is_better=False))[0]
    error = np.sqrt(values[1].var(ddof=1) * (1 / 3 + ratio))
    assert default_target(lower) == pytest.approx(0.83 + error)


def test_the_error_of_the_target_is_that_of_the_rows_that_rank() -> None:
    record = study_record(rates=2, rules=("adam",), folds=5, seeds=1, validation_rows=100)
    comparison = comparisons(record)[0]
    best = max(comparison.scores, key=np.mean)
    split = comparison.splits[0]
    error = np.sqrt(best.var(ddof=1) * (1 / 5 + split.validation / split.train))
    assert default_target(comparison) == pytest.approx(best.mean() - error)


def test_with_one_split_the_target_is_the_best_mean_itself() -> None:
    assert default_target(comparisons(with_values(np.array([[0.7], [0.8]])))[0]) == 0.8


def test_without_a_finite_choice_there_is_no_target() -> None:
    comparison = comparisons(with_values(np.full((2, 2), -np.inf)))[0]
    assert default_target(comparison) is None
