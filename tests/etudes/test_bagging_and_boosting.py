"""The rule of the étude on predictions that no network made."""

from typing import Any

import numpy as np
import pytest

from etude.etudes.bagging_and_boosting import (
    CHOICES,
    SINE,
    STRONG,
    UNITS,
    WEAK,
    BaggingAndBoosting,
)
from etude.etudes.base import CannotJudge, Verdict
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


def told(bagged: float, boosted: float, stepped: float, wide: float = 0.1) -> dict[str, Any]:
    """Single networks have variance 1 on the plane, and squared bias 1 on the polynomial."""
    return {
        STRONG: Told([0.1] * 3, [1.0, np.sqrt(0.8), np.sqrt(bagged)]),
        SINE: Told([0.1] * 3, [1.0, np.sqrt(0.3), np.sqrt(1.2)]),
        WEAK: Told([1.0, 1.0, np.sqrt(boosted), np.sqrt(stepped)], [0.3] * 4),
        UNITS: Told([np.sqrt(wide)], [0.3]),
    }


@pytest.mark.parametrize(
    ("bagged", "boosted", "stepped", "verdict"),
    [
        (0.5, 0.2, 0.8, "supported"),
        (1.5, 0.2, 0.8, "refuted"),
        (0.5, 1.5, 2.0, "refuted"),
        (0.5, 0.5, 0.2, "refuted"),
        (0.5, 0.2, 0.2, "refuted"),  # surely no cut to speak of
        (1.0, 0.2, 0.8, "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(
    bagged: float, boosted: float, stepped: float, verdict: Verdict
) -> None:
    finding = BaggingAndBoosting().judge(told(bagged, boosted, stepped))
    assert finding.verdict == verdict
    assert f"n = {REPLICATES} replicates" in finding.decides
    finding.figures[0].chart.to_dict()


def test_what_averaging_gives_and_the_bootstrap_adds_is_told() -> None:
    """Differences of what is free of the bias of R replicates: of s²R/(R − 1), and b² − s²/(R − 1).

    Neither these nor the larger network decide.
    """
    results = told(0.5, 0.2, 0.8)
    finding = BaggingAndBoosting().judge(results)
    for part, text in ((STRONG, finding.decides), (SINE, finding.notes[0])):
        one, averaged, bagged = (
            each.variance.value * REPLICATES / (REPLICATES - 1)
            for each in results[part].bias_variance()
        )
        for change in (bagged - one, averaged - one, bagged - averaged):
            assert f"{change:+.3f} (" in text

    small, _, boosted, steps, wide = (
        each.squared_bias.value - each.variance.value / (REPLICATES - 1)
        for part in (WEAK, UNITS)
        for each in results[part].bias_variance()
    )
    for beside in (small, steps, wide):
        assert f"{boosted - beside:+.3f} (" in finding.decides
    assert [row[1] for row in finding.table[1:]] == [n for names in CHOICES.values() for n in names]


def test_other_studies_cannot_be_judged() -> None:
    with pytest.raises(CannotJudge, match="units has 4 choices, 1 are due"):
        BaggingAndBoosting().judge(told(0.5, 0.2, 0.8) | {UNITS: Told([1.0] * 4, [0.3] * 4)})


def test_its_studies_have_the_choices_that_it_judges() -> None:
    studies = BaggingAndBoosting().studies()
    assert set(studies) == set(CHOICES)
    ensembles = {
        part: [a.ensemble.name if a.ensemble else None for a in study.algorithm]
        for part, study in studies.items()
    }
    assert ensembles == {
        STRONG: [None, "averaging", "bagging"],
        SINE: [None, "averaging", "bagging"],
        WEAK: [None, "bagging", "boosting", None],
        UNITS: [None],
    }
    for study in studies.values():
        assert study.validation.name == "replicates"
        assert study.data[0].prepare().truth is not None
    # The larger networks have the steps and units of ten, and the same replicates.
    one, _, boosting, steps = studies[WEAK].algorithm
    assert steps == one.changed(epochs=boosting.networks * one.epochs)
    (small,), (wide,) = studies[WEAK].model, studies[UNITS].model
    assert wide == small.changed(widths=(boosting.networks * small.widths[0],))
    for field in ("data", "validation", "seed"):
        assert getattr(studies[UNITS], field) == getattr(studies[WEAK], field)
    assert studies[UNITS].algorithm == (one,)
