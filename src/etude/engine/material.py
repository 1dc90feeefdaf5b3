"""The data of a study, prepared and split: what the members on it read."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from etude.batch import ROLES
from etude.data.base import Data, Prepared, Split
from etude.data.mapping import unmap
from etude.data.rows import Rows
from etude.engine.blocks import Blocks
from etude.engine.device import Device
from etude.engine.memory import check_judged, check_splits
from etude.engine.state import Judged, Shared, Streamed
from etude.errors import InputError
from etude.metric.base import Metric
from etude.metric.choose import applicable
from etude.study import Study
from etude.validation.base import RowSplit
from etude.validation.nested import Nested

FEWEST_TRAINING = 256
"""At least so many training rows are evaluated, where there are so many."""

GATHERED = 2**20
"""So many bytes of scattered rows are read at once: each brings its neighbours into memory."""


@dataclass(frozen=True)
class Material:
    """One data choice, prepared and split.

    Attributes:
        prepared: the data on the host.
        splits: which rows play which role.
        metrics: what is measured beside the loss.
        seed: of the study.
    """

    prepared: Prepared
    splits: tuple[RowSplit, ...]
    metrics: tuple[Metric, ...]
    seed: int = 0

    @cached_property
    def blocks(self) -> Blocks | None:
        """The blocks in which rows are streamed; None where all rows are in memory."""
        prepared = self.prepared
        if not 0 < prepared.block < prepared.rows:
            return None
        return Blocks(prepared, self.splits, self._weights, self.seed)

    @cached_property
    def shared(self) -> Shared:
        """The arrays that all members on this data read, on the host.

        Where blocks are streamed it is what all of them have in common.
        """
        prepared, blocks, weights = self.prepared, self.blocks, self._weights
        fitted = [
            prepared.fit(split.train, weights[n, split.train])
            for n, split in enumerate(self.splits)
        ]
        fitted = jax.tree.map(lambda *leaves: np.stack(leaves), *fitted)
        judged = _judged(prepared, self.splits, weights)
        if blocks is None:
            return Shared(prepared.arrays, fitted, _trained(self.splits, weights), judged)
        rows, places = np.unique(judged.rows, return_inverse=True)
        judged = judged._replace(rows=places.reshape(judged.rows.shape).astype(np.int32))
        zero = np.int32(0)
        streamed = Streamed(self.gathered(rows), blocks.sizes, zero, zero)
        return Shared(blocks.arrays, fitted, blocks.splits, judged, streamed)

    def on_device(self) -> Shared:
        """`shared` on the device; where blocks are streamed those are still to be read."""
        shared = self.shared
        if self.blocks is None:
            return jax.device_put(shared)
        common = jax.device_put((shared.fitted, shared.judged, shared.streamed))
        fitted, judged, streamed = common
        return shared._replace(fitted=fitted, judged=judged, streamed=streamed)

    def gathered(self, rows: np.ndarray) -> Any:
        """Rows of the arrays, on the host."""

        def gather(leaf: np.ndarray) -> np.ndarray:
            taken = np.empty((len(rows), *leaf.shape[1:]), leaf.dtype)
            step = max(1, GATHERED // max(1, leaf[:1].nbytes))
            for start in range(0, len(rows), step):
                taken[start : start + step] = np.asarray(leaf)[rows[start : start + step]]
                unmap(leaf)
            return taken

        return jax.tree.map(gather, self.prepared.arrays)

    @cached_property
    def bytes(self) -> int:
        """The memory that its rows take while members train."""
        shared = self.shared
        if self.blocks is None:
            return _bytes(shared)
        return _bytes((shared.fitted, shared.judged, shared.streamed)) + self.blocks.bytes

    @cached_property
    def _weights(self) -> np.ndarray:
        """`[splits, rows]`, what rows count in training."""
        rows, own = self.prepared.rows, self.prepared.weights
        own = np.ones(rows) if own is None else own
        weights = np.zeros((len(self.splits), rows), jax.numpy.result_type(float))
        for n, split in enumerate(self.splits):
            shares = split.weights if split.weights.size else 1
            weights[n, split.train] = own[split.train] * shares
        return weights

    @cached_property
    def shapes(self) -> Shared:
        """Their shapes and dtypes."""
        return jax.eval_shape(lambda: self.shared)


def material_of(study: Study, data: Data, device: Device) -> Material:
    """Prepare and split one data choice of a study.

    Raises:
        InputError: it cannot be read, split or judged like this.
    """
    prepared = data.prepare()
    metrics = list(applicable(prepared.spec))
    if study.metric is not None:
        study.metric.check(prepared.spec)
        metrics = [metric for metric in metrics if metric.name != study.metric.name]
        metrics.append(study.metric)
    validation = study.validation
    if prepared.groups is not None and not (validation.keeps_groups or validation.ordered):
        raise InputError(
            f"data {data.name} have rows that belong together, and [validation] "
            f"{validation.name} deals them apart; it must be one that keeps them together, such as "
            "grouped, holdout or bootstrap"
        )
    splits = validation.splits(prepared.rows, prepared.strata, study.seed, prepared.groups)
    if study.searches_inside:
        assert isinstance(validation, Nested)
        judging = sum(split.chooses_for < 0 for split in splits)
        splits += validation.of_all_rows(
            judging, prepared.rows, prepared.strata, study.seed, prepared.groups
        )
    check_splits(data.name, prepared.rows, splits, device)
    if prepared.block:
        _check_streamed(data, prepared, splits, device)
    if study.metric is not None:
        _check_judged(study.metric, prepared, splits)
    return Material(prepared, splits, tuple(metrics), study.seed)


def _check_streamed(
    data: Data, prepared: Prepared, splits: tuple[RowSplit, ...], device: Device
) -> None:
    """Raise where rows cannot be streamed, or those that judge take too much memory."""
    if not isinstance(prepared.stream, Rows):
        raise TypeError(f"{data.name} gives a block, and its stream is none of rows")
    judged = np.zeros(prepared.rows, bool)
    for split in splits:
        judged[judged_rows(split, prepared.block)] = True
    row_bytes = _bytes(prepared.arrays) // prepared.rows
    check_judged(data.name, prepared.rows, int(judged.sum()), row_bytes, device)


def _check_judged(metric: Metric, prepared: Prepared, splits: tuple[RowSplit, ...]) -> None:
    """Raise an `InputError` where rows that choose or judge cannot give the metric a value."""
    targets = prepared.targets
    if targets is None:
        return
    for number, split in enumerate(splits, 1):
        which = f"split {number}"
        if split.chooses_for >= 0:
            which = f"an inner split of outer split {split.chooses_for + 1}"
        if split.chooses_for >= 0 and splits[split.chooses_for].chooses_for >= 0:
            which = "an inner split of all rows"
        for role in ("validation", "test"):
            rows = getattr(split, role)
            if not rows.size:
                continue
            if np.isnan(metric.trivial(targets[split.train], targets[rows], prepared.spec)):
                raise InputError(
                    f"`metric` {metric.name} needs {metric.needs} among the {role} rows of every "
                    f"split, and the {rows.size} of {which} lack that: choose larger or "
                    "stratified parts under [validation], or another metric"
                )


def _trained(splits: tuple[RowSplit, ...], weights: np.ndarray) -> Split:
    """The rows that train, `[splits, ...]`."""
    sizes = np.array([split.train.size for split in splits], np.int32)
    order = np.zeros((len(splits), sizes.max()), np.int32)
    for n, split in enumerate(splits):
        order[n, : split.train.size] = split.train
    return Split(order, sizes, weights)


def _judged(prepared: Prepared, splits: tuple[RowSplit, ...], weights: np.ndarray) -> Judged:
    """The rows that are evaluated, `[splits, ...]`."""
    own = np.ones(prepared.rows) if prepared.weights is None else prepared.weights
    parts = [judged_rows(split, prepared.block) for split in splits]
    places = max(map(len, parts))
    judged = Judged(
        np.zeros((len(splits), places), np.int32),
        np.zeros((len(splits), len(ROLES), places), weights.dtype),
    )
    for n, (split, rows) in enumerate(zip(splits, parts, strict=True)):
        judged.rows[n, : rows.size] = rows
        judged.roles[n, 0, : rows.size] = weights[n, rows]
        for role, held in enumerate((split.validation, split.test), 1):
            judged.roles[n, role, : rows.size] = np.where(np.isin(rows, held), own[rows], 0)
    return judged


def judged_rows(split: RowSplit, block: int = 0) -> np.ndarray:
    """The numbers of the rows that are evaluated after every epoch, those to test first.

    All that are held out, and a random sample of as many training rows: to evaluate every
    training row would take a third of the time that training on it does.

    Args:
        split: the rows of each role.
        block: where rows are streamed and none is held out, of so many at most a sample is
            judged, for those that judge stay in memory.
    """
    held = np.concatenate([split.test, split.validation])
    if block and held.size > block and np.array_equal(split.test, split.train):
        return np.sort(np.random.default_rng(0).permutation(held)[:block])
    weighty = split.train[split.weights > 0] if split.weights.size else split.train
    apart = np.setdiff1d(weighty, held)
    count = min(apart.size, max(held.size, FEWEST_TRAINING))
    sample = np.sort(np.random.default_rng(0).permutation(apart)[:count])
    return np.concatenate([held, sample])


def _bytes(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
