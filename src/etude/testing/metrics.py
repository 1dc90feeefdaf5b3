"""What a metric must do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.batch import Batch, Spec
from etude.metric.base import JointMetric, Metric, measured
from etude.testing.beside import QUICK, ROWS, Beside, close, demand, outputs_of


def statistics_shape(metric: Metric, beside: Beside) -> None:
    """It has the same number of statistics for every row."""
    for rows in _rows(metric, beside):
        for size in (ROWS, ROWS // 2):
            found = rows.some(slice(size)).statistics(metric)
            demand(
                found.ndim == 2 and found.shape[0] == size,
                f"statistics of {metric} must have the shape [{size}, statistics] for {size} "
                f"rows, got {list(found.shape)}",
            )
            demand(np.isfinite(found).all(), f"statistics of {metric} are not finite")


def row_order(metric: Metric, beside: Beside) -> None:
    """A row's statistics are its own, and the order of rows does not matter."""
    order = np.random.default_rng(0).permutation(ROWS)
    for rows in _rows(metric, beside):
        whole = rows.statistics(metric)
        found = rows.some(order).statistics(metric)
        demand(
            close(found, whole[order]),
            f"statistics of a row depend on its place in the batch for {metric}",
        )
        halves = [rows.some(slice(start, start + ROWS // 2)) for start in (0, ROWS // 2)]
        demand(
            close(np.concatenate([half.statistics(metric) for half in halves]), whole),
            f"statistics of a row depend on the others of its batch for {metric}",
        )
        demand(
            close(_value(metric, found), _value(metric, whole)),
            f"{metric} has another value where rows come in another order",
        )


def row_weights(metric: Metric, beside: Beside) -> None:
    """A row of weight 0 has no say, and one of weight 2 counts as two rows."""
    for rows in _rows(metric, beside):
        whole = rows.statistics(metric)
        value = _value(metric, whole)
        # The mean of statistics is taken by the engine, which sees to rows that are not finite.
        spoilt = rows.unknown() if isinstance(metric, JointMetric) else rows.some(_BACKWARDS)
        added = np.concatenate([whole, spoilt.statistics(metric)[:4]])
        padded = _value(metric, added, np.concatenate([np.ones(ROWS), np.zeros(4)]))
        demand(
            close(padded, value),
            f"{metric} is {padded:g} with rows of weight 0 and {value:g} without them",
        )
        twice = np.arange(ROWS) % 3 == 0
        repeated = _value(metric, np.concatenate([whole, whole[twice]]))
        weighted = _value(metric, whole, 1.0 + twice)
        demand(
            close(weighted, repeated),
            f"{metric} is {weighted:g} with rows of weight 2 and {repeated:g} with these rows "
            "twice",
        )


def in_programs(metric: Metric, beside: Beside) -> None:
    """Statistics are computed inside programs, of several members side by side."""
    for rows in _rows(metric, beside):
        both = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), rows.prediction)

        def statistics(prediction: Any, batch: Batch = rows.batch) -> Any:
            found = metric.statistics(prediction, batch)
            if isinstance(metric, JointMetric):
                return metric.summary(found, jnp.ones((1, ROWS)))
            return found

        inside = jax.jit(jax.vmap(statistics), compiler_options=QUICK)(both)
        alone = rows.statistics(metric)
        if isinstance(metric, JointMetric):
            alone = np.asarray(_summary(metric)(alone, np.ones((1, ROWS))))
        demand(
            close(inside[0], alone),
            f"{metric} has other statistics inside a program",
        )


def curves(metric: Metric, beside: Beside) -> None:
    """`value` takes means of many epochs and roles at once: `[..., statistics]` to `[...]`."""
    for rows in _rows(metric, beside):
        whole = rows.statistics(metric)
        weights = np.stack([np.ones(ROWS), 1.0 + (np.arange(ROWS) % 3 == 0)])
        if isinstance(metric, JointMetric):
            means = _summary(metric)(whole, weights)
        else:
            means = weights @ whole / weights.sum(1, keepdims=True)
        stacked = np.asarray(metric.value(np.stack([means, means[::-1]]).astype(np.float64)))
        expected = np.array([_value(metric, whole, row) for row in weights])
        demand(
            stacked.shape == (2, 2) and close(stacked, np.stack([expected, expected[::-1]])),
            f"`value` of {metric} must map [epochs, roles, statistics] to [epochs, roles], each "
            f"as alone, got the shape {list(stacked.shape)}",
        )


def within_bounds(metric: Metric, beside: Beside) -> None:
    """Its values are numbers within its bounds."""
    for rows in _rows(metric, beside):
        for judged in (rows, rows.right(), rows.wrong()) if rows.has_truth else (rows,):
            value = _value(metric, judged.statistics(metric))
            demand(
                _inside(metric, value),
                f"{metric} is {value:g}, which is no number within its bounds {metric.bounds}",
            )


def direction(metric: Metric, beside: Beside) -> None:
    """Right predictions are better than wrong ones, in the direction that it tells."""
    for rows in filter(lambda rows: rows.has_truth, _rows(metric, beside)):
        right, wrong = (
            _value(metric, judged.statistics(metric)) for judged in (rows.right(), rows.wrong())
        )
        demand(
            right > wrong if metric.greater_is_better else right < wrong,
            f"{metric} is {right:g} for right predictions and {wrong:g} for wrong ones, and "
            f"`greater_is_better` is {metric.greater_is_better}",
        )


def trivial(metric: Metric, beside: Beside) -> None:
    """The trivial predictor has a value, within bounds and not better than the truth."""
    for rows in filter(lambda rows: rows.has_truth, _rows(metric, beside)):
        value = metric.trivial(rows.targets, rows.targets, rows.spec)
        demand(
            isinstance(value, float) and _inside(metric, value),
            f"`trivial` of {metric} must be a number within {metric.bounds}, got {value!r}",
        )
        best = _value(metric, rows.right().statistics(metric))
        better = value > best + 1e-6 if metric.greater_is_better else value < best - 1e-6
        demand(
            not better,
            f"`trivial` of {metric} is {value:g}, better than right predictions with {best:g}",
        )


CHECKS = (
    statistics_shape,
    row_order,
    row_weights,
    in_programs,
    curves,
    within_bounds,
    direction,
    trivial,
)


_BACKWARDS = slice(None, None, -1)


@dataclass(frozen=True)
class _Judged:
    """Rows and what was predicted for them.

    Attributes:
        spec: sizes of the data.
        batch: the rows.
        prediction: for them, at random.
        targets: their targets in the user's units, as `trivial` is given them.
        probabilistic: whether predictions have standard deviations.
    """

    spec: Spec
    batch: Batch
    prediction: Any
    targets: np.ndarray
    probabilistic: bool

    @property
    def has_truth(self) -> bool:
        """Whether targets say what a right prediction is."""
        return self.spec.task in ("classes", "numbers", "tokens")

    def statistics(self, metric: Metric) -> np.ndarray:
        """`[rows, statistics]` in double precision."""
        return np.asarray(_statistics(metric)(self.prediction, self.batch), np.float64)

    def some(self, chosen: Any) -> "_Judged":
        """Some of the rows."""
        prediction, inputs, targets, weights = jax.tree.map(
            lambda leaf: leaf[chosen],
            (self.prediction, self.batch.inputs, self.batch.targets, self.batch.weights),
        )
        batch = self.batch._replace(inputs=inputs, targets=targets, weights=weights)
        return replace(self, batch=batch, prediction=prediction)

    def unknown(self) -> "_Judged":
        """The same rows with predictions that are not numbers."""
        nothing = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), self.prediction)
        return replace(self, prediction=nothing)

    def right(self) -> "_Judged":
        """The same rows with predictions that are right."""
        if self.spec.task != "numbers":
            return self._of_classes(self.batch.targets)
        return self._of_numbers(self.batch.targets)

    def wrong(self) -> "_Judged":
        """The same rows with predictions that are wrong."""
        if self.spec.task != "numbers":
            return self._of_classes((self.batch.targets + 1) % _labels(self.spec))
        return self._of_numbers(self.batch.targets + np.resize([5.0, -5.0], (ROWS, 1)))

    def _of_classes(self, first: Any) -> "_Judged":
        """Almost certain of one class; the class before it, cyclically, is the least probable."""
        count = _labels(self.spec)
        behind = (np.arange(count) - first[..., None]) % count
        shares = np.where(behind == 0, 0.9, np.where(behind == count - 1, 0.01, 0.09))
        prediction = np.log(shares / shares.sum(-1, keepdims=True))
        return replace(self, prediction=prediction.astype(np.float32))

    def _of_numbers(self, mean: Any) -> "_Judged":
        mean = mean.astype(np.float32)
        prediction = (mean, np.full_like(mean, 0.5)) if self.probabilistic else mean
        return replace(self, prediction=prediction)


