"""Adam's relatives against their papers in NumPy, against Optax, and against PyTorch."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from surface import (
    START,
    STEPS,
    TRAJECTORIES,
    Rate,
    Recurrence,
    always,
    cosine,
    gradient,
    optax_path,
    path,
    surface,
)

from etude.algorithm.adabelief import AdaBelief
from etude.algorithm.adamax import Adamax
from etude.algorithm.amsgrad import AMSGrad
from etude.algorithm.base import Algorithm
from etude.algorithm.lion import Lion
from etude.algorithm.nadam import NAdam
from etude.algorithm.radam import RAdam
from etude.algorithm.schedule import Constant, Cosine
from etude.algorithm.schedule_free_adamw import ScheduleFreeAdamW


def nadam(w: np.ndarray, rate: Rate, b1: float, b2: float, eps: float) -> Recurrence:
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        ahead = b1 / (1 - b1 ** (t + 1)) * m + (1 - b1) / (1 - b1**t) * g
        w = w - rate(t) * ahead / (np.sqrt(v / (1 - b2**t)) + eps)
        yield w


def amsgrad(w: np.ndarray, rate: Rate, b1: float, b2: float, eps: float) -> Recurrence:
    m, v, largest = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        largest = np.maximum(largest, v / (1 - b2**t))
        w = w - rate(t) * m / (1 - b1**t) / (np.sqrt(largest) + eps)
        yield w


def adamax(w: np.ndarray, rate: Rate, b1: float, b2: float, eps: float) -> Recurrence:
    m, u = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, abs(g) + eps)
        w = w - rate(t) / (1 - b1**t) * m / u
        yield w


def radam(w: np.ndarray, rate: Rate, b1: float, b2: float, eps: float) -> Recurrence:
    m, v = np.zeros_like(w), np.zeros_like(w)
    limit = 2 / (1 - b2) - 1
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        step = m / (1 - b1**t)
        rho = limit - 2 * t * b2**t / (1 - b2**t)
        if rho >= 5:
            above, below = (rho - 4) * (rho - 2) * limit, (limit - 4) * (limit - 2) * rho
            step = np.sqrt(above / below) * step / (np.sqrt(v / (1 - b2**t)) + eps)
        w = w - rate(t) * step
        yield w


def adabelief(w: np.ndarray, rate: Rate, b1: float, b2: float, eps: float) -> Recurrence:
    m, s = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * (g - m) ** 2 + eps
        w = w - rate(t) * m / (1 - b1**t) / (np.sqrt(s / (1 - b2**t)) + eps)
        yield w


def lion(w: np.ndarray, rate: Rate, b1: float, b2: float, decay: float) -> Recurrence:
    m = np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        w, m = (
            w - rate(t) * (np.sign(b1 * m + (1 - b1) * g) + decay * w),
            b2 * m + (1 - b2) * g,
        )
        yield w


def schedule_free_adamw(
    w: np.ndarray, rate: Rate, b1: float, b2: float, eps: float, decay: float, power: float
) -> Recurrence:
    x, z, v = w, w, np.zeros_like(w)
    weights: list[float] = []
    for t in range(1, STEPS + 1):
        y = (1 - b1) * z + b1 * x
        g = gradient(y)
        v = b2 * v + (1 - b2) * g**2
        z = z - rate(t) * (g / (np.sqrt(v / (1 - b2**t)) + eps) + decay * y)
        weights.append(max(rate(s) for s in range(1, t + 1)) ** power)
        share = weights[-1] / sum(weights)
        x = (1 - share) * x + share * z
        yield x


NUMBERS = {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4}
# Rule, other fields than NUMBERS, recurrence, its constants, Optax's rule and its arguments.
ADAM_LIKE = {"b1": 0.8, "b2": 0.95, "eps": 1e-4}
CASES: dict[
    type[Algorithm], tuple[dict[str, float], Callable[..., Recurrence], tuple[float, ...], Any]
] = {
    NAdam: (NUMBERS, nadam, (0.8, 0.95, 1e-4), optax.nadam(0.05, **ADAM_LIKE)),
    AMSGrad: (NUMBERS, amsgrad, (0.8, 0.95, 1e-4), optax.amsgrad(0.05, **ADAM_LIKE)),
    Adamax: (NUMBERS, adamax, (0.8, 0.95, 1e-4), optax.adamax(0.05, **ADAM_LIKE)),
    RAdam: (NUMBERS, radam, (0.8, 0.95, 1e-4), optax.radam(0.05, **ADAM_LIKE)),
    AdaBelief: (
        NUMBERS,
        adabelief,
        (0.8, 0.95, 1e-4),
        optax.adabelief(0.05, **ADAM_LIKE, eps_root=1e-4),
    ),
    Lion: (
        {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.1},
        lion,
        (0.8, 0.95, 0.1),
        optax.lion(0.02, b1=0.8, b2=0.95, weight_decay=0.1),
    ),
    ScheduleFreeAdamW: (
        NUMBERS | {"weight_decay": 0.1, "weight_power": 1.5},
        schedule_free_adamw,
        (0.8, 0.95, 1e-4, 0.1, 1.5),
        optax.contrib.schedule_free_adamw(0.05, **ADAM_LIKE, weight_decay=0.1, weight_lr_power=1.5),
    ),
}
in_turn = pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.name)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
@in_turn
def test_follows_its_paper(cls: type[Algorithm], dtype: Any, tolerance: float) -> None:
    fields, recurrence, constants, _ = CASES[cls]
    expected = np.array(list(recurrence(START, always(fields["learning_rate"]), *constants)))
    found = path(cls(**fields), dtype)
    assert found.dtype == dtype
    assert np.abs(found[-1] - START).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@in_turn
def test_follows_its_paper_under_a_schedule(cls: type[Algorithm]) -> None:
    fields, recurrence, constants, _ = CASES[cls]
    expected = np.array(list(recurrence(START, cosine(fields["learning_rate"]), *constants)))
    found = path(cls(**fields, schedule=Cosine()), np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@in_turn
def test_agrees_with_optax(cls: type[Algorithm]) -> None:
    fields, _, _, transformation = CASES[cls]
    evaluated = optax.contrib.schedule_free_eval_params if cls is ScheduleFreeAdamW else None
    expected = optax_path(transformation, START, surface, evaluated)
    found = path(cls(**fields), np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


# Settings under which PyTorch's definition is ours: tests/golden/make_torch.py says which.
TORCH: dict[type[Algorithm], dict[str, float]] = {
    NAdam: {},
    AMSGrad: {"beta2": 0.0},
    Adamax: {},
    RAdam: {"epsilon": 1e-60},
}


@pytest.mark.parametrize("cls", TORCH, ids=lambda cls: cls.name)
def test_agrees_with_torch(cls: type[Algorithm]) -> None:
    golden = TRAJECTORIES["rules"][cls.name]
    found = path(cls(learning_rate=golden["learning_rate"], **TORCH[cls]), np.float64)
    np.testing.assert_allclose(found[9::10], golden["path"], rtol=1e-10, atol=1e-10)


def test_radam_is_rectified_from_the_step_that_optax_takes() -> None:
    """With β₂ = 0.999, ρ is 4.996 at the fifth step and 5.994 at the sixth."""
    expected = optax_path(optax.radam(0.05), START, surface)
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-5)):
        found = path(RAdam(learning_rate=0.05), dtype)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_radam_without_enough_gradients_is_momentum() -> None:
    """ρ never exceeds ρ∞ = 3, so nothing is divided."""
    found = path(RAdam(learning_rate=0.003, beta1=0.8, beta2=0.5), np.float64)
    expected = np.array(list(radam(START, always(0.003), 0.8, 0.5, 1e-8)))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert np.isfinite(path(RAdam(learning_rate=0.003, beta2=0.0), np.float32)).all()


def test_schedule_free_weighs_a_warm_up_as_optax_does() -> None:
    rate, warm = 0.05, 10

    def warmed(count: Any) -> Any:
        return rate * jnp.minimum(1.0, (count.astype(float) + 1) / warm)

    base = optax.chain(
        optax.scale_by_rms(0.999, 1e-8, eps_in_sqrt=False, bias_correction=True),
        optax.scale_by_learning_rate(warmed),
    )
    # Optax counts from 1 for the weights of the average and from 0 for the steps.
    transformation = optax.contrib.schedule_free(base, lambda count: warmed(count - 1))
    expected = optax_path(transformation, START, surface, optax.contrib.schedule_free_eval_params)
    rule = ScheduleFreeAdamW(learning_rate=rate, schedule=Constant(warmup=warm / STEPS))
    np.testing.assert_allclose(path(rule, np.float64), expected, rtol=1e-10, atol=1e-10)


def test_schedule_free_with_power_0_is_the_plain_average_of_its_fast_weights() -> None:
    fields = {"learning_rate": 0.05, "weight_power": 0.0, "beta1": 0.0}
    averages = path(ScheduleFreeAdamW(**fields), np.float64)
    fast = path(ScheduleFreeAdamW(**fields), np.float64, points=True)
    means = np.cumsum(fast, 0) / np.arange(1, STEPS + 1)[:, None]
    np.testing.assert_allclose(averages, means, rtol=1e-10)
