"""Étude: the work as one study."""

import jax
import numpy as np

from digits_peers.work import BATCH_SIZE, FOLDS, RULES, SPLIT_SEED, Fold, Start, Starts, Work
from etude import MLP, CrossEntropy, Digits, Stratified, Study, plan, run
from etude.algorithm.base import Algorithm
from etude.data.base import Source
from etude.engine.plan import inputs_of, share
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
    """The initial weights and batch orders that Étude draws for every fold and seed.

    Args:
        work: the work.
        data: the peers' folds; that they are Étude's own is checked here.
    """
    whole = plan(study(work))
    material, program = whole.materials[0], whole.programs[0]
    for split, fold in zip(material.splits, data, strict=True):
        np.testing.assert_array_equal(np.sort(split.train), fold.rows)
    shared = share(material, BATCH_SIZE)
    init = jax.jit(program.training.init)
    found = {}
    for number, member in enumerate(whole.members[: FOLDS * work.seeds]):
        inputs = inputs_of(whole, number)
        layers = program.training.unravel(init(shared, inputs).weights)["layers"]
        split = jax.tree.map(lambda leaf, fold=member.split: leaf[fold], shared.splits)
        batches = jax.random.wrap_key_data(inputs.keys[1], impl="threefry2x32")
        count = material.splits[member.split].train.size
        rows = [
            material.prepared.stream.epoch(
                Source((), (), split), split.order, jax.random.fold_in(batches, epoch)
            )[:count]
            for epoch in range(work.epochs)
        ]
        own = data[member.split].rows
        np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(own, (work.epochs, 1)))
        found[member.split, member.seed] = Start(
            [np.asarray(layers[layer]["kernel"][...]) for layer in range(2)],
            [np.asarray(layers[layer]["bias"][...]) for layer in range(2)],
            np.searchsorted(own, np.asarray(rows)),
        )
    return found
