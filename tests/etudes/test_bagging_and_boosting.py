"""The rule of the étude on predictions that no network made."""

from typing import Any

import numpy as np
import pytest

from etude.etudes.bagging_and_boosting import STRONG, WEAK, BaggingAndBoosting
from etude.etudes.base import Verdict
from etude.evidence.bias_variance import BiasVariance, decompose

REPLICATES, ROWS = 30, 50


class Told:
    """A result of which the étude asks for nothing but bias and variance."""

    def __init__(self, offs: list[float], spreads: list[float]) -> None:
        generator = np.random.default_rng(0)
        truth = generator.normal(size=(ROWS, 1))
        self._parts = []
        for choice, (off, spread) in enumerate(zip(offs, spreads, strict=True)):
            drawn = generator.normal(size=(REPLICATES, 1, ROWS, 1))
            predictions = truth + off + spread * drawn
            self._parts.append(decompose(choice, predictions, truth + 0.1, truth))

    def bias_variance(self) -> tuple[BiasVariance, ...]:
        return tuple(self._parts)


@pytest.mark.parametrize(
    ("bagged", "boosted", "verdict"),
    [
        (0.5, 0.2, "supported"),
        (1.5, 0.2, "refuted"),
        (0.5, 1.5, "refuted"),
        (1.0, 0.2, "undecided"),
        (0.5, 1.0, "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(bagged: float, boosted: float, verdict: Verdict) -> None:
    """The single network has variance 1 in one study, and squared bias 1 in the other."""
    results: dict[str, Any] = {
        STRONG: Told([0.1] * 4, [1.0, 0.8, np.sqrt(bagged), 1.2]),
        WEAK: Told([1.0, 1.0, 1.1, np.sqrt(boosted)], [0.3] * 4),
    }
    finding = BaggingAndBoosting().judge(results)
    assert finding.verdict == verdict
    assert f"n = {REPLICATES} replicates" in finding.decides
    assert [row[1] for row in finding.table[1:5]] == [
        "one network",
        "averaging",
        "bagging",
        "boosting",
    ]
    finding.figures[0].chart.to_dict()


def test_its_studies_have_the_choices_that_it_judges() -> None:
    for study in BaggingAndBoosting().studies().values():
        ensembles = [algorithm.ensemble for algorithm in study.algorithm]
        assert [e.name if e else None for e in ensembles] == [
            None,
            "averaging",
            "bagging",
            "boosting",
        ]
        assert study.validation.name == "replicates"
        assert study.data[0].prepare().truth is not None
