"""The rule of the étude on training that did not happen."""

from typing import Any

import numpy as np
import pytest

from etude.etudes.adagrad_stalls import AdagradStalls
from etude.etudes.base import WHOLE, Verdict
from etude.evidence.result import Result
from made_up import made_up

EPOCHS = 1500


def result(adagrad: float, others: float, adadelta: float, spread: float = 0.02) -> Result:
    """Training losses that fall by 10 to these powers from first epoch to last.

    Args:
        adagrad: of Adagrad, all of it in the first half.
        others: of RMSProp and Adadelta, evenly.
        adadelta: its error on test rows, in units of that of the others.
        spread: of log₁₀ over splits.
    """
    study = AdagradStalls().studies()[WHOLE]

    def member(choice: dict[str, Any], split: int, seed: int) -> dict[str, Any]:
        rule = choice["algorithm"]
        shift = 0.0 if rule.get("learning_rate", 0.1) == 0.1 else 0.5  # 0.1 is the best rate
        share = np.linspace(0, 1, EPOCHS)
        early = rule["name"] == "adagrad"
        falls = adagrad * np.minimum(2 * share, 1) if early else others * share
        noise = spread * np.sin(7.0 * split + len(rule["name"]))
        curves = np.zeros((EPOCHS, 3, 2), np.float32)
        curves[:, 0, 0] = 10 ** (shift - falls + noise)
        error = adadelta if rule["name"] == "adadelta" else 1.0
        return {"curves": curves, "values": {"test": {"rmse": error * 10 ** (shift + noise)}}}

    return made_up(study, member, splits=10, metrics=("loss", "rmse"), rows=(320, 0, 80))


@pytest.mark.parametrize(
    ("adagrad", "others", "adadelta", "spread", "verdict"),
    [
        (1.0, 3.0, 1.0, 0.005, "supported"),
        (4.0, 3.0, 1.0, 0.005, "refuted"),  # Adagrad ends lower
        (1.0, 3.0, 2.0, 0.005, "refuted"),  # Adadelta is worse than what is tuned
        (1.0, 3.0, 1.1, 0.005, "undecided"),  # at the margin
    ],
)
def test_the_verdict_follows_the_rule(
    adagrad: float, others: float, adadelta: float, spread: float, verdict: Verdict
) -> None:
    finding = AdagradStalls().judge({WHOLE: result(adagrad, others, adadelta, spread)})
    assert finding.verdict == verdict
    assert "n = 10 splits" in finding.decides
    assert [row[:2] for row in finding.table[1:]] == [
        ("Adagrad", "η = 0.1"),
        ("RMSProp", "η = 0.1"),
        ("Adadelta", "ε = 1e-06"),
    ]
    for figure in finding.figures:
        figure.chart.to_dict()
