"""Étude: the work as one study."""

import jax
import numpy as np

from digits_peers.work import BATCH_SIZE, FOLDS, RULES, SPLIT_SEED, Fold, Start, Starts, Work
from etude import MLP, CrossEntropy, Digits, Stratified, Study, plan, run
from etude.algorithm.base import Algorithm
from etude.engine.plan import inputs_of
from etude.engine.population import Population
from etude.model.initializers import XavierUniform


def study(work: Work) -> Study:
    """The study whose members are the jobs of the work, in their order."""
    return Study(
        name="peers-on-digits",
        data=Digits(),
        model=MLP(widths=(64,), activation="relu", initializer=XavierUniform()),
        loss=CrossEntropy(),
        algorithm=tuple(
            Algorithm.from_document(
                {"name": name, RULES[name].swept: value, "batch_size": BATCH_SIZE}
                | {"epochs": work.epochs}
                | dict(RULES[name].fixed)
            )
            for name in work.rules
            for value in work.values(name)
        ),
        validation=Stratified(folds=FOLDS),
        seed=SPLIT_SEED,
        seeds=work.seeds,
    )


def train_all(work: Work) -> list[float]:
    """Train every network of the work in this process; their accuracies on the test rows."""
    record = run(study(work)).record
    trivial = {split.split: split.trivial["test"]["accuracy"] for split in record.splits}
    accuracies = []
    for job, member in zip(work.jobs(), record.members, strict=True):
        assert (job.fold, job.seed) == (member.split, member.seed)
        diverged = member.status == "diverged"
        value = trivial[job.fold] if diverged else member.values["test"]["accuracy"]
        assert value is not None
        accuracies.append(value)
    return accuracies


def starts(work: Work, data: list[Fold]) -> Starts:
    """The initial weights and batch orders of Étude's networks for every fold and seed.

    All choices share them, so those of the first choice are read off while it trains on the CPU,
    one network at a time.

    Args:
        work: the work.
        data: the peers' folds; that they are Étude's own is checked here.
    """
    whole = plan(study(work))
    material, program = whole.materials[0], whole.programs[0]
    for split, fold in zip(material.splits, data, strict=True):
        np.testing.assert_array_equal(np.sort(split.train), fold.rows)
    population = Population(program.training, program.width, program.options)
    shared = jax.device_put(material.shared)
    found = {}
    for number, member in enumerate(whole.members[: FOLDS * work.seeds]):
        inputs, carry = population.start(shared, {0: inputs_of(whole, number)})
        layers = program.training.unravel(carry.weights)["layers"]
        own = data[member.split].rows
        orders = []
        for epoch in range(1, work.epochs + 1):
            # What a table's stream carries is the order in which the epoch went through the rows.
            stop = epoch * program.batches[member.split]
            carry = population.train(shared, inputs, carry, stop)
            orders.append(np.asarray(carry.stream)[: len(own)])
        np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(own, (work.epochs, 1)))
        found[member.split, member.seed] = Start(
            [np.asarray(layers[layer]["kernel"][...]) for layer in range(2)],
            [np.asarray(layers[layer]["bias"][...]) for layer in range(2)],
            np.searchsorted(own, orders),
        )
    return found
