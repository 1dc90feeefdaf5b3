"""Steps to the target as the evidence tells them."""

import numpy as np

from etude.evidence.result import Result
from etude.evidence.targets import default_target, to_target
from etude.reporting.figures import Figures, LeftOut
from etude.reporting.target import time_to_target
from study_records import study_record, with_members


def test_the_steps_are_those_of_the_evidence() -> None:
    result = Result(study_record(rates=4, folds=5))
    (comparison,) = result.comparisons
    target = default_target(comparison)
    reached = {row.choice: row for row in to_target(result.record, comparison, target)}
    figures = Figures()
    text = time_to_target(result, comparison, figures)
    (figure,) = figures
    labels = {choice.label: number for number, choice in enumerate(result.record.choices)}
    assert len(figure.rows) > 1
    for row in figure.rows:
        assert row["steps"] == reached[labels[row["choice"]]].steps
    assert f"accuracy of at least {target:.4f} on test rows: one standard error short" in text
    missed = next(row for row in result.summaries[:20] if reached[row.choice].steps is None)
    assert f"<bdi>{missed.label}</bdi></th><td>{100 * reached[missed.choice].share:.0f} %" in text


def test_without_curves_it_is_left_out() -> None:
    record = study_record(rates=2, folds=2)
    empty = {n: {"curves": np.empty((0, 3, 2), np.float32)} for n in range(len(record.members))}
    result = Result(with_members(record, empty))
    part = time_to_target(result, result.comparisons[0], Figures())
    assert part == LeftOut("accuracy was not measured on test rows after each epoch")


def test_without_a_complete_choice_there_is_no_target() -> None:
    record = study_record(rates=1, folds=2)
    waiting = {"status": "pending", "values": {}}
    result = Result(with_members(record, dict.fromkeys(range(len(record.members)), waiting)))
    part = time_to_target(result, result.comparisons[0], Figures())
    assert part == LeftOut("no choice is complete, so there is no target")
