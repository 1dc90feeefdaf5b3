"""The rule of the étude on predictions that no network made."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etude.etudes.base import WHOLE, Verdict
from etude.etudes.huber_and_outliers import HuberAndOutliers
from etude.evidence.result import Result
from made_up import made_up


def result(clean: float, dirty: float, spread: float = 0.05) -> Result:
    """Networks whose distance from the truth is 0.1, with Huber's loss so many times that."""
    study = HuberAndOutliers().studies()[WHOLE]
    truths: dict[str, np.ndarray] = {}
    for data in study.data:
        prepared = data.prepare()
        (split,) = study.validation.splits(prepared.rows, None, study.seed)
        assert prepared.truth is not None
        truths[str(data.document())] = prepared.truth[split.test]

    def member(choice: dict[str, Any], split: int, seed: int) -> dict[str, Any]:
        data = choice["data"]
        factor = 1.0
        if choice["loss"]["name"] == "huber":
            factor = dirty if data["outliers"] else clean
            factor *= np.exp(spread * (-1) ** data["seed"])
        if choice["algorithm"]["learning_rate"] != 0.1:
            factor *= 3  # the worse rate, which is not to count
        truth = truths[str(data)]
        signs = np.where(np.arange(len(truth)) % 2, 1.0, -1.0)[:, None]
        return {"outputs": (truth + 0.1 * factor * signs).astype(np.float32)}

    return made_up(study, member)


@pytest.mark.parametrize(
    ("clean", "dirty", "spread", "verdict"),
    [
        (1.0, 0.2, 0.05, "supported"),
        (1.0, 1.3, 0.05, "refuted"),
        (1.4, 0.2, 0.05, "refuted"),
        (1.1, 0.2, 0.05, "undecided"),
        (1.0, 0.9, 0.5, "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(
    clean: float, dirty: float, spread: float, verdict: Verdict
) -> None:
    finding = HuberAndOutliers().judge({WHOLE: result(clean, dirty, spread)})
    assert finding.verdict == verdict
    assert f"{dirty:.2f} (" in finding.decides
    assert finding.table[1][:2] == ("mse", "0.100")
    finding.figures[0].chart.to_dict()


def test_a_network_that_diverged_counts_as_the_mean() -> None:
    whole = result(1.0, 0.2)
    members = tuple(
        replace(member, status="diverged", outputs=None)
        if whole.record.choices[member.choice].document["loss"]["name"] == "mae"
        else member
        for member in whole.record.members
    )
    finding = HuberAndOutliers().judge({WHOLE: Result(replace(whole.record, members=members))})
    row = next(row for row in finding.table if row[0] == "mae")
    assert float(row[1]) > 1  # the plane is that uneven
