"""The chosen network, trained on all rows."""

import statistics
from dataclasses import replace
from typing import Any

import numpy as np

from etude.engine.device import Device
from etude.engine.material import Material
from etude.engine.memory import check_training
from etude.engine.plan import Plan, Program, plan
from etude.engine.population import Population
from etude.engine.state import Carry
from etude.engine.status import Status
from etude.engine.train import Member as Training
from etude.ensemble.combination import Combination
from etude.errors import InputError
from etude.execution.record import curves_of
from etude.execution.streaming import trained_alone
from etude.network import Network, network_of
from etude.store.identity import study_identity
from etude.store.records import StudyRecord
from etude.study import Choice, Study
from etude.validation.holdout import TrainingOnly


def refit(
    study: Study,
    choice: int,
    record: StudyRecord,
    device: Device | None = None,
    seed: int = 0,
    epochs: int | None = None,
) -> Network:
    """Train one choice of a study on all rows of its data.

    With early stopping there are no rows left to watch, so it trains for the median of the
    best epochs of its splits and seeds; the schedule goes as it went there.

    Args:
        study: the study.
        choice: number of the choice.
        record: results of the study.
        device: where to train.
        seed: number of the seed, from which initial weights and batches follow.
        epochs: after so many training is cut off; None for as many as the choice has.

    Raises:
        InputError: there is no such choice or seed, or epochs are none of the budget; the data
            are not those of the study any more, the network diverged, or early stopping has no
            best epochs to go by.
    """
    choices = study.choices()
    if not 0 <= choice < len(choices):
        raise InputError(f"`choice` must be a number from 0 to {len(choices) - 1}, got {choice}")
    chosen = choices[choice]
    if chosen.estimator is not None:
        raise InputError(
            f"`refit` trains networks, and choice {choice} is the estimator "
            f"{record.choices[choice].label}; fit it with its own library, or choose a network"
        )
    model, loss, algorithm = chosen.network
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"`seed` must be a whole number of at least 0, got {seed}")
    last = epochs
    if last is None and algorithm.stopping is not None:
        last = median_best_epoch(record, choice, study.data_sets.index(chosen.data.unaugmented))
    whole = plan(_on_all_rows(study, chosen), device)
    whole = replace(whole, members=(replace(whole.members[0], seed=seed),))
    _check_data(study, chosen, whole, record)
    program, material = whole.programs[0], whole.materials[0]
    if epochs is not None and not 1 <= epochs <= program.task.epochs:
        raise InputError(f"`epochs` must be from 1 to {program.task.epochs}, got {epochs}")
    if epochs is not None and algorithm.ensemble is not None:
        raise InputError(f"`epochs` must be left out for an ensemble, got {epochs}")
    if algorithm.ensemble is not None:
        program = _keeping_networks(program, material, whole.device)
    training = program.training
    population = Population(training, program.width, program.options)
    shared = material.on_device()
    found = trained_alone(whole, 0, population, shared, 0, last or program.task.all_epochs)
    assert found is not None
    inputs, part = population.unstack(found, 1)[0]
    if int(part.status) == Status.DIVERGED:
        raise InputError(
            f"the network diverged at step {int(part.diverged)} when it was trained on all rows; "
            "choose one with a smaller learning rate"
        )
    combination = None
    if algorithm.ensemble is not None:
        stage = part.stage
        used = stage.coefficients[: int(stage.number)]
        combination = Combination(algorithm.ensemble, used, stage.start)
    return network_of(
        material.prepared,
        model,
        loss,
        training.networks(part) if combination else training.trained(inputs, part),
        {name: value[0] for name, value in shared.fitted.items()} if shared.fitted else {},
        chosen.document(),
        {
            "rows": material.prepared.rows,
            "epochs": int(part.epoch),
            "steps": int(part.step),
            "train": _measured(program, part),
        },
        combination,
    )


def median_best_epoch(record: StudyRecord, choice: int, data: int = 0) -> int:
    """The median over splits and seeds of the best epoch; halves to the even neighbour.

    Splits that choose for others do not count: they trained on part of the rows of those.

    Args:
        record: results of the study.
        choice: number of the choice.
        data: number of its data set.

    Raises:
        InputError: no network of the choice has a best epoch.
    """
    judging = {
        split.split for split in record.splits if split.data == data and split.chooses_for < 0
    }
    epochs = [
        member.best_epoch
        for member in record.members
        if member.choice == choice
        and member.split in judging
        and member.status in ("done", "stopped")
        and member.best_epoch
    ]
    if not epochs:
        raise InputError(
            "`refit` trains a choice with early stopping for the median best epoch of its "
            "splits, and no network of this choice has one; run the study first"
        )
    return max(1, round(statistics.median(epochs)))


def _on_all_rows(study: Study, chosen: Choice) -> Study:
    model, loss, algorithm = chosen.network
    return Study(
        name=study.name,
        data=chosen.data,
        model=model,
        loss=loss,
        algorithm=algorithm.changed(stopping=None),
        labels=(chosen.label,) if chosen.label else (),
        validation=TrainingOnly(),
        metric=study.metric,
        precision=study.precision,
        seed=study.seed,
    )


def _check_data(study: Study, chosen: Choice, whole: Plan, record: StudyRecord) -> None:
    prepared = whole.materials[0].prepared
    fingerprints = [
        prepared.fingerprint if data == chosen.data.unaugmented else data.prepare().fingerprint
        for data in study.data_sets
    ]
    if study_identity(study.specification(), fingerprints) != record.identity:
        raise InputError(
            f"the data of the study {study.name!r} are not those that its choices were compared "
            "on; run it again"
        )


def _keeping_networks(program: Program, material: Material, device: Device) -> Program:
    """The program of an ensemble that keeps its networks, which takes memory for all of them.

    Raises:
        InputError: there is not so much.
    """
    training = Training(replace(program.task, keeps_networks=True), material.shapes)
    width = device.width(training.bytes)
    kept = replace(program, task=training.task, training=training, width=width)
    check_training(kept, material.bytes, device)
    return kept


def _measured(program: Program, part: Carry) -> dict[str, Any]:
    """Loss and metrics on the training rows after the last epoch; None where they have none."""
    names = ("loss", *(metric.name for metric in program.task.metrics))
    last = int(part.epoch)
    values = curves_of(program, names, np.asarray(part.history)[last - 1 : last])[0, 0]
    return {
        name: float(value) if np.isfinite(value) else None
        for name, value in zip(names, values, strict=True)
    }
