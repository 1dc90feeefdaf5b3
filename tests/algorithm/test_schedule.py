"""Schedules against their formulas and against PyTorch."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from pydantic import ValidationError

from etude.algorithm.adadelta import Adadelta
from etude.algorithm.schedule import Constant, Cosine, Progress, Schedule, StepDecay
from etude.algorithm.sgd import SGD

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "torch.json").read_text())
TOTAL, EPOCH = 40, 10


def factors(schedule: Schedule, total: int = TOTAL) -> np.ndarray:
    with jax.enable_x64(True):
        steps = np.arange(total)
        compiled = jax.jit(
            lambda schedule, step: 1.0 * schedule.factor(Progress(step, EPOCH, total))
        )
        return np.array([compiled(schedule, step) for step in steps])


@pytest.mark.parametrize(
    ("schedule", "name"),
    [
        (Cosine(final=0.1), "cosine"),
        (StepDecay(decay=0.3, every=2), "step"),
        (Constant(warmup=0.2), "warmup"),
    ],
)
def test_agrees_with_torch(schedule: Schedule, name: str) -> None:
    np.testing.assert_allclose(factors(schedule), GOLDEN["schedules"][name], rtol=1e-12)


def test_constant_is_1() -> None:
    np.testing.assert_array_equal(factors(Constant()), np.ones(TOTAL))


def test_warmup_then_half_a_cosine() -> None:
    warm = 8
    expected = [(t + 1) / warm for t in range(warm)]
    for t in range(warm, TOTAL):
        share = (t - warm) / (TOTAL - warm)
        expected.append(0.25 + 0.75 * (1 + np.cos(np.pi * share)) / 2)
    found = factors(Cosine(final=0.25, warmup=warm / TOTAL))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_step_decay_counts_epochs_from_the_start_also_with_warmup() -> None:
    found = factors(StepDecay(decay=0.5, every=1, warmup=0.1))
    rise = np.minimum(1, (np.arange(TOTAL) + 1) / 4)
    np.testing.assert_allclose(found, rise * 0.5 ** (np.arange(TOTAL) // EPOCH), rtol=1e-12)


def test_a_scheduled_rule_has_the_rate_of_its_step() -> None:
    rule = SGD(learning_rate=0.2, schedule=StepDecay(decay=0.1, every=1))
    assert float(rule.scheduled(Progress(25, EPOCH, TOTAL)).learning_rate) == pytest.approx(0.002)
    assert rule.learning_rate == 0.2


def test_a_rule_without_a_rate_refuses_a_schedule() -> None:
    with pytest.raises(ValidationError, match=r"`schedule` changes a learning rate and adadelta"):
        Adadelta(schedule=Cosine())


@pytest.mark.parametrize("fields", [{"warmup": 1.0}, {"warmup": -0.1}, {"final": 1.5}])
def test_bad_shares_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Cosine(**fields)
