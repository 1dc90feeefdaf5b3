"""Schedules against their formulas and against PyTorch."""

import json
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from pydantic import ValidationError

from etude.algorithm.adadelta import Adadelta
from etude.algorithm.schedule import (
    Constant,
    Cosine,
    ExponentialDecay,
    LinearDecay,
    OneCycle,
    Progress,
    Schedule,
    StepDecay,
)
from etude.algorithm.sgd import SGD
from etude.component import component_class

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
        (ExponentialDecay(decay=0.7), "exponential"),
        (LinearDecay(final=0.2), "linear"),
        (OneCycle(), "one_cycle"),
    ],
)
def test_agrees_with_torch(schedule: Schedule, name: str) -> None:
    np.testing.assert_allclose(factors(schedule), GOLDEN["schedules"][name], rtol=1e-12)


def test_constant_is_1() -> None:
    np.testing.assert_array_equal(factors(Constant()), np.ones(TOTAL))


def test_step_decay_counts_epochs_from_the_start_also_with_warmup() -> None:
    found = factors(StepDecay(decay=0.5, every=1, warmup=0.1))
    rise = np.minimum(1, (np.arange(TOTAL) + 1) / 4)
    np.testing.assert_allclose(found, rise * 0.5 ** (np.arange(TOTAL) // EPOCH), rtol=1e-12)


def after_a_warm_up(shape: Callable[[int], float], warm: int = 8) -> np.ndarray:
    """A rise over the first steps, and then a shape of which it is given the steps done."""
    rise = [shape(0) * (t + 1) / warm for t in range(warm)]
    return np.array(rise + [shape(t) for t in range(TOTAL - warm)])


@pytest.mark.parametrize(
    ("schedule", "shape"),
    [
        (ExponentialDecay(decay=0.5, warmup=0.2), lambda t: 0.5 ** (t / EPOCH)),
        (LinearDecay(final=0.25, warmup=0.2), lambda t: 1 - 0.75 * t / 32),
        (Cosine(final=0.25, warmup=0.2), lambda t: 0.625 + 0.375 * np.cos(np.pi * t / 32)),
    ],
)
def test_warm_up_then_its_shape_over_the_other_steps(
    schedule: Schedule, shape: Callable[[int], float]
) -> None:
    np.testing.assert_allclose(factors(schedule), after_a_warm_up(shape), rtol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "of_optax"),
    [
        (ExponentialDecay(decay=0.5), optax.exponential_decay(1.0, EPOCH, 0.5)),
        (LinearDecay(final=0.25), optax.linear_schedule(1.0, 0.25, TOTAL)),
        (
            OneCycle(peak=0.4, start=0.1, final=0.02),
            # Optax ends one step later: its last step is the first after the cycle.
            optax.piecewise_interpolate_schedule("cosine", 0.1, {15: 10.0, 39: 0.02}),
        ),
    ],
)
def test_agrees_with_optax(schedule: Schedule, of_optax: optax.Schedule) -> None:
    with jax.enable_x64(True):
        expected = [float(of_optax(np.float64(t))) for t in range(TOTAL)]
    np.testing.assert_allclose(factors(schedule), expected, rtol=1e-6)


def test_one_cycle_after_a_warm_up_is_the_cycle_of_the_other_steps() -> None:
    """Of 40 steps 8 are the warm-up, and the cycle of 32 is highest at its tenth."""
    found = factors(OneCycle(peak=0.3125, start=0.2, final=0.1, warmup=0.2))
    alone = factors(OneCycle(peak=0.3125, start=0.2, final=0.1), 32)
    np.testing.assert_allclose(found, after_a_warm_up(lambda t: alone[t]), rtol=1e-12)
    assert np.argmax(found) == 8 + 9
    assert found.max() == pytest.approx(1)
    assert found[-1] == pytest.approx(0.1)


@pytest.mark.parametrize("schedule", [OneCycle(), LinearDecay(), ExponentialDecay(warmup=0.9)])
def test_budgets_of_few_steps_have_a_rate_at_every_one(schedule: Schedule) -> None:
    for total in (1, 2, 3):
        found = factors(schedule, total)
        assert np.isfinite(found).all()
        assert (found > 0).all()
        assert (found <= 1).all()


def test_a_scheduled_rule_has_the_rate_of_its_step() -> None:
    rule = SGD(learning_rate=0.2, schedule=StepDecay(decay=0.1, every=1))
    assert float(rule.scheduled(Progress(25, EPOCH, TOTAL)).learning_rate) == pytest.approx(0.002)
    assert rule.learning_rate == 0.2


@pytest.mark.parametrize("name", ["exponential", "linear", "one_cycle"])
def test_names_in_study_files(name: str) -> None:
    cls = component_class("schedule", name)
    assert cls.from_document(cls(warmup=0.1).document()) == cls(warmup=0.1)


def test_a_rule_without_a_rate_refuses_a_schedule() -> None:
    with pytest.raises(ValidationError, match=r"`schedule` changes a learning rate and adadelta"):
        Adadelta(schedule=Cosine())


@pytest.mark.parametrize("fields", [{"warmup": 1.0}, {"warmup": -0.1}, {"final": 1.5}])
def test_bad_shares_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Cosine(**fields)
