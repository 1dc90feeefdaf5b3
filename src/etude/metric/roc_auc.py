"""The area under the receiver operating characteristic."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.batch import Batch, Spec
from etude.metric.base import JointMetric
from etude.metric.classification import class_numbers, mean_where

CERTAIN = -1e-3
"""From this log p on, single precision knows 1 − p better from the other classes."""


class RocAuc(JointMetric):
    """The probability that a row of a class is given more of it than a row of another class.

    AUC = Σ_ij w_i w_j ([s_i > s_j] + ½ [s_i = s_j]) / Σ_ij w_i w_j over the rows i of the class
    and j of the others, with scores s and row weights w: the area under the ROC curve (Hanley &
    McNeil, 1982), exactly, ties counted half. The score is the logarithm of the odds
    p / (1 − p), which orders rows as p does and tells apart what p rounds to 1.

    With two classes it is that of the second. With more it is the mean over the classes that
    occur among the judged rows, each against the rest, as scikit-learn's `roc_auc_score` with
    `multi_class="ovr"`, which refuses rows that lack a class. Unknown (NaN) where all judged
    rows are of one class. The trivial predictor has ½.
    """

    greater_is_better = True
    bounds = (0.0, 1.0)
    task = "classes"
    needs = "rows of at least two classes"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        """The scores of the classes and the row's shares in them: `[batch, 2 · classes]`."""
        shares = batch.targets
        if shares.ndim < prediction.ndim:
            shares = jax.nn.one_hot(shares, prediction.shape[-1], dtype=prediction.dtype)
        if prediction.shape[-1] == 2:
            odds = prediction[:, 1:] - prediction[:, :1]
            return jnp.concatenate([odds, shares[:, 1:].astype(odds.dtype)], -1)
        return jnp.concatenate([_log_odds(prediction), shares.astype(prediction.dtype)], -1)

    def summary(self, statistics: jax.Array, weights: jax.Array) -> jax.Array:
        """The area of each class, `[roles, classes]`."""
        scores, shares = jnp.split(statistics, 2, -1)
        return jax.vmap(_area, (1, 1, None), 1)(scores, shares, weights)

    def value(self, mean: np.ndarray) -> np.ndarray:
        return mean_where(mean, ~np.isnan(mean))

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return 0.5 if len(np.unique(class_numbers(judged))) > 1 else float("nan")


def _log_odds(prediction: jax.Array) -> jax.Array:
    """log p − log(1 − p) of every class, from logarithms of probabilities."""
    certain = prediction > CERTAIN
    # There 1 − p would be rounded off: the others are added up. Elsewhere it is of p alone, so
    # that equal p tie, whatever the others are.
    others = jnp.where(certain, -jnp.inf, prediction)
    rest = jax.nn.logsumexp(others, -1, keepdims=True)
    alone = jnp.log(-jnp.expm1(jnp.where(certain, CERTAIN, prediction)))
    return prediction - jnp.where(certain, rest, alone)


def _area(scores: jax.Array, shares: jax.Array, weights: jax.Array) -> jax.Array:
    """`[roles]` areas of one class from `[rows]` scores and shares and `[roles, rows]` weights."""
    order = jnp.argsort(scores)
    ranked = scores[order]
    inside = (weights * shares)[:, order]
    outside = (weights * (1 - shares))[:, order]
    below = jnp.cumsum(jnp.pad(outside, ((0, 0), (1, 0))), 1)
    # Between the first and the last row of equal score: half of the ties.
    first, last = (jnp.searchsorted(ranked, ranked, side=side) for side in ("left", "right"))
    beaten = (below[:, first] + below[:, last]) / 2
    pairs = jnp.sum(inside, 1) * below[:, -1]
    area = jnp.sum(inside * beaten, 1) / jnp.where(pairs > 0, pairs, jnp.nan)
    unknown = jnp.any(jnp.isnan(scores) & (weights > 0), 1)
    return jnp.where(unknown, jnp.nan, area)
