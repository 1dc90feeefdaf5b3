"""Every basic update rule against its formula, recomputed in NumPy, and against PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from surface import (
    START,
    STEPS,
    TRAJECTORIES,
    Recurrence,
    always,
    cosine,
    gradient,
    path,
)

from etude.algorithm.adadelta import Adadelta
from etude.algorithm.adagrad import Adagrad
from etude.algorithm.adam import Adam
from etude.algorithm.adamw import AdamW
from etude.algorithm.base import Algorithm
from etude.algorithm.basics import BASICS
from etude.algorithm.momentum import Momentum
from etude.algorithm.nesterov import Nesterov
from etude.algorithm.rmsprop import RMSprop
from etude.algorithm.schedule import Cosine
from etude.algorithm.sgd import SGD


def sgd(w: np.ndarray, rate: Callable[[int], float]) -> Recurrence:
    for t in range(1, STEPS + 1):
        w = w - rate(t) * gradient(w)
        yield w


def momentum(w: np.ndarray, rate: Callable[[int], float], beta: float) -> Recurrence:
    a = np.zeros_like(w)
    for t in range(1, STEPS + 1):
        a = beta * a + gradient(w)
        w = w - rate(t) * a
        yield w


def nesterov(w: np.ndarray, rate: Callable[[int], float], beta: float) -> Recurrence:
    a = np.zeros_like(w)
    for t in range(1, STEPS + 1):
        a = beta * a + gradient(w - rate(t) * beta * a)
        w = w - rate(t) * a
        yield w


def adagrad(w: np.ndarray, rate: Callable[[int], float], eps: float) -> Recurrence:
    total = np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        total = total + g**2
        w = w - rate(t) * g / np.sqrt(total + eps)
        yield w


def rmsprop(w: np.ndarray, rate: Callable[[int], float], beta: float, eps: float) -> Recurrence:
    average = np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        average = beta * average + (1 - beta) * g**2
        w = w - rate(t) * g / np.sqrt(average + eps)
        yield w


def adadelta(w: np.ndarray, alpha: float, eps: float) -> Recurrence:
    squares, steps = np.zeros_like(w), np.zeros_like(w)
    for _ in range(STEPS):
        g = gradient(w)
        squares = alpha * squares + (1 - alpha) * g**2
        delta = np.sqrt(steps + eps) / np.sqrt(squares + eps) * g
        w = w - delta
        steps = alpha * steps + (1 - alpha) * delta**2
        yield w


def adam(
    w: np.ndarray,
    rate: Callable[[int], float],
    beta1: float,
    beta2: float,
    eps: float,
    decay: float = 0.0,
) -> Recurrence:
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        direction = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        w = w - rate(t) * (direction + decay * w)
        yield w


CASES: dict[
    type[Algorithm], tuple[dict[str, float], Callable[..., Recurrence], tuple[Any, ...]]
] = {
    SGD: ({"learning_rate": 0.01}, sgd, ()),
    Momentum: ({"learning_rate": 0.003, "momentum": 0.8}, momentum, (0.8,)),
    Nesterov: ({"learning_rate": 0.003, "momentum": 0.8}, nesterov, (0.8,)),
    Adagrad: ({"learning_rate": 0.1, "epsilon": 1e-3}, adagrad, (1e-3,)),
    RMSprop: (
        {"learning_rate": 0.01, "decay": 0.8, "epsilon": 1e-3},
        rmsprop,
        (0.8, 1e-3),
    ),
    Adadelta: ({"decay": 0.8, "epsilon": 1e-4}, adadelta, (0.8, 1e-4)),
    Adam: (
        {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
        adam,
        (0.8, 0.95, 1e-4),
    ),
    AdamW: (
        {
            "learning_rate": 0.05,
            "beta1": 0.8,
            "beta2": 0.95,
            "epsilon": 1e-4,
            "weight_decay": 0.1,
        },
        adam,
        (0.8, 0.95, 1e-4, 0.1),
    ),
}


def test_every_basic_rule_is_tested() -> None:
    assert set(CASES) == set(BASICS)
    assert set(TRAJECTORIES["rules"]) >= {cls.name for cls in BASICS}


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.name)
def test_follows_its_formula(cls: type[Algorithm], dtype: Any, tolerance: float) -> None:
    fields, recurrence, constants = CASES[cls]
    rates = (always(fields["learning_rate"]),) if "learning_rate" in fields else ()
    expected = np.array(list(recurrence(START, *rates, *constants)))
    found = path(cls(**fields), dtype)
    assert found.dtype == dtype
    assert np.abs(found[-1] - START).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("cls", [cls for cls in CASES if cls is not Adadelta])
def test_follows_its_formula_under_a_schedule(cls: type[Algorithm]) -> None:
    fields, recurrence, constants = CASES[cls]
    expected = np.array(list(recurrence(START, cosine(fields["learning_rate"]), *constants)))
    found = path(cls(**fields, schedule=Cosine()), np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cls", BASICS, ids=lambda cls: cls.name)
def test_agrees_with_torch(cls: type[Algorithm]) -> None:
    golden = TRAJECTORIES["rules"][cls.name]
    fields = {} if cls is Adadelta else {"learning_rate": golden["learning_rate"]}
    if cls in (Adagrad, RMSprop):
        fields["epsilon"] = 1e-60
    # PyTorch follows the variable of the rewritten form: the point of the next gradient.
    found = path(cls(**fields), np.float64, points=cls is Nesterov)
    np.testing.assert_allclose(found[9::10], golden["path"], rtol=1e-10, atol=1e-10)


def rewritten_nesterov(rate: Callable[[int], float], beta: float) -> np.ndarray:
    """The usual rewritten form: u ← u − η (g + βa) with a ← βa + g, g taken at u."""
    u, a, found = START, np.zeros_like(START), []
    for t in range(1, STEPS + 1):
        g = gradient(u)
        a = beta * a + g
        u = u - rate(t) * (g + beta * a)
        found.append(u)
    return np.array(found)


def test_nesterov_equals_its_rewritten_form_while_the_rate_is_constant() -> None:
    found = path(Nesterov(learning_rate=0.003, momentum=0.9), np.float64, points=True)
    np.testing.assert_allclose(found, rewritten_nesterov(always(0.003), 0.9), atol=1e-10)


def test_nesterov_differs_from_its_rewritten_form_under_a_schedule() -> None:
    rule = Nesterov(learning_rate=0.003, momentum=0.9, schedule=Cosine())
    difference = path(rule, np.float64, points=True) - rewritten_nesterov(cosine(0.003), 0.9)
    assert np.abs(difference).max() > 1e-3


def test_adam_is_the_form_with_the_corrected_rate() -> None:
    """η√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε̂) with ε̂ = ε√(1 − β₂ᵗ), the same by algebra."""
    w, m, v = START, np.zeros_like(START), np.zeros_like(START)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
        root = np.sqrt(1 - 0.99**t)
        w = w - 0.05 * root / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-3 * root)
    found = path(Adam(learning_rate=0.05, beta2=0.99, epsilon=1e-3), np.float64)
    np.testing.assert_allclose(found[-1], w, rtol=1e-10)
