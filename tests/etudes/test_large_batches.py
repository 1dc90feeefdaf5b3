"""The rule of the étude, and its measurements on networks that are hardly trained."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

import etude
from etude.etudes import large_batches
from etude.etudes.base import CannotJudge, Verdict
from etude.etudes.large_batches import FAIR, LargeBatches, near_best, ratio, verdict_of
from etude.etudes.minima import read
from etude.evidence.intervals import Estimate


def a_ratio(low: float, high: float) -> Estimate:
    ends = math.log(low), math.log(high)
    return Estimate(sum(ends) / 2, 0.1, ends, 16)


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
    assert verdict_of([a_ratio(low, high)]) == verdict


def test_every_pair_of_rates_has_to_say_the_same() -> None:
    above, below, alike = a_ratio(1.1, 2.0), a_ratio(0.5, 0.9), a_ratio(0.85, 1.2)
    assert verdict_of([above, above]) == "supported"
    assert verdict_of([below, alike]) == "refuted"
    for pair in ([above, below], [above, alike], [above, a_ratio(0.9, 1.3)]):
        assert verdict_of(pair) == "undecided"


def test_rates_within_a_corrected_standard_error_are_near_the_best() -> None:
    """By hand: the variance is 0.01², (1/4 + 1/3) of it has the root 0.0076."""
    spread = 0.01 * math.sqrt(3 / 4) * np.array([1.0, -1.0, 1.0, -1.0])
    found = {0.1: 0.893, 0.3: 0.9, 1.0: 0.892, 3.0: 0.1}
    accuracies = {rate: mean + spread for rate, mean in found.items()}
    assert near_best(accuracies, 1 / 3) == [0.3, 0.1]
    with pytest.raises(CannotJudge, match="no learning rate is left"):
        near_best({}, 1 / 3)
    with pytest.raises(CannotJudge, match="single split"):
        near_best({0.1: np.ones(1)}, 1 / 3)


def test_figures_are_read_between_two_epochs_on_lines_in_the_logarithms() -> None:
    earlier, later = {"loss": 0.1, "eigenvalue": 4.0}, {"loss": 0.001, "eigenvalue": 1.0}
    found = read(earlier, later, 0.01)
    assert found == pytest.approx({"loss": 0.01, "eigenvalue": 2.0})
    assert read(earlier, later, 0.001) == pytest.approx(later)


def test_what_has_no_logarithm_is_missing_or_cannot_be_judged() -> None:
    earlier = {"loss": 0.1, "eigenvalue": 4.0, "trace": 9.0, "rise": 0.1}
    later = {"loss": 0.001, "eigenvalue": 1.0, "trace": -0.5, "rise": 0.0}
    found = read(earlier, later, 0.01)
    assert found["eigenvalue"] == pytest.approx(2.0)
    assert math.isnan(found["trace"])
    assert math.isnan(found["rise"])
    arms = (16, 0.1), (256, 1.0)
    both = {arm: [found, found] for arm in arms}
    assert ratio(both, arms, "eigenvalue").mean == 0
    with pytest.raises(CannotJudge, match="the trace of every minimum must be above 0"):
        ratio(both, arms, "trace")
    with pytest.raises(CannotJudge, match="the training losses must be above 0"):
        read(earlier, later | {"loss": 0.0}, 0.01)
    with pytest.raises(CannotJudge, match="no loss falls"):
        read(earlier, earlier, 0.1)


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
    rows = [row for row in finding.table[1:] if row[0] == FAIR]
    rates = [tuple(row[2].split(" / ")) for row in rows]
    small, large = (list(dict.fromkeys(each)) for each in zip(*rates, strict=True))
    assert rates == list(product(small, large))
    losses = {loss for row in rows for loss in row[3].split(" / ")}
    assert len(losses) == 1
    (ended,) = (row for row in finding.table if row[0] == "best rates, same epochs")
    few, many = map(float, ended[3].split(" / "))
    assert few < many  # after as many epochs small batches are farther
    assert "n = 3 seeds" in finding.decides
    assert "the rows are fixed" in finding.decides
    rescaled = next(note for note in finding.notes if "Dinh" in note)
    before, after = rescaled.split("its loss is ")[1].split(")")[0].split(" and ")
    assert np.isclose(float(before), float(after), rtol=1e-3)
    for figure in finding.figures:
        figure.chart.to_dict()
