"""The rule of the étude on networks that nobody trained."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etude.etudes.base import CannotJudge, Verdict
from etude.etudes.shuffled_folds import ShuffledFolds
from etude.evidence.result import Result
from made_up import made_up

OUTER, INNER = 4, 16


def results(shuffled: float, forward: float, spread: float = 0.05) -> dict[str, Result]:
    """On later rows the RMSE is 1; the two ways promise so many times that, give or take."""
    found = {}
    for part, study in ShuffledFolds().studies().items():
        promise = {"shuffled": shuffled, "forward": forward}[part.partition("_")[0]]

        def member(
            choice: dict[str, Any], split: int, seed: int, promise: float = promise
        ) -> dict[str, Any]:
            data = choice["data"]
            if split < OUTER:
                return {"values": {"test": {"rmse": 1.0}}}
            stationary = len(data.get("coefficients", ())) == 2
            value = 1.0 if stationary else promise * np.exp(spread * (-1) ** data["seed"])
            return {"values": {"validation": {"rmse": float(value)}, "test": {"rmse": None}}}

        whole = made_up(study, member, splits=OUTER + INNER, metrics=("loss", "rmse"))
        splits = tuple(
            split
            if split.split < OUTER
            else replace(split, validation=20, test=0, chooses_for=(split.split - OUTER) // 4)
            for split in whole.record.splits
        )
        found[part] = Result(replace(whole.record, splits=splits), study)
    return found


@pytest.mark.parametrize(
    ("shuffled", "forward", "spread", "verdict"),
    [
        (0.5, 1.1, 0.05, "supported"),
        (0.5, 0.8, 0.05, "supported"),  # forward validation flatters less
        (0.5, 0.4, 0.05, "refuted"),  # forward validation flatters more
        (1.0, 1.1, 0.05, "refuted"),  # shuffled folds do not flatter
        (0.93, 1.1, 0.5, "undecided"),  # they scatter too far to tell
    ],
)
def test_the_verdict_follows_the_rule(
    shuffled: float, forward: float, spread: float, verdict: Verdict
) -> None:
    finding = ShuffledFolds().judge(results(shuffled, forward, spread))
    assert finding.verdict == verdict
    assert f"{shuffled:.2f} (" in finding.decides
    assert f"{forward:.2f} (" in finding.decides
    assert "1.00 (1.00 to 1.00)" in finding.notes[0]
    assert len(finding.table) == 7
    finding.figures[0].chart.to_dict()


def test_the_later_rows_are_in_no_promise_and_the_same_for_both_ways() -> None:
    studies = ShuffledFolds().studies()
    splits = {part: study.validation.splits(300, None, 0) for part, study in studies.items()}
    for part in splits.values():
        outer = [split for split in part if split.chooses_for < 0]
        assert len(outer) == OUTER
        for split in part:
            if split.chooses_for >= 0:
                judging = outer[split.chooses_for]
                assert max(split.train.max(), split.validation.max()) < judging.test.min()
    for kind in ("walk", "autoregressive"):
        for first, second in zip(
            splits[f"shuffled_{kind}"], splits[f"forward_{kind}"], strict=True
        ):
            np.testing.assert_array_equal(first.test, second.test)


def test_both_ways_are_asked_of_the_same_series() -> None:
    studies = ShuffledFolds().studies()
    for kind in ("walk", "autoregressive"):
        assert studies[f"shuffled_{kind}"].data == studies[f"forward_{kind}"].data


def test_a_promise_of_nothing_cannot_be_judged() -> None:
    with pytest.raises(CannotJudge, match="must be above 0 and finite, and one is 0"):
        ShuffledFolds().judge(results(0.0, 1.0))


def test_a_kind_without_series_cannot_be_judged() -> None:
    found = results(0.5, 1.0)
    with pytest.raises(CannotJudge, match="fewer than two series of a walk"):
        ShuffledFolds().judge({part: one for part, one in found.items() if "walk" not in part})
