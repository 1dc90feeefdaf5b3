"""Bias and variance from the stored outputs of networks that are judged on the same rows."""

import math
from typing import Any

import jax
import numpy as np

from etude.engine.material import Material
from etude.engine.plan import Plan
from etude.evidence.bias_variance import decompose, finding
from etude.evidence.comparison import Comparison
from etude.evidence.outputs import with_outputs
from etude.execution.rows import rows_of
from etude.store.records import MemberRecord, StudyRecord
from etude.store.store import Store
from etude.study import Choice

NUMBERS = 20_000_000
"""So many predictions of one choice are held at a time; of more nothing is found."""


def share_test_rows(material: Material) -> bool:
    """Whether the same rows judge all splits, while other rows train."""
    first, *others = material.splits
    return (
        bool(others)
        and all(np.array_equal(split.test, first.test) for split in others)
        and any(not np.array_equal(split.train, first.train) for split in others)
    )


def parts_of_replicates(
    whole: Plan, record: StudyRecord, store: Store, comparison: Comparison
) -> list[dict[str, Any]] | None:
    """Bias and variance of every choice whose networks were all trained to a finite end.

    Args:
        whole: the plan.
        record: the record of the study, which has ended.
        store: holds the members' outputs, where their records do not.
        comparison: of one data choice.
    """
    material = whole.materials[comparison.data]
    prepared = material.prepared
    if not share_test_rows(material) or prepared.spec.task not in ("classes", "numbers"):
        return None
    test = material.splits[0].test
    targets, truth = _goals(material, test)
    members: dict[int, list[MemberRecord]] = {}
    for member in record.members:
        members.setdefault(member.choice, []).append(member)
    shape = (len(material.splits), whole.study.seeds, *targets.shape)
    found = []
    for choice in comparison.choices[comparison.complete].tolist():
        if any(member.status == "diverged" for member in members[choice]):
            continue
        if math.prod(shape) > NUMBERS:
            return None
        predictions = np.empty(shape)
        for member, outputs in with_outputs(members[choice], store):
            predicted = None
            if outputs is not None:
                predicted = _predicted(whole.choices[choice], material, member.split, outputs)
            if predicted is None or predicted.shape != targets.shape:
                return None
            predictions[member.split, member.seed] = predicted
        weights = None if prepared.weights is None else prepared.weights[test]
        found.append(decompose(choice, predictions, targets, truth, weights))
    return finding(found)


def _goals(material: Material, test: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """`[rows, targets]` with and without noise, in the user's units; of classes 1 for the own."""
    prepared = material.prepared
    assert prepared.targets is not None
    if prepared.spec.task == "classes":
        return np.eye(len(prepared.spec.classes))[prepared.targets[test].astype(int)], None
    targets = prepared.targets[test].reshape(len(test), -1).astype(np.float64)
    return targets, None if prepared.truth is None else prepared.truth[test].reshape(targets.shape)


def _predicted(
    choice: Choice, material: Material, split: int, outputs: np.ndarray
) -> np.ndarray | None:
    """`[rows, targets]` in the user's units, or probabilities of classes; None if it is none."""
    spec = material.prepared.spec
    expected = (
        len(spec.classes) or spec.targets if choice.loss is None else choice.loss.outputs(spec)
    )
    if outputs.shape[1] != expected:
        return None  # the outputs of a tree, side by side
    predicted = (
        outputs if choice.loss is None else choice.loss.prediction(jax.numpy.asarray(outputs))
    )
    values = np.asarray(predicted, np.float64)
    if spec.classes:
        return np.exp(values)
    batch = rows_of(material, split, material.splits[split].test[:1])
    return values * np.asarray(batch.scale, np.float64) + np.asarray(batch.offset, np.float64)
