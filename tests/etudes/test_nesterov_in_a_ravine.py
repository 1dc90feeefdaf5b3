"""The rule of the étude on walks that nobody took, and the rates of theory on real ones."""

import math
from typing import Any

import numpy as np
import pytest

import etude
from etude.algorithm.momentum import Momentum
from etude.algorithm.nesterov import Nesterov
from etude.etudes.base import Verdict
from etude.etudes.nesterov_in_a_ravine import CONDITIONS, STEPS, TARGET, NesterovInARavine
from etude.evidence.result import Result
from made_up import made_up


def results(nesterov: Any, momentum: Any, diverged: float = math.inf) -> dict[str, Result]:
    """Walks that come down for good at the step that a function of κ says."""
    found = {}
    for part, study in NesterovInARavine().studies().items():
        algorithms = tuple(
            rule(learning_rate=rate, momentum=beta, batch_size="full", epochs=STEPS)
            for rule in (Momentum, Nesterov)
            for rate in (0.001, 0.002)
            for beta in (0.5, 0.9)
        )
        study = study.model_copy(update={"algorithm": algorithms})

        def member(choice: dict[str, Any], split: int, seed: int) -> dict[str, Any]:
            condition, rule = int(choice["data"]["condition"]), choice["algorithm"]
            if rule["learning_rate"] >= diverged:
                curves = np.full((3, 3, 1), 1e-9, np.float32)  # low until it is thrown out
                return {"status": "diverged", "curves": curves}
            step = (nesterov if rule["name"] == "nesterov" else momentum)(condition)
            curves = np.full((STEPS, 3, 1), 1.0, np.float32)
            curves[step - 1 :, :, 0] = TARGET / 2
            curves[1, :, 0] = TARGET / 2  # flies through, and up again
            return {"curves": curves}

        found[part] = made_up(study, member, judged="train")
    return found


@pytest.mark.parametrize(
    ("nesterov", "momentum", "verdict"),
    [
        (lambda c: 30, lambda c: 60 + c // 100, "supported"),
        (lambda c: 60 + c // 100, lambda c: 30, "refuted"),
        (lambda c: 40 if c < 60 else 30, lambda c: 30 if c < 60 else 40, "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(nesterov: Any, momentum: Any, verdict: Verdict) -> None:
    finding = NesterovInARavine().judge(results(nesterov, momentum))
    assert finding.verdict == verdict
    assert f"n = {len(CONDITIONS)}" in finding.decides
    assert len(finding.table) == 1 + len(CONDITIONS)
    assert finding.table[1][1] == str(momentum(10))
    finding.figures[0].chart.to_dict()


def test_the_ratio_is_the_geometric_mean() -> None:
    finding = NesterovInARavine().judge(results(lambda c: 30, lambda c: 20))
    assert "takes 1.50 (1.50 to 1.50) times" in finding.decides


def test_one_that_diverged_never_arrives() -> None:
    finding = NesterovInARavine().judge(results(lambda c: 30, lambda c: 20, diverged=0.002))
    assert {row[1] for row in finding.table[1:]} == {"20"}


def test_the_walks_are_those_of_the_formulas() -> None:
    """Steps to the floor, counted on the recurrence in double precision."""
    rate, beta, condition = 1 / 50, 0.6, 50.0
    start = np.array([math.sqrt(2) * math.cos(math.radians(45)), 0.2 * math.sin(math.radians(45))])
    steep = np.array([1.0, condition])
    for rule, ahead in ((Momentum, 0.0), (Nesterov, 1.0)):
        point, velocity, heights = start.copy(), np.zeros(2), []
        for _ in range(40):
            gradient = steep * (point - ahead * rate * beta * velocity)
            velocity = beta * velocity + gradient
            point = point - rate * velocity
            heights.append(float(np.sum(steep * point**2) / 2))
        result = etude.run(
            etude.Study(
                data=etude.Surface(function="ravine", condition=condition),
                model=etude.Point(x=float(start[0]), y=float(start[1])),
                loss=etude.Height(),
                algorithm=rule(learning_rate=rate, momentum=beta, batch_size="full", epochs=40),
                validation=etude.TrainingOnly(),
            )
        )
        (member,) = result.record.members
        np.testing.assert_allclose(member.curves[:, 0, 0], heights, rtol=1e-3)
