"""What the best choice is worth, freed of the flattery of having been chosen.

The best of m values is, on average, better than its own expectation (the winner's curse). An
honest estimate judges the choice on rows that had no say in choosing it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from etude.evidence.comparison import Comparison
from etude.evidence.intervals import estimate
from etude.evidence.nested_search import NestedSearch, nested_search
from etude.evidence.searched import searched, unfinished
from etude.store.records import StudyRecord
from etude.ties import first_of_best

INSIDE = "chosen on the validation rows of each split, judged on its test rows"
NESTED = "chosen on the inner splits of each outer split, judged on its test rows (nested)"
SEARCHED = (
    "chosen by a {} search of its own on the inner splits of each outer split, judged on its test "
    "rows (nested)"
)
ACROSS = "chosen on the other splits, judged on the split left out"
BOOTSTRAP = "bootstrap of the choice on out-of-fold rows (BBC-CV)"
SINGLE = "one choice only: nothing was chosen"
IN_VIEW = "optimistic as far as the search proposed choices with these rows in view"

DISJOINT = ("kfold", "stratified", "grouped", "leave_one_out", "time_series")
"""Validations whose test rows are never the test rows of another split.

Those of a time series do not cover all rows, which neither method asks for.
"""


@dataclass(frozen=True)
class BestEstimate:
    """The value of choosing the best, estimated on rows that did not choose.

    Attributes:
        mean, stderr, interval: over splits, as everywhere; None where it cannot be told. The
            bootstrap has an interval and no standard error.
        n: the number of splits; with the bootstrap the number of rows.
        method: how the choice was made and judged; "" where there is no estimate.
        reason: why there is no estimate; "" where there is one.
        chosen: for every split, the number of the choice that was judged on it; empty with the
            bootstrap, which chooses anew in every draw.
    """

    mean: float | None
    stderr: float | None
    interval: tuple[float, float] | None
    n: int
    method: str
    reason: str
    chosen: tuple[int, ...]


def estimate_of_best(record: StudyRecord, comparison: Comparison) -> BestEstimate:
    """The value of the best choice, without the flattery of its having been chosen.

    With validation rows or inner splits: `chosen_inside`. Without, the bootstrap of the choice
    where the record holds its finding, which needs the outputs of every row; else, with splits
    that share no test rows, `chosen_across`. Otherwise there is no honest estimate from values by
    split alone. Where every outer split had a search of its own: `chosen_by_searches`.
    """
    if (nested := nested_search(record)) is not None:
        return chosen_by_searches(nested, comparison)
    if not comparison.complete.any():
        return _none("no choice is complete")
    if comparison.judged != "test":
        return _none("the study keeps no rows apart to judge on")
    searching, search = unfinished(record), searched(record)
    if searching and comparison.choosing == comparison.judged:
        return _none(
            "the search has not ended, and what it tries and lets leave may depend on the rows "
            "that judge"
        )
    if search is not None and search.left and comparison.choosing == comparison.judged:
        return _none(
            f"the {search.name} search let choices leave by the rows that judge, so the mean of "
            "the best is flattered; rows that choose give an estimate, for example "
            "`validation = 0.2` under [validation]"
        )
    left = searching or (search is not None and bool(search.left))
    if comparison.complete.sum() == 1 and not left:
        values = comparison.judged_values[comparison.complete]
        return _judged(comparison, values[0], np.zeros(len(comparison.splits), int), SINGLE)
    if comparison.choosing == "validation":
        return _in_view(record, comparison, chosen_inside(comparison))
    if (finding := _finding(record, comparison)) is not None:
        return _in_view(record, comparison, drawn(finding))
    if len(comparison.splits) < 2:
        return _none(
            "with one split and no validation rows, the rows that judge the best choice are "
            "those that chose it"
        )
    if not _shares_no_test_rows(record, comparison):
        return _none(
            "the test rows of the splits overlap, so no split can judge what the others chose"
        )
    return _in_view(record, comparison, chosen_across(comparison))


def _in_view(record: StudyRecord, comparison: Comparison, best: BestEstimate) -> BestEstimate:
    """What is told besides where a search had rows in view on which its choices are judged.

    One that has not ended may have. Under nested validation none sees the rows that judge.
    """
    search = searched(record)
    adapts = unfinished(record) or (search is not None and search.adapts)
    apart = comparison.choosing != comparison.judged and len(comparison.splits) == 1
    if not adapts or apart or comparison.nested or not best.method:
        return best
    return replace(best, method=f"{best.method}; {IN_VIEW}")


def chosen_inside(comparison: Comparison) -> BestEstimate:
    """In every split the choice best on its validation rows, judged on its test rows.

    Where validation is nested these are the rows that its inner splits hold out. Of choices that
    differ by rounding alone the first one is chosen.
    """
    scores = comparison.scores[comparison.complete]
    judged = comparison.judged_values[comparison.complete]
    winners = first_of_best(scores)  # [splits]
    values = judged[winners, np.arange(judged.shape[1])]
    return _judged(comparison, values, winners, NESTED if comparison.nested else INSIDE)


def chosen_by_searches(search: NestedSearch, comparison: Comparison) -> BestEstimate:
    """For every outer split what its own search chose, judged on its test rows.

    What other searches chose may be better on the inner splits of this one, but was found with
    its test rows in view, and is no candidate.
    """
    if search.untold:
        return _none(search.untold)
    values = np.array([one.judged_value for one in search.outer], float)
    found = estimate(values, comparison.test_over_train, comparison.bounds)
    chosen = tuple(one.chosen for one in search.outer if one.chosen is not None)
    method = SEARCHED.format(search.name)
    return BestEstimate(found.mean, found.stderr, found.interval, found.n, method, "", chosen)


def chosen_across(comparison: Comparison) -> BestEstimate:
    """For every split the choice that is best on all others, judged on this split.

    The estimate is of choosing with one split less than there are, so it leans to the
    pessimistic side. It needs splits that share no test rows.
    """
    scores = comparison.scores[comparison.complete]
    judged = comparison.judged_values[comparison.complete]
    splits = scores.shape[1]
    winners = np.array(
        [np.delete(scores, split, axis=1).mean(axis=1).argmax() for split in range(splits)]
    )
    return _judged(comparison, judged[winners, np.arange(splits)], winners, ACROSS)


def drawn(finding: dict[str, Any]) -> BestEstimate:
    """The estimate that `Selection.finding` of `etude.evidence.selection` keeps in a record."""
    low, high = finding["interval"]
    return BestEstimate(
        mean=float(finding["mean"]),
        stderr=None,
        interval=(float(low), float(high)),
        n=int(finding["n"]),
        method=BOOTSTRAP,
        reason="",
        chosen=(),
    )


def _finding(record: StudyRecord, comparison: Comparison) -> dict[str, Any] | None:
    """The finding of the bootstrap, if it is one about the choices that are complete now."""
    found = record.findings.get("selection", {})
    finding: dict[str, Any] | None = found.get(str(comparison.data))
    if finding is None or finding.get("mean") is None:
        return None
    complete = [int(choice) for choice in comparison.choices[comparison.complete]]
    return finding if finding.get("choices", comparison.choices.tolist()) == complete else None


def _judged(
    comparison: Comparison, values: np.ndarray, winners: np.ndarray, method: str
) -> BestEstimate:
    if not np.isfinite(values).all():
        return _none("a chosen member diverged, and the trivial predictor has no value")
    found = estimate(values, comparison.test_over_train, comparison.bounds)
    chosen = tuple(int(choice) for choice in comparison.choices[comparison.complete][winners])
    return BestEstimate(found.mean, found.stderr, found.interval, found.n, method, "", chosen)


def _none(reason: str) -> BestEstimate:
    return BestEstimate(None, None, None, 0, "", reason, ())


def _shares_no_test_rows(record: StudyRecord, comparison: Comparison) -> bool:
    validation = record.document.get("validation") or {}
    rows = max(split.train + split.validation + split.test for split in comparison.splits)
    judged = sum(split.test for split in comparison.splits)
    return validation.get("name") in DISJOINT and judged <= rows
