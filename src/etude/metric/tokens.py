"""Metrics of tokens; predictions are logarithms of probabilities, `[batch, steps, vocabulary]`.

A row's statistic is the mean over its targets, and data weigh rows by the number of their
targets: so each is a mean over targets. A target of −1 is none.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.batch import Batch, Spec
from etude.metric.base import Metric


class TokenLogLoss(Metric):
    """−log of the probability given to the token that follows, averaged over targets; in nats.

    The cross-entropy of `next_token` without smoothing. The trivial predictor gives every token
    its share among the training targets, with one of each added so that none has probability 0.
    """

    bounds = (0.0, None)
    task = "tokens"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        return surprise(prediction, batch)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return trivial_surprise(train, judged, spec)


class Perplexity(Metric):
    """exp of the mean of −log p over targets: so many equally likely tokens were as uncertain.

    The trivial predictor is that of `token_log_loss`.
    """

    bounds = (1.0, None)
    task = "tokens"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        return surprise(prediction, batch)

    def value(self, mean: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # infinite perplexity is what it then is
            return np.exp(mean[..., 0])

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return math.exp(trivial_surprise(train, judged, spec))


class BitsPerToken(Metric):
    """The mean of −log₂ p over targets: so many bits a token takes once it is compressed.

    The trivial predictor is that of `token_log_loss`.
    """

    bounds = (0.0, None)
    task = "tokens"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        return surprise(prediction, batch)

    def value(self, mean: np.ndarray) -> np.ndarray:
        return mean[..., 0] / math.log(2)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return trivial_surprise(train, judged, spec) / math.log(2)


class TokenAccuracy(Metric):
    """The share of targets whose most probable token is theirs.

    Of equally probable tokens the one of the smallest number counts as most probable. The
    trivial predictor names the most frequent token.
    """

    greater_is_better = True
    bounds = (0.0, 1.0)
    of_labels = True
    task = "tokens"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        places = jnp.arange(prediction.shape[-1])
        best = prediction == jnp.max(prediction, -1, keepdims=True)
        # By a minimum of places: XLA's own argmax is scalar code on a CPU.
        first = jnp.min(jnp.where(best, places, places.size), -1)
        right = (first == batch.targets).astype(prediction.dtype)
        return _mean_over_targets(right, batch)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return float(np.mean(_tokens(judged) == _counts(train, spec).argmax()))


def surprise(prediction: jax.Array, batch: Batch) -> jax.Array:
    """−log p of a row's targets, their mean; `[batch, 1]`."""
    hot = batch.targets[..., None] == jnp.arange(prediction.shape[-1])
    return _mean_over_targets(-jnp.sum(jnp.where(hot, prediction, 0), -1), batch)


def trivial_surprise(train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
    """The mean of −log p where p are the shares of tokens among training targets."""
    counts = _counts(train, spec) + 1
    return float(-np.mean(np.log(counts / counts.sum())[_tokens(judged)]))


def _mean_over_targets(values: jax.Array, batch: Batch) -> jax.Array:
    known = (batch.targets >= 0).astype(values.dtype)
    total = jnp.sum(values * known, -1, keepdims=True)
    return total / jnp.maximum(jnp.sum(known, -1, keepdims=True), 1)


def _counts(targets: np.ndarray, spec: Spec) -> np.ndarray:
    return np.bincount(_tokens(targets), minlength=spec.vocabulary)


def _tokens(targets: np.ndarray) -> np.ndarray:
    flat = np.asarray(targets).reshape(-1)
    return flat[flat >= 0]
