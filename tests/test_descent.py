"""Descent end to end: budgets, batches and schedules by hand, and every rule on every surface."""

from typing import Any

import numpy as np
import pytest

import etude
from etude.algorithm.base import Algorithm
from etude.algorithm.basics import BASICS
from etude.data.surfaces import height


def descent(
    x: np.ndarray, y: np.ndarray, rates: list[float], weights: np.ndarray
) -> list[np.ndarray]:
    """Full-batch gradient descent on the mean squared error, in double precision."""
    path = []
    for rate in rates:
        weights = weights - rate * 2 * x.T @ (x @ weights - y) / len(x)
        path.append(weights)
    return path


def test_budgets_batches_and_schedules_are_what_they_say() -> None:
    data = etude.Diabetes()
    prepared = data.prepare()
    rows, steps = prepared.rows, 12
    full: dict[str, Any] = {"batch_size": "full", "learning_rate": 0.1}
    rules = (
        etude.SGD(epochs=steps, schedule=etude.Cosine(final=0.1, warmup=0.25), **full),
        etude.SGD(steps=steps, schedule=etude.StepDecay(decay=0.5, every=4), **full),
        etude.SGD(steps=500, batch_size=1, learning_rate=0.001),
    )
    result = etude.run(
        etude.Study(
            data=data,
            model=etude.Linear(initializer=etude.Zeros()),
            loss=etude.MSE(),
            algorithm=rules,
            validation=etude.TrainingOnly(),
        )
    )
    members = result.record.members
    assert [(member.steps, member.epochs) for member in members] == [
        (12, 12),
        (12, 12),
        (500, 2),  # 442 rows, then 58 of them
    ]
    inputs = prepared.arrays["inputs"].astype(np.float64)
    targets = prepared.targets
    assert targets is not None
    x = np.column_stack([(inputs - inputs.mean(0)) / inputs.std(0), np.ones(rows)])
    y = ((targets - targets.mean(0)) / targets.std(0))[:, 0]
    share = np.clip((np.arange(steps) - 3) / 9, 0, 1)
    rise = np.minimum(1, (np.arange(steps) + 1) / 3)
    cosine = rise * (0.1 + 0.9 * (1 + np.cos(np.pi * share)) / 2)
    decays = 0.5 ** (np.arange(steps) // 4)
    for member, factors in zip(members, (cosine, decays), strict=False):
        path = descent(x, y, list(0.1 * factors), np.zeros(x.shape[1]))
        losses = [np.mean((x @ weights - y) ** 2) for weights in path]
        np.testing.assert_allclose(member.curves[:, 0, 0], losses, rtol=1e-4)
    assert members[2].values["train"]["loss"] < 0.6  # type: ignore[operator]


# Surfaces

SLOW = pytest.mark.slow


def surface_rules() -> tuple[Algorithm, ...]:
    budget: dict[str, Any] = {"batch_size": "full", "epochs": 3000}
    rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
    found: tuple[Algorithm, ...] = ()
    for cls in BASICS:
        if cls is etude.Adadelta:
            found += etude.grid(cls, decay=[0.5, 0.9], epsilon=[1e-8, 1e-5], **budget)
        elif cls is etude.AdamW:
            found += etude.grid(cls, learning_rate=rates, weight_decay=[0.0], **budget)
        else:
            found += etude.grid(cls, learning_rate=rates, **budget)
    return found


@pytest.mark.parametrize(
    "names",
    [["rosenbrock", "saddle"], pytest.param(["ravine", "beale", "himmelblau"], marks=SLOW)],
    ids=lambda names: names[0],
)
def test_every_rule_walks_down_every_surface(names: list[str]) -> None:
    """A surface is a program; the first two ask most of a rule, and run every day."""
    result = etude.run(
        etude.Study(
            data=etude.grid(etude.Surface, function=names),
            model=etude.Point(x=1.0, y=1.5),
            loss=etude.Height(),
            algorithm=surface_rules(),
            validation=etude.TrainingOnly(),
        )
    )
    record = result.record
    lowest: dict[tuple[str, str], float] = {}
    for member in record.members:
        choice = record.choices[member.choice].document
        place = (choice["data"]["function"], choice["algorithm"]["name"])
        reached = member.curves[:, 0, 0]
        if place[0] != "saddle":
            # Where it ends, not what it passes on its way.
            reached = reached[-1:] if member.status == "done" else np.array([np.inf])
        lowest[place] = min(lowest.get(place, np.inf), float(np.nanmin(reached)))
    assert len(lowest) == len(names) * 8
    tolerance = {"ravine": 2e-5, "rosenbrock": 0.02, "beale": 2e-3, "himmelblau": 2e-4}
    for (surface, rule), value in lowest.items():
        if surface == "saddle":
            start = float(height("saddle", np.array(1.0), np.array(1.5)))
            assert value < start - 100, rule
        else:
            assert -1e-6 < value < tolerance[surface], (surface, rule, value)
    # The best choice of a surface ends at a minimum, and the textbook agrees on its height.
    minima = {
        "ravine": [(0, 0)],
        "rosenbrock": [(1, 1)],
        "beale": [(3, 0.5)],
        "himmelblau": [
            (3, 2),
            (-2.805118, 3.131312),
            (-3.779310, -3.283186),
            (3.584428, -1.848126),
        ],
    }
    for surface in minima.keys() & set(names):
        network = etude.refit(result, result.best(data=names.index(surface)))
        (point,) = network.weights.values()
        assert min(np.abs(point - np.array(at)).max() for at in minima[surface]) < 5e-3, surface
        assert abs(height(surface, point[0], point[1])) < 1e-4  # type: ignore[arg-type]
