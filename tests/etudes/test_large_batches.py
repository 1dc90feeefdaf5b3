"""The rule of the étude, and its measurements on networks that are hardly trained."""

import math
from typing import Any

import numpy as np
import pytest

import etude
from etude.etudes import large_batches
from etude.etudes.base import Verdict
from etude.etudes.large_batches import FAIR, LargeBatches, _read, verdict_of
from etude.evidence.intervals import Estimate


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.1, 2.0, "supported"),
        (1.01, 1.1, "supported"),
        (0.5, 0.9, "refuted"),
        (0.85, 1.2, "refuted"),  # no difference to speak of
        (0.75, 1.2, "undecided"),
        (0.9, 1.3, "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(low: float, high: float, verdict: Verdict) -> None:
    ends = math.log(low), math.log(high)
    assert verdict_of(Estimate(sum(ends) / 2, 0.1, ends, 16)) == verdict


def test_figures_are_read_between_two_epochs_on_lines_in_the_logarithms() -> None:
    earlier, later = {"loss": 0.1, "eigenvalue": 4.0}, {"loss": 0.001, "eigenvalue": 1.0}
    found = _read(earlier, later, 0.01)
    assert found == pytest.approx({"loss": 0.01, "eigenvalue": 2.0})
    assert _read(earlier, later, 0.001) == pytest.approx(later)


@pytest.mark.slow
def test_it_compares_networks_at_one_training_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    results = {}
    for part, study in LargeBatches().studies().items():
        rules = tuple(
            rule.changed(epochs=24) for rule in study.algorithm if rule.learning_rate < 0.5
        )
        changes: dict[str, Any] = {"algorithm": rules}
        if part == "minima":
            changes["seeds"] = 3
        results[part] = etude.run(study.model_copy(update=changes))
    monkeypatch.setattr(large_batches, "BESIDE", 2)
    finding = LargeBatches().judge(results)
    assert finding.table[1][0] == FAIR
    losses = [[float(loss) for loss in row[3].split(" / ")] for row in finding.table[1:]]
    assert losses[0][0] == pytest.approx(losses[0][1], rel=1e-6)
    assert losses[1][0] < losses[1][1]  # after as many epochs small batches are farther
    assert "n = 3 seeds" in finding.decides
    rescaled = next(note for note in finding.notes if "Dinh" in note)
    before, after = rescaled.split("its loss is ")[1].split(")")[0].split(" and ")
    assert np.isclose(float(before), float(after), rtol=1e-3)
    for figure in finding.figures:
        figure.chart.to_dict()
