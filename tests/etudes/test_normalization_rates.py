"""The rule of the étude on training that did not happen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etude.etudes.base import WHOLE, Verdict
from etude.etudes.normalization_rates import NormalizationRates, largest_tolerated
from etude.evidence.result import Result
from made_up import made_up

PLAIN = 0.55


def result(limits: dict[str, float], spread: float) -> Result:
    """Networks that learn up to a rate, so many times the plain one's, and beyond it do not.

    Args:
        limits: normalization -> how many times.
        spread: of log₁₀ of those rates over splits.
    """
    study = NormalizationRates().studies()[WHOLE]

    def member(choice: dict[str, Any], split: int, seed: int) -> dict[str, Any]:
        kind = choice["model"].get("normalization", "none")
        noise = spread * np.sin(5.0 * split + 3 * len(kind) + len(choice["model"]["widths"]))
        limit = PLAIN * limits.get(kind, 1.0) * 10**noise
        over = max(0.0, float(np.log10(choice["algorithm"]["learning_rate"] / limit)))
        # From 95 % down to 10 % within a decade, 5 points within a seventeenth of one.
        return {"values": {"test": {"accuracy": max(0.1, 0.95 - 0.85 * over)}}}

    found = made_up(study, member, splits=10, metrics=("loss", "accuracy"), rows=(1617, 0, 180))
    return Result(replace(found.record, greater_is_better=True), study)


@pytest.mark.parametrize(
    ("batch", "layer", "spread", "verdict", "first"),
    [
        (4.0, 2.0, 0.05, "supported", "undecided"),
        (4.0, 3.0, 0.05, "supported", "supported"),
        (4.0, 1.5, 0.02, "supported", "refuted"),
        (4.0, 0.6, 0.05, "refuted", "refuted"),
        (4.0, 1.05, 0.02, "refuted", "refuted"),  # nothing to speak of
        (4.0, 1.3, 0.4, "undecided", "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(
    batch: float, layer: float, spread: float, verdict: Verdict, first: Verdict
) -> None:
    limits = {"batch": batch, "layer": layer, "weight": 1.0}
    finding = NormalizationRates().judge({WHOLE: result(limits, spread)})
    assert finding.verdict == verdict
    assert "layer normalization" in finding.decides
    assert "n = 10 folds" in finding.decides
    assert finding.decides.endswith(
        f"at least 2 times the rate, the first form of the claim, is {first}."
    )
    assert len(finding.table) == 9
    for figure in finding.figures:
        figure.chart.to_dict()


def test_the_largest_rate_is_read_between_those_that_were_tried() -> None:
    rates = np.array([0.1, 1.0, 10.0])
    # Splits that cross between the last two, that never reach, that always do, that come back.
    accuracies = np.array([[0.9, 0.3, 0.9, 0.9], [0.9, 0.2, 0.9, 0.2], [0.5, 0.1, 0.8, 0.8]], float)
    found = largest_tolerated(rates, accuracies, 0.8)
    np.testing.assert_allclose(found, [0.25, -2.0, 1.0, 1.0])
