"""The rule of the étude on networks that nobody trained."""

from typing import Any

import pytest

from etude.etudes.base import Verdict
from etude.etudes.regularizers import Regularizers
from etude.evidence.result import Result
from made_up import made_up

SPLITS = 20


def results(least: float, spread: float) -> dict[str, Result]:
    """The gap is 10 without, 5 with every regularizer but clipping, which narrows it by least."""
    found = {}
    for part, study in Regularizers().studies().items():
        first = study.choices()[0].document()

        def member(
            choice: dict[str, Any], split: int, seed: int, first: dict[str, Any] = first
        ) -> dict[str, Any]:
            share = least if choice["algorithm"].get("clipping") else 0.5
            share = 0.0 if choice == first else share + spread * (-1) ** split
            return {"values": {"train": {"rmse": 20.0}, "test": {"rmse": 30.0 - 10 * share}}}

        found[part] = made_up(study, member, splits=SPLITS, metrics=("loss", "rmse"))
    return found


@pytest.mark.parametrize(
    ("least", "spread", "verdict"),
    [(0.4, 0.01, "supported"), (0.02, 0.01, "refuted"), (-0.3, 0.01, "refuted"),
     (0.05, 0.02, "refuted"), (0.1, 0.02, "undecided"), (0.3, 0.5, "undecided")],
)  # fmt: skip
def test_the_verdict(least: float, spread: float, verdict: Verdict) -> None:
    finding = Regularizers().judge(results(least, spread))
    assert finding.verdict == verdict
    assert "of 12 regularizers" in finding.decides
    assert len(finding.table) == 1 + 12 + 4
    sure = {"supported": 12, "refuted": 11}.get(verdict, 11 if spread < 0.1 else 0)
    assert finding.decides.startswith(f"{sure} of 12 regularizers surely narrow the gap by more")
    # One threshold: what surely narrows the gap is never among those that surely do not.
    assert ("clipping of gradients surely does not" in finding.decides) == (verdict == "refuted")
    if verdict == "refuted":
        assert f"by {100 * least:.0f} %" in finding.decides
