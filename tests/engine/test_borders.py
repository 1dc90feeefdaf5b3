"""Segments may end after any step: bits do not depend on where they do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import etude
from etude.engine.checkpoint import from_bytes, to_bytes
from etude.engine.device import current_device
from etude.engine.plan import Plan, inputs_of, plan
from etude.engine.population import Population
from etude.engine.status import Status

EPOCHS, BATCHES, STEPS = 4, 5, 17
"""The budget ends within the last epoch."""


def study(**fields: Any) -> etude.Study:
    """Forty training rows, five batches an epoch; one member diverges, some stop early."""
    stopping = etude.EarlyStopping(patience=1)
    rules = etude.grid(
        etude.SGD, learning_rate=[0.05, 3.0, 1e30], steps=STEPS, batch_size=8, stopping=stopping
    )
    values: dict[str, Any] = {
        "data": etude.Moons(rows=60, noise=0.2),
        "model": etude.MLP(widths=(4,), dropout=0.1),
        "loss": etude.CrossEntropy(),
        "algorithm": rules,
        "validation": etude.Holdout(test=0.17, validation=0.16),
    }
    return etude.Study(**(values | fields))


class Trainer:
    """Three members, trained with borders where the caller wants them."""

    def __init__(self, whole: Plan) -> None:
        self.whole, program = whole, whole.programs[0]
        assert program.batches == (BATCHES,)
        self.population = Population(
            program.training, program.width, {"xla_backend_optimization_level": "0"}
        )
        self.shared = whole.materials[0].on_device()

    def trained(self, every: int, through_bytes: bool = False) -> list[Any]:
        """The carries of all members, with a border after every so many steps."""
        found, width = [], self.population.width
        for first in range(0, 3, width):
            members = range(first, min(3, first + width))
            begun = {place: inputs_of(self.whole, member) for place, member in enumerate(members)}
            inputs, carry = self.population.start(self.shared, begun)
            borders = 0
            while np.any(np.atleast_1d(carry.status) == Status.RUNNING):
                stop = np.atleast_1d(carry.step) + every
                carry = self.population.train(self.shared, inputs, carry, stop)
                borders += 1
                if through_bytes:
                    parts = self.population.unstack(carry, width)
                    carry = self.population.stack([from_bytes(to_bytes(p), p) for p in parts])
            assert borders >= STEPS / every or first > 0
            found += self.population.unstack(carry, len(members))
        return found


@pytest.fixture(scope="module", params=[1, 3])
def trainer(request: pytest.FixtureRequest) -> Trainer:
    return Trainer(plan(study(), replace(current_device(1), fixed_width=request.param)))


@pytest.fixture(scope="module")
def undisturbed(trainer: Trainer) -> list[Any]:
    return trainer.trained(10**6)


def same(first: Any, second: Any) -> bool:
    return [to_bytes(part) for part in first] == [to_bytes(part) for part in second]


def test_the_members_end_in_different_ways(undisturbed: list[Any]) -> None:
    status = [Status(int(part.status)) for part in undisturbed]
    assert status[0] is Status.DONE
    assert status[2] is Status.DIVERGED
    assert (int(undisturbed[0].step), int(undisturbed[0].epoch)) == (STEPS, EPOCHS)
    assert np.isfinite(undisturbed[0].history[:, 0]).all(), "what was trained of it is judged"
    assert all(int(part.batch) == STEPS % BATCHES for part in undisturbed[:2])


@pytest.mark.parametrize("every", [1, 3, BATCHES])
def test_bits_do_not_depend_on_borders(
    trainer: Trainer, undisturbed: list[Any], every: int
) -> None:
    assert same(trainer.trained(every), undisturbed)


def test_bits_do_not_depend_on_a_resume_within_an_epoch(
    trainer: Trainer, undisturbed: list[Any]
) -> None:
    assert same(trainer.trained(3, through_bytes=True), undisturbed)


def test_members_at_different_steps_train_side_by_side() -> None:
    """As when a waiting member takes the place of one that has ended within an epoch."""
    trainer = Trainer(plan(study(), replace(current_device(1), fixed_width=3)))
    population, shared = trainer.population, trainer.shared
    expected = trainer.trained(10**6)
    begun = {place: inputs_of(trainer.whole, place) for place in range(3)}
    inputs, carry = population.start(shared, begun)
    ahead = population.train(shared, inputs, carry, np.array([7, 0, 13]))
    assert np.asarray(ahead.step).tolist()[:2] == [7, 0]
    assert np.asarray(ahead.batch).tolist()[:2] == [2, 0]
    assert np.isnan(np.asarray(ahead.history)[0, 1:]).all(), "an epoch is judged at its end"
    carry = population.train(shared, inputs, ahead, 10**6)
    assert same(population.unstack(carry, 3), expected)
