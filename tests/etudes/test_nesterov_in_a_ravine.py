"""The rule of the étude on walks that nobody took, and the rates of theory on real ones."""

import math
from typing import Any

import numpy as np
import pytest

import etude
from etude.algorithm.momentum import Momentum
from etude.algorithm.nesterov import Nesterov
from etude.etudes.base import CannotJudge, Verdict
from etude.etudes.nesterov_in_a_ravine import (
    CONDITIONS,
    POWERS,
    SHARES,
    STEPS,
    TARGET,
    NesterovInARavine,
)
from etude.evidence.result import Result
from made_up import made_up

TRIED = [0, 5, len(SHARES) - 1]
"""Places in the grid of learning rates; of β the outermost and the middle are taken too."""


def results(
    nesterov: Any, momentum: Any, best: int = 5, diverged: bool = False
) -> dict[str, Result]:
    """Walks that come down for good at the step that a function of κ says.

    Args:
        nesterov, momentum: of κ the steps with the best setting; all others take twice as many.
        best: the place in the grid of the best learning rate.
        diverged: whether all walks of Nesterov's are thrown out.
    """
    found = {}
    places = [
        share + len(SHARES) * power
        for power in (0, len(POWERS) // 2, len(POWERS) - 1, len(POWERS))
        for share in TRIED
    ]
    for part, study in NesterovInARavine().studies().items():
        half = len(study.algorithm) // 2
        algorithms = [study.algorithm[place + rule * half] for rule in (0, 1) for place in places]
        chosen = [algorithms[places.index(best + len(SHARES) * 7) + rule * 12] for rule in (0, 1)]
        rates = [algorithm.learning_rate for algorithm in chosen]
        study = study.model_copy(update={"algorithm": tuple(algorithms)})

        def member(
            choice: dict[str, Any], split: int, seed: int, rates: list[float] = rates
        ) -> dict[str, Any]:
            condition, rule = int(choice["data"]["condition"]), choice["algorithm"]
            if diverged and rule["name"] == "nesterov":
                curves = np.full((3, 3, 1), 1e-9, np.float32)  # low until it is thrown out
                return {"status": "diverged", "curves": curves}
            step = (nesterov if rule["name"] == "nesterov" else momentum)(condition)
            step *= 1 if rule["learning_rate"] in rates else 2
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
        (lambda c: 40 if c < 900 else 30, lambda c: 30, "undecided"),  # as many at one κ
    ],
)
def test_the_verdict_follows_the_rule(nesterov: Any, momentum: Any, verdict: Verdict) -> None:
    finding = NesterovInARavine().judge(results(nesterov, momentum))
    assert finding.verdict == verdict
    assert f"n = {len(CONDITIONS)}" in finding.decides
    assert len(finding.table) == 1 + len(CONDITIONS)
    assert finding.table[1][1] == f"{momentum(10):.1f}"
    finding.figures[0].chart.to_dict()


def test_mean_and_spread_of_the_ratio_are_told() -> None:
    finding = NesterovInARavine().judge(results(lambda c: 40 if c == 10 else 30, lambda c: 20))
    mean = math.exp((math.log(2) + 8 * math.log(1.5)) / 9)
    assert f"takes {mean:.2f} (1.50 to 2.00) times" in finding.decides


@pytest.mark.parametrize("best", [0, len(SHARES) - 1])
def test_a_best_setting_at_an_edge_decides_nothing(best: int) -> None:
    finding = NesterovInARavine().judge(results(lambda c: 60, lambda c: 30, best=best))
    assert finding.verdict == "undecided"
    assert "at an edge of their grid" in finding.decides


def test_a_rule_that_never_arrives_cannot_be_judged() -> None:
    with pytest.raises(CannotJudge, match=r"steps of nesterov .* must be above 0 and finite"):
        NesterovInARavine().judge(results(lambda c: 30, lambda c: 20, diverged=True))


@pytest.mark.parametrize("condition", [10.0, 1000.0])
def test_the_largest_stable_rate_and_the_best_momentum_of_the_long_run(condition: float) -> None:
    """By the eigenvalues of the recurrences, and of theory's settings against their neighbours."""

    def slowest(rule: str, steep: float, beta: float) -> float:
        """The largest factor by which a step multiplies, over both directions."""
        found = []
        for curvature in (steep / condition, steep):
            if rule == "nesterov":
                trace, product = (1 + beta) * (1 - curvature), beta * (1 - curvature)
            else:
                trace, product = 1 + beta - curvature, beta
            found.append(np.abs(np.linalg.eigvals([[trace, -product], [1.0, 0.0]])).max())
        return max(found)

    study = NesterovInARavine().studies()[f"condition_{condition:g}"]
    root, other = math.sqrt(condition), math.sqrt(3 * condition + 1)
    best = {"momentum": ((root - 1) / (root + 1)) ** 2, "nesterov": (other - 2) / (other + 2)}
    largest = {"momentum": lambda b: 2 * (1 + b), "nesterov": lambda b: 2 * (1 + b) / (1 + 2 * b)}
    assert len(study.algorithm) == 2 * len(SHARES) * (len(POWERS) + 1)
    for number, algorithm in enumerate(study.algorithm):
        share, power = SHARES[number % len(SHARES)], number // len(SHARES) % (len(POWERS) + 1)
        name, beta = type(algorithm).name, algorithm.momentum
        wanted = 0.9 if power == len(POWERS) else best[name] ** POWERS[power]
        assert beta == pytest.approx(wanted)
        assert algorithm.learning_rate * condition == pytest.approx(share * largest[name](beta))
    for rule, beta in best.items():
        limit = largest[rule](beta)
        assert slowest(rule, 0.9999 * limit, beta) < 1 < slowest(rule, 1.0001 * limit, beta)
        # With the right learning rate it has theory's long run, and no other β has a better one.
        steep = 4 / (root + 1) ** 2 if rule == "momentum" else 4 / other**2
        least = slowest(rule, steep * condition, beta)
        assert least == pytest.approx(1 - 2 / (other if rule == "nesterov" else root + 1), abs=1e-6)
        for nearby in (0.97 * beta, beta, beta + 0.03 * (1 - beta)):
            tried = np.linspace(0.5, 1, 400) * largest[rule](nearby)
            assert min(slowest(rule, steep, nearby) for steep in tried) > least - 1e-6


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