def _rows(metric: Metric, beside: Beside) -> Iterator[_Judged]:
    generator = np.random.default_rng(2)
    for problem in beside.problems(metric):
        spec, batch = problem.spec, jax.tree.map(np.asarray, problem.batch)
        if spec.task in ("classes", "tokens"):
            odds = np.exp(generator.normal(size=(*batch.targets.shape, _labels(spec))))
            prediction: Any = np.log(odds / odds.sum(-1, keepdims=True)).astype(np.float32)
            targets = batch.targets
        elif spec.task != "numbers":
            outputs, _ = outputs_of(beside.module(problem), problem.loss, batch)
            prediction, targets = problem.loss.prediction(outputs), np.empty(0)
        else:
            noise = generator.normal(size=batch.targets.shape)
            prediction = batch.targets + noise.astype(np.float32)
            if metric.probabilistic:
                spread = np.exp(0.3 * generator.normal(size=batch.targets.shape))
                prediction = prediction, spread.astype(np.float32)
            targets = np.asarray(batch.targets * batch.scale + batch.offset, np.float64)
        yield _Judged(spec, batch, prediction, targets, metric.probabilistic)


def _labels(spec: Spec) -> int:
    """How many classes or tokens there are."""
    return len(spec.classes) or spec.vocabulary


@lru_cache(maxsize=4)
def _statistics(metric: Metric) -> Any:
    return jax.jit(metric.statistics, compiler_options=QUICK)


@lru_cache(maxsize=4)
def _summary(metric: JointMetric) -> Any:
    return jax.jit(metric.summary, compiler_options=QUICK)


def _value(metric: Metric, statistics: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The metric of rows from their statistics, as `measured` gives it, compiled."""
    shares = np.ones(len(statistics)) if weights is None else weights
    if not isinstance(metric, JointMetric):
        return measured(metric, statistics, shares)
    return float(metric.value(np.asarray(_summary(metric)(statistics, shares[None])[0])))


def _inside(metric: Metric, value: float) -> bool:
    low, high = metric.bounds
    above = low is None or value >= low - 1e-6
    below = high is None or value <= high + 1e-6
    return bool(np.isfinite(value) and above and below)
