"""The chosen network, trained on all rows."""

import statistics

import numpy as np

from etude.engine.device import Device
from etude.engine.plan import inputs_of, plan, share
from etude.engine.population import Population
from etude.engine.status import Status
from etude.errors import InputError
from etude.network import Network, network_of
from etude.store.records import StudyRecord
from etude.study import Study
from etude.validation.holdout import TrainingOnly


def refit(
    study: Study, choice: int, record: StudyRecord | None = None, device: Device | None = None
) -> Network:
    """Train one choice of a study on all rows of its data.

    With early stopping there are no rows left to watch, so it trains for the median of the
    best epochs of its splits.

    Args:
        study: the study.
        choice: number of the choice.
        record: results of the study; needed where the choice stops early.
        device: where to train.

    Raises:
        InputError: the network diverged, or early stopping has no best epochs to go by.
    """
    chosen = study.choices()[choice]
    algorithm = chosen.algorithm
    if algorithm.stopping is not None:
        epochs = [
            member.best_epoch
            for member in (record.members if record else ())
            if member.choice == choice and member.best_epoch
        ]
        if not epochs:
            raise InputError(
                "`refit` trains a choice with early stopping for the median best epoch of its "
                "splits, and none has been trained; run the study first"
            )
        best = max(1, round(statistics.median(epochs)))
        algorithm = algorithm.changed(stopping=None, epochs=best, steps=0)
    alone = Study(
        name=study.name,
        data=chosen.data,
        model=chosen.model,
        loss=chosen.loss,
        algorithm=algorithm,
        labels=(chosen.label,) if chosen.label else (),
        validation=TrainingOnly(),
        metric=study.metric,
        seed=study.seed,
    )
    whole = plan(alone, device)
    program, material = whole.programs[0], whole.materials[0]
    population = Population(program.training, program.width, program.options)
    shared = share(material, program.task.batch_size)
    inputs, carry = population.start(shared, [inputs_of(whole, 0)])
    carry = population.train(shared, inputs, carry, program.task.epochs)
    inputs, part = population.unstack((inputs, carry), 1)[0]
    if int(part.status) == Status.DIVERGED:
        raise InputError(
            f"the network diverged at step {int(part.diverged)} when it was trained on all rows; "
            "choose one with a smaller learning rate"
        )
    means = np.asarray(part.history[int(part.epoch) - 1, 0], np.float64)
    columns = program.training.columns
    metrics = {"loss": float(means[columns[0]][0])} | {
        metric.name: float(metric.value(means[column]))
        for metric, column in zip(program.task.metrics, columns[1:], strict=True)
    }
    return network_of(
        material.prepared,
        chosen.model,
        chosen.loss,
        program.training.trained(inputs, part),
        {name: value[0] for name, value in shared.fitted.items()} if shared.fitted else {},
        chosen.document() | {"algorithm": algorithm.document()},
        {
            "rows": material.prepared.rows,
            "epochs": int(part.epoch),
            "steps": int(part.step),
            "train": metrics,
        },
    )
