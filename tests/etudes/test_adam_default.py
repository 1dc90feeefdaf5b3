"""The rule of the étude on training that did not happen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etude.component import component_class
from etude.etudes.adam_default import AdamDefault, _gap
from etude.etudes.base import Verdict
from etude.evidence.result import Result
from made_up import made_up

BEST, TRIVIAL, TUNED = 0.1, 0.6, 0.03


def results(defaults: dict[str, float], tuned: dict[str, float], spread: float) -> Any:
    """Errors by rule: with default rates, with the rate 0.03 that is best, and 0.4 with others.

    Args:
        defaults, tuned: rule -> error above the best.
        spread: over splits.
    """

    def error(algorithm: dict[str, Any], split: int) -> float:
        rule, rate = algorithm["name"], algorithm["learning_rate"]
        noise = spread * float(np.sin(9.0 * split + 4 * len(rule)))
        if rate == TUNED:
            return BEST + tuned.get(rule, 0.0) + noise
        default = component_class("algorithm", rule).model_fields["learning_rate"].default
        return BEST + defaults[rule] + noise if rate == default else 0.4

    def result(part: str, metric: str) -> Result:
        study = AdamDefault().studies()[part]

        def member(choice: dict[str, Any], split: int, seed: int) -> dict[str, Any]:
            found = error(choice["algorithm"], split)
            value = 1 - found if metric == "accuracy" else found
            # Validation rows agree on the best rate but for its size.
            chosen = {metric: 0.0 if metric == "rmse" else 1.0, "loss": found}
            if choice["algorithm"]["learning_rate"] != TUNED:
                chosen = {metric: 0.5, "loss": found}
            return {"values": {"test": {metric: value}, "validation": chosen}}

        made = made_up(study, member, splits=10, metrics=("loss", metric), rows=(70, 20, 10))
        better = metric == "accuracy"
        trivial = {"test": {metric: 1 - TRIVIAL if better else TRIVIAL}}
        splits = tuple(replace(split, trivial=trivial) for split in made.record.splits)
        return Result(replace(made.record, greater_is_better=better, splits=splits), study)

    return {"classes": result("classes", "accuracy"), "numbers": result("numbers", "rmse")}


ALIKE = {"sgd": 0.1, "momentum": 0.1, "adagrad": 0.1, "rmsprop": 0.1, "adam": 0.01}


@pytest.mark.parametrize(
    ("defaults", "tuned", "spread", "verdict"),
    [
        (ALIKE, {}, 0.01, "supported"),
        (ALIKE | {"rmsprop": 0.001, "adam": 0.05}, {}, 0.01, "refuted"),
        (ALIKE, {"sgd": 0.1}, 0.01, "refuted"),  # tuned gradient descent is worse
        (ALIKE | {"rmsprop": 0.011}, {}, 0.02, "undecided"),
        (ALIKE, {"sgd": 0.022}, 0.01, "undecided"),  # at the border of a tie
    ],
)
def test_the_verdict_follows_the_rule(
    defaults: dict[str, float], tuned: dict[str, float], spread: float, verdict: Verdict
) -> None:
    finding = AdamDefault().judge(results(defaults, tuned, spread))
    assert finding.verdict == verdict
    assert "n = 5 data sets of 10 splits" in finding.decides
    # On the made-up validation rows no rate at an end is the best.
    assert "Of 250 tuned rates 0 lie at an end of the range." in finding.notes[0]
    by_rule = {row[0]: row for row in finding.table[1:]}
    assert list(by_rule) == list(ALIKE)
    shares = float(by_rule["sgd"][1].split(" / ")[0])
    assert shares == pytest.approx(100 * defaults["sgd"] / (TRIVIAL - BEST), abs=5)
    for figure in finding.figures:
        figure.chart.to_dict()


def test_a_gap_joins_the_standard_errors_of_data_sets() -> None:
    """By hand: the corrected variance of each data set over n², Satterthwaite's degrees."""

    class Ratio:
        test_over_train = 1 / 9

    first, second = np.array([0.0, 0.2, 0.1]), np.array([0.3, 0.3, 0.0])
    found = _gap([(first, Ratio()), (second, Ratio())])  # type: ignore[list-item]
    variances = np.array([0.01, 0.03]) * (1 / 3 + 1 / 9) / 4
    assert found.mean == pytest.approx(0.15)
    assert found.stderr == pytest.approx(np.sqrt(variances.sum()))
    assert found.degrees == pytest.approx(variances.sum() ** 2 / (variances**2 / 2).sum())
