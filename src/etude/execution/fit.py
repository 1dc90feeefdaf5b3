"""Members that train themselves: estimators of other libraries on the rows of a split."""

import time
from dataclasses import replace

import numpy as np

from etude.batch import ROLES
from etude.engine.plan import Plan
from etude.errors import InputError
from etude.execution.record import single
from etude.execution.rows import rows_of, statistics_of
from etude.keys import key_of
from etude.metric.base import measured
from etude.store.records import MemberRecord


def fitted_record(
    whole: Plan, number: int, record: MemberRecord, metrics: tuple[str, ...]
) -> MemberRecord:
    """The record of an estimator, trained on the training rows and judged on all others.

    Args:
        whole: the plan.
        number: which member of the plan.
        record: its record before it was trained.
        metrics: the metrics of the study record, in its order.

    Raises:
        InputError: its rows are no rows of numbers, or its predictions are not finite.
    """
    begin = time.perf_counter()
    member = whole.members[number]
    choice = whole.choices[member.choice]
    material = whole.materials[whole.material_of(member.choice)]
    split, spec = material.splits[member.split], material.prepared.spec
    assert choice.estimator is not None
    rows = rows_of(material, member.split, np.arange(material.prepared.rows))
    inputs = rows.inputs
    if not isinstance(inputs, np.ndarray):
        raise InputError(f"`estimator` {choice.estimator} needs rows of numbers as inputs")
    own = np.ones(len(inputs)) if material.prepared.weights is None else material.prepared.weights
    words = key_of(whole.study.seed, member.seed, member.split, "estimator", choice.label)
    prediction = choice.estimator.predict(
        inputs.reshape(len(inputs), -1).astype(np.float64),
        rows.targets,
        split.train,
        own[split.train] * (split.weights if split.weights.size else 1),
        spec,
        int(words[0]),
    )
    if np.isnan(prediction).any() or (spec.task == "numbers" and np.isinf(prediction).any()):
        raise InputError(f"`estimator` {choice.estimator} predicts numbers that are not finite")
    values: dict[str, dict[str, float | None]] = {role: dict.fromkeys(metrics) for role in ROLES}
    for metric in material.metrics:
        statistics = statistics_of(metric, prediction, rows)
        for role in ROLES:
            judged = getattr(split, role)
            value = float("nan")
            if len(judged):
                value = measured(metric, statistics[judged], own[judged])
            values[role][metric.name] = single(value)
    return replace(
        record,
        status="done",
        seconds=time.perf_counter() - begin,
        values=values,
        curves=np.zeros((0, len(ROLES), len(metrics)), np.float32),
        outputs=prediction[split.test].astype(np.float32) if split.test.size else None,
    )
