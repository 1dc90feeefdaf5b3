"""What is found once, while data and outputs are at hand, and kept with a study's results."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from etude.batch import Batch
from etude.engine.material import Material
from etude.engine.plan import Plan
from etude.evidence.bias_variance import FINDING
from etude.evidence.comparison import Comparison, comparisons
from etude.evidence.outputs import with_outputs
from etude.evidence.replicated import parts_of_replicates, share_test_rows
from etude.evidence.selection import bootstrap_of_selection
from etude.execution.rows import rows_of
from etude.loss.base import Loss
from etude.metric.base import JointMetric, Metric
from etude.store.identity import digest
from etude.store.records import StudyRecord
from etude.store.store import Store
from etude.study import Choice

ENOUGH = 20
"""Test rows a split must have, or values that are no means of rows are too far from pooled ones."""

NUMBERS = 20_000_000
"""The bootstrap of the choice holds at most so many statistics; beyond, there is none."""


Finder = Callable[[Plan, StudyRecord, Store, Comparison], Any]


def conclude(whole: Plan, record: StudyRecord, store: Store) -> dict[str, Any]:
    """What is found for each data choice, by the name of the finding.

    The bootstrap of the choice where there are no validation rows, and bias and variance where
    all splits share their test rows.

    Args:
        whole: the plan.
        record: the record of the study, which has ended.
        store: holds the members' outputs, where their records do not.
    """
    members = digest([member.identity for member in record.members])
    finders: dict[str, Finder] = {"selection": _selection}
    if any(share_test_rows(material) for material in whole.materials):
        finders[FINDING] = parts_of_replicates
    concluded: dict[str, Any] = {}
    for name, find in finders.items():
        if record.findings.get(name, {}).get("members") == members:
            continue
        concluded[name] = {"members": members}
        for comparison in comparisons(record):
            finding = find(whole, record, store, comparison)
            if finding is not None:
                concluded[name][str(comparison.data)] = finding
    return concluded


def _selection(
    whole: Plan, record: StudyRecord, store: Store, comparison: Comparison
) -> dict[str, Any] | None:
    metric, material = whole.metric, whole.materials[comparison.data]
    if whole.study.validation.ordered:
        return None  # the rows of a series cannot be drawn one by one
    choices = comparison.choices[comparison.complete]
    inside = comparison.judged != "test" or comparison.choosing != comparison.judged
    if metric is None or isinstance(metric, JointMetric) or inside or len(choices) < 2:
        return None
    if material.prepared.weights is not None or material.prepared.spec.task == "tokens":
        return None  # rows count differently, and the bootstrap draws them as equals
    linear = type(metric).value is Metric.value
    if not linear and min(split.test.size for split in material.splits) < ENOUGH:
        return None
    networks = _networks(material, whole.study.seeds)
    rows = np.array(sorted(set.intersection(*(set(judged) for judged in networks))))
    statistics = _Statistics(metric, whole.choices, material)
    network_of = {place: n for n, judged in enumerate(networks) for place in judged.values()}
    position = {int(choice): index for index, choice in enumerate(choices)}
    table: np.ndarray | None = None
    # A choice with a member that diverged keeps its NaN, and is never chosen.
    judging = (
        member
        for member in record.members
        if member.choice in position and member.status in ("done", "stopped")
    )
    for member, outputs in with_outputs(judging, store):
        if outputs is None or outputs.shape[1] != statistics.outputs(member.choice):
            return None
        values = statistics.of(member.choice, member.split, outputs)
        if table is None:
            shape = (len(choices), len(networks), len(rows), values.shape[1])
            if math.prod(shape) > NUMBERS or len(rows) < 2:
                return None
            table = np.full(shape, np.nan)
        test = material.splits[member.split].test
        kept = np.isin(test, rows)
        network = network_of[member.split, member.seed]
        table[position[member.choice], network, np.searchsorted(rows, test[kept])] = values[kept]
    if table is None:
        return None
    groups = material.prepared.groups
    found = bootstrap_of_selection(
        table,
        metric.value,
        comparison.greater_is_better,
        groups=None if groups is None else groups[rows],
    )
    if found is None:
        return None
    # Pooled over splits a value may differ from the mean over splits that people are shown: what
    # the bootstrap tells is how much choosing flatters, and that is taken off the shown mean.
    best = comparison.scores[comparison.complete].mean(axis=1).argmax()
    shown = float(comparison.judged_values[comparison.complete][best].mean())
    count = len(rows) if groups is None else len(np.unique(groups[rows]))
    return found.about(shown, comparison.bounds).finding([int(c) for c in choices], count)


def _networks(material: Material, seeds: int) -> list[dict[int, tuple[int, int]]]:
    """Row -> (split, seed) of the networks that together judge every row once.

    The folds of one repeat with one seed are such a set, and further repeats and seeds others.
    """
    sets: list[dict[int, int]] = []
    for split, parts in enumerate(material.splits):
        free = next((judged for judged in sets if judged.keys().isdisjoint(parts.test)), None)
        if free is None:
            free = {}
            sets.append(free)
        free.update((int(row), split) for row in parts.test)
    return [
        {row: (split, seed) for row, split in judged.items()}
        for judged in sets
        for seed in range(seeds)
    ]


class _Statistics:
    """The statistics of the metric for the test rows of a member, from its outputs.

    All are in the scale of the first split, so that rows of several splits can be pooled. One
    compiled function serves all members that share a loss: test rows are filled up to those of
    the largest split.
    """

    def __init__(self, metric: Metric, choices: tuple[Choice, ...], material: Material) -> None:
        self._choices, self._material = choices, material
        self._rows = max(split.test.size for split in material.splits)
        self._batches: dict[int, Batch] = {}

        def of_network(loss: Loss, outputs: jax.Array, batch: Batch) -> jax.Array:
            prediction: Any = loss.prediction(outputs)
            if metric.probabilistic:
                deviation = loss.deviation(outputs) * batch.scale / self._first.scale
                prediction = self._moved(prediction, batch), deviation
            else:
                prediction = self._moved(prediction, batch)
            return metric.statistics(prediction, self._pooled(batch))

        def of_estimator(prediction: jax.Array, batch: Batch) -> jax.Array:
            return metric.statistics(self._moved(prediction, batch), self._pooled(batch))

        self._of_network, self._of_estimator = jax.jit(of_network), jax.jit(of_estimator)
        self._first = self._batch(0)

    def _moved(self, numbers: Any, batch: Batch) -> Any:
        """Numbers in the scale of a split in that of the first one; classes have no scale."""
        if self._material.prepared.spec.classes:
            return numbers
        return (numbers * batch.scale + batch.offset - self._first.offset) / self._first.scale

    def _pooled(self, batch: Batch) -> Batch:
        targets = self._moved(batch.targets, batch)
        return batch._replace(targets=targets, scale=self._first.scale, offset=self._first.offset)

    def of(self, choice: int, split: int, outputs: np.ndarray) -> np.ndarray:
        """`[test rows, statistics]` of a member."""
        if split not in self._batches:
            self._batches[split] = self._batch(split)
        batch = self._batches[split]
        padded = np.pad(outputs, [(0, self._rows - len(outputs)), (0, 0)], mode="edge")
        loss = self._choices[choice].loss
        if loss is None:
            found = self._of_estimator(padded, batch)
        else:
            found = self._of_network(loss, padded, batch)
        return np.asarray(found, np.float64)[: len(outputs)]

    def outputs(self, choice: int) -> int:
        """How many outputs a row has: those of a tree lie side by side and cannot be judged."""
        loss, spec = self._choices[choice].loss, self._material.prepared.spec
        return len(spec.classes) or spec.targets if loss is None else loss.outputs(spec)

    def _batch(self, split: int) -> Batch:
        test = self._material.splits[split].test
        taken = np.pad(test, (0, self._rows - len(test)), mode="edge")
        return jax.device_put(rows_of(self._material, split, taken))
