"""The rule of the étude on paths that nobody walked."""

from typing import Any

import numpy as np
import pytest

from etude.etudes.base import CannotJudge, Verdict
from etude.etudes.momentum_and_rmsprop import MomentumAndRMSProp, Walk
from etude.evidence.result import Result
from made_up import made_up

STEPS = 60


def walk(factor: float) -> np.ndarray:
    """A coordinate that every step multiplies by a factor, in units of its start."""
    return factor ** np.arange(1, STEPS + 1)


def results(momentum: Any, plain: Any, rescaled: float) -> dict[str, Result]:
    """Paths whose coordinates shrink geometrically; those of RMSProp by κ to a power.

    Args:
        momentum, plain: of ηκ the factor across by which a step multiplies.
        rescaled: the power of κ by which RMSProp goes further across than along.
    """
    found = {}
    for part, axis in (("across", 1), ("along", 0)):
        study = MomentumAndRMSProp().studies()[part]

        def member(
            choice: dict[str, Any], split: int, seed: int, axis: int = axis
        ) -> dict[str, Any]:
            rule, condition = choice["algorithm"], choice["data"]["condition"]
            steep = rule["learning_rate"] * condition
            if rule["name"] != "rmsprop" and steep >= 2:
                return {"status": "diverged"}
            start = choice["model"]["xy"[axis]]
            if rule["name"] == "rmsprop":
                step = 1e-4 * (condition**rescaled if axis else 1)
                path = start * (1 - step * np.arange(1, STEPS + 1))
            elif axis:
                path = start * walk((momentum if rule["name"] == "momentum" else plain)(steep))
            else:
                path = start * walk(0.95)
            curves = np.zeros((STEPS, 3, 2), np.float32)
            curves[:, 0, 1] = path
            return {"curves": curves}

        found[part] = made_up(study, member, metrics=("loss", "coordinate"), judged="train")
    return found


@pytest.mark.parametrize(
    ("momentum", "plain", "rescaled", "verdict"),
    [
        (lambda s: 0.5, lambda s: 1 - s, 0.0, "supported"),  # straight to the floor
        (lambda s: -0.99, lambda s: 1 - s, 0.0, "refuted"),  # from wall to wall
        (lambda s: 0.5, lambda s: 1 - s, 0.9, "refuted"),  # axes as they are
        (lambda s: 0.9, lambda s: 0.9, 0.0, "undecided"),  # no difference
        # It is better at half of the rates and worse at the others; or worse at most of them.
        (lambda s: 0.5 if s > 1.7 else -0.99, lambda s: 1 - s, 0.0, "undecided"),
        (lambda s: 0.5 if s > 1.9 else -0.99, lambda s: 1 - s, 0.0, "refuted"),
    ],
)
def test_the_verdict_follows_the_rule(
    momentum: Any, plain: Any, rescaled: float, verdict: Verdict
) -> None:
    finding = MomentumAndRMSProp().judge(results(momentum, plain, rescaled))
    assert finding.verdict == verdict
    assert f"to a power of {rescaled:.2f} with RMSProp" in finding.decides
    finding.figures[0].chart.to_dict()


def test_swing_and_crossings_of_a_path() -> None:
    across = np.array([2.0, -1.0, 0.5, 0.4, -0.3, 0.01, -0.005])
    path = np.stack([np.linspace(-1, 0, 7), across], 1)
    found = Walk(condition=10, rule="sgd", rate=0.1, path=path)
    # 2 → −1 → 0.5 → 0.4 → −0.3; what comes then is nearer than a hundredth of 2.
    assert found.crossings == 3
    assert found.swing == pytest.approx(np.abs(across[1:]).mean() / 2)
    assert found.height == pytest.approx(10 * 0.005**2 / 2)
    assert found.share_across == pytest.approx(np.abs(np.diff(across)).sum() / 1.0)


def test_the_range_over_the_rates_is_told() -> None:
    finding = MomentumAndRMSProp().judge(results(lambda s: 0.5, lambda s: -0.9, 0.0))
    swings = walk(0.5).mean() / walk(0.9).mean()  # the same at every ηκ
    assert f"at 0 of n = 14 values of ηκ from 1.51 to 1.95 ({swings:.2g} times" in finding.decides
    assert len(finding.table) == 1 + 14 + 1
    assert {row[1] for row in finding.table[1:]} == {f"{swings:.2g}"}
    # Factors above a hundredth: 0.9ᵏ crosses at every one of 43 steps, 0.5ᵏ never.
    assert {row[2] for row in finding.table[1:]} == {"-43"}


def test_walks_that_diverged_cannot_be_judged() -> None:
    found = results(lambda s: 0.5, lambda s: 1 - s, 0.0)
    for result in found.values():
        for member in result.record.members:
            object.__setattr__(member, "status", "diverged")
    with pytest.raises(CannotJudge, match="diverged"):
        MomentumAndRMSProp().judge(found)
