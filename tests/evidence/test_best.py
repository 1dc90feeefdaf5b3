"""The estimate of the best choice does not flatter, and says when it cannot be made."""

from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.best import (
    ACROSS,
    BOOTSTRAP,
    IN_VIEW,
    INSIDE,
    chosen_across,
    estimate_of_best,
)
from etude.evidence.comparison import comparisons
from etude.evidence.result import Result
from etude.evidence.verdict import verdict
from etude.store.identity import digest
from etude.store.records import StudyRecord
from study_records import study_record, with_members, with_values


def _best(record):
    return estimate_of_best(record, comparisons(record)[0])


def test_the_choice_of_each_split_is_made_on_its_validation_rows() -> None:
    record = study_record(rates=2, rules=("adam",), folds=2, seeds=2, validation_rows=100)
    inside = [[0.9, 0.6], [0.7, 0.8]]  # [choice][split]
    test = [[0.50, 0.51], [0.52, 0.53]]
    record = with_members(
        record,
        {
            number: {
                "values": {
                    "validation": {"accuracy": inside[member.choice][member.split]},
                    "test": {"accuracy": test[member.choice][member.split] + 0.01 * member.seed},
                }
            }
            for number, member in enumerate(record.members)
        },
    )
    found = _best(record)
    assert found.method == INSIDE
    assert found.chosen == (0, 1)
    assert found.mean == pytest.approx((0.505 + 0.535) / 2)
    assert found.n == 2
    assert found.interval is not None


def test_without_validation_rows_each_fold_judges_what_the_others_chose() -> None:
    values = np.array([[0.9, 0.8, 0.1], [0.6, 0.6, 0.9], [0.5, 0.7, 0.7]])
    found = _best(with_values(values))
    # Means of the other folds: without 0: .45 .75 .70; without 1: .5 .75 .6; without 2: .85 ...
    assert found.chosen == (1, 1, 0)
    assert found.mean == pytest.approx((0.6 + 0.6 + 0.1) / 3)
    assert found.method == ACROSS


def test_coin_flips_are_not_flattered() -> None:
    """RULES 20: 100 choices that guess, 100 rows: the best seems to err .376, truly .500."""
    random = np.random.default_rng(0)
    record = with_values(np.zeros((100, 5)), greater_is_better=False)
    comparison = comparisons(record)[0]
    apparent, honest = [], []
    for _ in range(300):
        errors = random.integers(0, 2, size=(100, 5, 20)).mean(axis=2)
        drawn = replace(comparison, judged_values=errors, choosing_values=errors)
        apparent.append(errors.mean(axis=1).min())
        honest.append(chosen_across(drawn).mean)
    assert np.mean(apparent) == pytest.approx(0.376, abs=0.006)
    assert np.mean(honest) == pytest.approx(0.5, abs=4 * np.std(honest) / np.sqrt(300))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (study_record(rates=2, folds=1, rules=("adam",)), "one split and no validation rows"),
        (replace(study_record(rates=2, folds=2), judged="train"), "no rows apart"),
        (
            replace(
                study_record(rates=2, folds=3),
                document=study_record().document | {"validation": {"name": "bootstrap"}},
            ),
            "overlap",
        ),
    ],
)
def test_where_nothing_honest_can_be_said_the_reason_is_told(record, reason: str) -> None:
    found = _best(record)
    assert found.mean is None
    assert reason in found.reason


def test_one_choice_was_not_chosen() -> None:
    found = _best(with_values(np.array([[0.8, 0.9]])))
    assert found.mean == pytest.approx(0.85)
    assert "nothing was chosen" in found.method


def _finding(**changes) -> dict:
    finding = {"mean": 0.6, "stderr": None, "interval": [0.5, 0.7], "apparent": 0.65, "n": 90}
    return {"selection": {"0": finding | {"draws": 1000, "choices": [0, 1, 2]} | changes}}


THREE = np.array([[0.9, 0.8, 0.1], [0.6, 0.6, 0.9], [0.5, 0.7, 0.7]])


@pytest.mark.parametrize("validation", ["kfold", "repeated", "time_series"])
def test_the_finding_of_the_bootstrap_is_used_where_no_rows_choose(validation: str) -> None:
    record = with_values(THREE, findings=_finding())
    record = replace(record, document=record.document | {"validation": {"name": validation}})
    found = _best(record)
    assert (found.mean, found.stderr, found.interval, found.n) == (0.6, None, (0.5, 0.7), 90)
    assert (found.method, found.reason, found.chosen) == (BOOTSTRAP, "", ())


@pytest.mark.parametrize("findings", [_finding(choices=[0, 1]), _finding(mean=None), {}])
def test_a_finding_about_other_choices_is_not_used(findings: dict) -> None:
    assert _best(with_values(THREE, findings=findings)).method == ACROSS


def test_validation_rows_make_the_choice_where_there_are_any() -> None:
    record = study_record(rates=3, rules=("adam",), folds=3, validation_rows=100)
    assert _best(replace(record, findings=_finding())).method == INSIDE


def test_one_split_without_validation_rows_has_an_estimate_by_the_bootstrap() -> None:
    record = study_record(rates=3, folds=1, rules=("adam",))
    assert _best(replace(record, findings=_finding())).method == BOOTSTRAP


def test_a_time_series_is_judged_split_by_split() -> None:
    record = with_values(THREE)
    record = replace(record, document=record.document | {"validation": {"name": "time_series"}})
    assert _best(record).method == ACROSS


def _interrupted(complete: int, **arguments: object) -> StudyRecord:
    """A search of four choices that was stopped when so many of them were complete."""
    record = study_record(rates=4, rules=("adam",), seeds=1, **arguments)
    pending = {
        number: {"status": "pending", "values": {}}
        for number, member in enumerate(record.members)
        if member.choice >= complete
    }
    record = with_members(record, pending)
    return replace(record, document=record.document | {"search": {"name": "halving"}})


@pytest.mark.parametrize("complete", [1, 3])
def test_a_search_that_has_not_ended_has_no_estimate_from_the_rows_that_judge(
    complete: int,
) -> None:
    record = _interrupted(complete, folds=5)
    found = _best(record)
    assert found.mean is None
    assert "the search has not ended" in found.reason
    told = " ".join(verdict(Result(record)))
    assert "no honest estimate of the best can be made: the search has not ended" in told
    assert "nothing was chosen" not in told
    assert told.endswith("The search has not ended.")
    ended = {"name": "random", "rounds": [{"epochs": 0, "trials": [0], "values": [0.9]}]}
    ended |= {"steps": 1, "steps_to_the_end": 1, "steps_of_the_grid": 1, "refused": []}
    ended |= {"members": digest([member.identity for member in record.members])}
    assert _best(replace(record, findings={"search": ended})).mean is not None


@pytest.mark.parametrize("complete", [1, 3])
def test_with_rows_that_choose_an_unfinished_search_is_told_as_optimistic(complete: int) -> None:
    found = _best(_interrupted(complete, folds=5, validation_rows=100))
    assert found.method == f"{INSIDE}; {IN_VIEW}"
    # The validation rows of one split judge nowhere.
    assert _best(_interrupted(complete, folds=1, validation_rows=100)).method == INSIDE
