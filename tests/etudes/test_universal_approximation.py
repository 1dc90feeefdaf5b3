"""The rule of the étude on errors that no network made."""

import math
from typing import Any

import pytest

from etude.etudes.base import WHOLE, CannotJudge, Verdict
from etude.etudes.universal_approximation import UniversalApproximation
from etude.evidence.result import Result
from made_up import made_up


def result(narrow: float, wide: float, spread: float = 0.05, rate: float = 0.1) -> Result:
    """Errors that every doubling of the width multiplies by so much, to and beyond 16 units.

    The best learning rate of the widest networks is `rate`, that of all others 0.1.
    """
    study = UniversalApproximation().studies()[WHOLE].model_copy(update={"seeds": 1})

    def member(choice: dict[str, Any], split: int, seed: int) -> dict[str, Any]:
        (width,) = choice["model"]["widths"]
        doublings = math.log2(width)
        error = narrow ** min(doublings, 4) * wide ** max(doublings - 4, 0)
        error *= math.exp(spread * math.sin(3 * split + 5 * doublings))
        # The rate that validation rows choose is not the one that test rows would.
        chosen = choice["algorithm"]["learning_rate"] == (rate if width == 256 else 0.1)
        values = {"validation": error if chosen else 2 * error, "test": error}
        if not chosen:
            values["test"] = error / 10
        return {"values": {role: {"rmse": value} for role, value in values.items()}}

    return made_up(study, member, splits=10, rows=(192, 48, 60), metrics=("loss", "rmse"))


@pytest.mark.parametrize(
    ("narrow", "wide", "spread", "verdict"),
    [
        (0.5, 0.8, 0.02, "supported"),
        (0.5, 1.3, 0.02, "refuted"),
        (0.5, 0.98, 0.5, "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(
    narrow: float, wide: float, spread: float, verdict: Verdict
) -> None:
    finding = UniversalApproximation().judge({WHOLE: result(narrow, wide, spread)})
    assert finding.verdict == verdict
    assert "n = 10 splits" in finding.decides
    assert f"multiplies the error by {narrow:.2f} (" in finding.decides
    assert [(row[0], row[2]) for row in finding.table[1:10]] == [
        (str(2**k), "0.1") for k in range(9)
    ]
    finding.figures[0].chart.to_dict()


def test_slopes_are_those_of_the_errors() -> None:
    finding = UniversalApproximation().judge({WHOLE: result(0.5, 0.8, spread=0.001)})
    narrow, wide = finding.table[-2], finding.table[-1]
    assert narrow[1].startswith("0.50 (")
    assert wide[1].startswith("0.80 (")
    assert finding.table[1][1] == "1"  # the chosen rate, not a tenth of it


@pytest.mark.parametrize(("rate", "told"), [(3.0, True), (0.01, True), (1.0, False)])
def test_a_best_rate_at_an_edge_decides_nothing(rate: float, told: bool) -> None:
    finding = UniversalApproximation().judge({WHOLE: result(0.5, 0.8, spread=0.02, rate=rate)})
    assert finding.verdict == ("undecided" if told else "supported")
    assert ("at the edge: the sine with 256, the polynomial with 256" in finding.decides) == told


def test_an_error_of_nothing_cannot_be_judged() -> None:
    with pytest.raises(CannotJudge, match="the error of the sine must be above 0"):
        UniversalApproximation().judge({WHOLE: result(0.0, 0.8)})
