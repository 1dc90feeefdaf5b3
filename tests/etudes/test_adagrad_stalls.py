"""The rule of the étude on training that did not happen."""

import math
from typing import Any

import numpy as np
import pytest

from etude.etudes.adagrad_stalls import AdagradStalls
from etude.etudes.base import WHOLE, CannotJudge, Verdict
from etude.evidence.result import Result
from made_up import made_up

EPOCHS = 1500

BEST = {"adagrad": 1.0, "rmsprop": 0.1, "adadelta": 1e-5}
"""Where training ends lowest, none of them at an edge."""


def result(
    late: dict[str, float], error: float = 3.0, best: dict[str, float] = BEST, spread: float = 0.005
) -> Result:
    """Training losses that fall by 10 to the 3rd power from first epoch to last.

    Args:
        late: of each rule the share of that which falls in the second half.
        error: of Adadelta with its default ε, on test rows, in units of that of tuned rules.
        best: the setting of each rule with which the fall is not stopped a little short.
        spread: of log₁₀ over splits.
    """
    study = AdagradStalls().studies()[WHOLE]

    def member(choice: dict[str, Any], split: int, seed: int) -> dict[str, Any]:
        rule = choice["algorithm"]
        name = rule["name"]
        number = rule["epsilon"] if name == "adadelta" else rule["learning_rate"]
        shift = 0.0 if math.isclose(number, best[name]) else 0.5
        noise = spread * np.sin(7.0 * split + len(name))
        share = late[name] + noise
        falls = np.interp(np.linspace(0, 1, EPOCHS), [0, 0.5, 1], [0, 1 - share, 1])
        curves = np.zeros((EPOCHS, 3, 2), np.float32)
        curves[:, 0, 0] = 10 ** (shift - 3 * falls)
        default = name == "adadelta" and math.isclose(number, 1e-6)
        rmse = (error if default else 1.0) * 10**noise
        return {"curves": curves, "values": {"test": {"rmse": rmse}}}

    return made_up(study, member, splits=10, metrics=("loss", "rmse"), rows=(320, 0, 80))


@pytest.mark.parametrize(
    ("adagrad", "rmsprop", "adadelta", "verdict"),
    [
        (0.1, 0.3, 0.5, "supported"),
        (0.4, 0.3, 0.5, "refuted"),  # it stalls before one of the others only
        (0.6, 0.3, 0.5, "refuted"),
        (0.3, 0.3, 0.5, "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(
    adagrad: float, rmsprop: float, adadelta: float, verdict: Verdict
) -> None:
    late = {"adagrad": adagrad, "rmsprop": rmsprop, "adadelta": adadelta}
    finding = AdagradStalls().judge({WHOLE: result(late)})
    assert finding.verdict == verdict
    assert "n = 10 splits" in finding.decides
    assert [row[:2] for row in finding.table[1:]] == [
        ("Adagrad", "η = 1"),
        ("RMSProp", "η = 0.1"),
        ("Adadelta", "ε = 1e-05"),
    ]
    for figure in finding.figures:
        figure.chart.to_dict()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (3.0, "so it does need a setting"),
        (1.0, "so it needs none"),
        (1.1, "which leaves open if it needs one"),
    ],
)
def test_whether_adadelta_needs_a_setting_is_told_and_decides_nothing(
    error: float, told: str
) -> None:
    late = {"adagrad": 0.1, "rmsprop": 0.3, "adadelta": 0.5}
    finding = AdagradStalls().judge({WHOLE: result(late, error, spread=0.01)})
    assert finding.verdict == "supported"
    assert finding.decides.endswith(f"{told}.")


def test_a_best_setting_at_an_edge_decides_nothing() -> None:
    late = {"adagrad": 0.1, "rmsprop": 0.3, "adadelta": 0.5}
    finding = AdagradStalls().judge({WHOLE: result(late, best=BEST | {"adagrad": 100.0})})
    assert finding.verdict == "undecided"
    assert "at an edge: Adagrad at η = 100" in finding.decides


def test_the_share_of_progress_is_that_of_the_curves() -> None:
    late = {"adagrad": 0.2, "rmsprop": 0.4, "adadelta": 0.5}
    finding = AdagradStalls().judge({WHOLE: result(late, spread=0.0001)})
    # Means over 50 epochs: from the middle of the first 50 to the middle of the last 50.
    early, middle, end = (
        np.interp(np.arange(last - 50, last) / (EPOCHS - 1), [0, 0.5, 1], [0, 0.8, 1]).mean()
        for last in (50, 750, 1500)
    )
    share = round(100 * (end - middle) / (end - early))
    assert finding.table[1][2] == f"{share} ({share} to {share})"


def test_a_loss_that_does_not_fall_cannot_be_judged() -> None:
    flat = result({"adagrad": 0.1, "rmsprop": 0.3, "adadelta": 0.5})
    for member in flat.record.members:
        member.curves[:] = 1.0
    with pytest.raises(CannotJudge, match=r"the training loss of Adagrad .* does not fall"):
        AdagradStalls().judge({WHOLE: flat})
    flat.record.members[0].curves[0] = 0.0
    with pytest.raises(CannotJudge, match="the training loss must be above 0 and finite"):
        AdagradStalls().judge({WHOLE: flat})
