"""The data of a study, prepared and split: what the members on it read."""

from dataclasses import dataclass
from functools import cached_property

import jax
import numpy as np

from etude.data.base import Data, Prepared, Split
from etude.data.rows import padded_rows
from etude.engine.device import Device
from etude.engine.memory import check_splits
from etude.engine.state import Shared
from etude.errors import InputError
from etude.metric.base import Metric
from etude.metric.choose import applicable
from etude.study import Study
from etude.validation.base import RowSplit


@dataclass(frozen=True)
class Material:
    """One data choice, prepared and split.

    Attributes:
        prepared: the data on the host.
        splits: which rows play which role.
        metrics: what is measured beside the loss.
    """

    prepared: Prepared
    splits: tuple[RowSplit, ...]
    metrics: tuple[Metric, ...]

    @cached_property
    def shared(self) -> Shared:
        """The arrays that all members on this data read, on the host."""
        return _share(self.prepared, self.splits)

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
            f"`group` of data {data.name} keeps rows together, and [validation] "
            f"{validation.name} deals them apart: use grouped, or leave `group` out"
        )
    splits = validation.splits(prepared.rows, prepared.strata, study.seed, prepared.groups)
    check_splits(data.name, prepared.rows, splits, device)
    if study.metric is not None:
        _check_judged(study.metric, prepared, splits)
    return Material(prepared, splits, tuple(metrics))


def _check_judged(metric: Metric, prepared: Prepared, splits: tuple[RowSplit, ...]) -> None:
    """Raise an `InputError` where rows that choose or judge cannot give the metric a value."""
    targets = prepared.targets
    if targets is None:
        return
    for number, split in enumerate(splits, 1):
        for role in ("validation", "test"):
            rows = getattr(split, role)
            if not rows.size:
                continue
            if np.isnan(metric.trivial(targets[split.train], targets[rows], prepared.spec)):
                raise InputError(
                    f"`metric` {metric.name} needs {metric.needs} among the {role} rows of every "
                    f"split, and the {rows.size} of split {number} lack that: choose larger or "
                    "stratified parts under [validation], or another metric"
                )


def _share(prepared: Prepared, splits: tuple[RowSplit, ...]) -> Shared:
    """The arrays that all members on this data read, on the host."""
    rows = padded_rows(prepared.rows)
    places = max(split.train.size for split in splits)
    order = np.zeros((len(splits), places), np.int32)
    roles = np.zeros((len(splits), 3, rows), jax.numpy.result_type(float))
    for number, split in enumerate(splits):
        order[number, : split.train.size] = split.train
        roles[number, 0, split.train] = split.weights if split.weights.size else 1
        roles[number, 1, split.validation] = 1
        roles[number, 2, split.test] = 1
    fitted = [prepared.fit(split.train, roles[n, 0, split.train]) for n, split in enumerate(splits)]
    return Shared(
        jax.tree.map(lambda array: _padded(array, prepared.rows, rows), prepared.arrays),
        jax.tree.map(lambda *leaves: np.stack(leaves), *fitted),
        Split(order, np.array([split.train.size for split in splits], np.int32), roles),
    )


def _padded(array: np.ndarray, rows: int, padded: int) -> np.ndarray:
    if array.shape[0] != rows or padded == rows:
        return array
    return np.concatenate([array, np.zeros((padded - rows, *array.shape[1:]), array.dtype)])
