"""The judging of a member: loss and metrics of the rows that are evaluated after an epoch."""

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from etude.data.base import Source
from etude.engine.state import Judged, Parts, Task
from etude.metric.base import JointMetric, Metric

MOST_ROWS = 1024
"""At most so many rows are judged at once."""

BLOCK_BYTES = 2**25
"""At most about so much is computed at once, for what stays in the cache is soon read again;
a batch of training is judged at once in any case."""


Speak = Callable[[Callable[[], Any], jax.Array, jax.Array], Any]
"""What is judged of some rows: from a function that gives the network's own outputs, the numbers
of the rows, and their places among the judged rows."""


class Judge:
    """Loss, metrics and outputs of the judged rows, block by block.

    Args:
        task: what is static.
        places: how many rows are judged, with what fills up smaller splits.

    Attributes:
        block: rows of a block.
        columns: for the loss and then each metric, which of the statistics are its own.
    """

    def __init__(self, task: Task, places: int) -> None:
        self._task = task
        self._places = places
        self._joint = [metric for metric in task.metrics if isinstance(metric, JointMetric)]
        self._single = [metric for metric in task.metrics if metric not in self._joint]
        self.block = min(task.batch_size, places)
        self.columns: list[slice] = []

    def rows(
        self,
        parts: Parts,
        source: Source,
        judged: Judged,
        module: nnx.Module,
        key: Any,
        index: Any,
        speak: Speak | None = None,
    ) -> tuple[jax.Array, list[jax.Array], jax.Array, Any]:
        """Block number `index`.

        Returns:
            `[3, block]` weights of its rows in each role; for the loss and each metric that is a
            mean over rows its statistics `[block, statistics]`; then those of the joint metrics
            side by side; and the outputs, a tree of `[block, ...]`.
        """
        places = index * self.block + jnp.arange(self.block)
        within = jnp.minimum(places, self._places - 1)
        roles = jnp.where(places < self._places, judged.roles[:, within], 0)
        batch = parts.stream.evaluation(source, judged.rows[within], module, key)
        own = partial(parts.loss.evaluate, module, batch)
        outputs = own() if speak is None else speak(own, judged.rows[within], within)
        prediction = parts.loss.prediction(outputs)

        def of_rows(metric: Metric) -> jax.Array:
            if metric.probabilistic:
                return metric.statistics((prediction, parts.loss.deviation(outputs)), batch)
            return metric.statistics(prediction, batch)

        single = [parts.loss(outputs, batch)[:, None], *map(of_rows, self._single)]
        return roles, single, [*map(of_rows, self._joint)], outputs

    def fit(self, taken: int, found: Any, most_outputs: int) -> Any:
        """Settle what depends on the network, which `rows` was traced with.

        Args:
            taken: bytes that a block takes as it is now.
            found: the shapes that `rows` gave.
            most_outputs: outputs of all judged rows are kept up to so many numbers.

        Returns:
            the shape of what is kept of the outputs; () where that is nothing.
        """
        roles, single, joint, outputs = found
        self.block = max(self.block, min(MOST_ROWS, BLOCK_BYTES * self.block // max(taken, 1)))
        # As many blocks as it takes, of one size.
        self.block = math.ceil(self._places / math.ceil(self._places / self.block))
        numbers = sum(math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(outputs))
        self._keeps = numbers * self._places <= most_outputs
        summaries = [
            jax.eval_shape(metric.summary, statistics, roles)
            for metric, statistics in zip(self._joint, joint, strict=True)
        ]
        widths = [part.shape[1] for part in [*single, *summaries]]
        edges = [0, *itertools.accumulate(widths)]
        own, *columns = [slice(low, high) for low, high in itertools.pairwise(edges)]
        of_metric = dict(zip([*self._single, *self._joint], columns, strict=True))
        self.columns = [own, *(of_metric[metric] for metric in self._task.metrics)]
        self.statistics = edges[-1]
        number = jnp.result_type(float)
        return jax.ShapeDtypeStruct((self._places, numbers), number) if self._keeps else ()

    def __call__(
        self,
        parts: Parts,
        source: Source,
        judged: Judged,
        module: nnx.Module,
        key: jax.Array,
        speak: Speak | None = None,
    ) -> tuple[jax.Array, Any]:
        """`[3, statistics]` means over the rows of each role, and the outputs that are kept.

        Args:
            parts, source, judged: of the member.
            module: its network, in evaluation mode.
            key: for what is drawn at evaluation.
            speak: what is judged instead of the network's own outputs.
        """

        def block(index: Any) -> tuple[jax.Array, jax.Array, Any]:
            roles, single, joint, outputs = self.rows(
                parts, source, judged, module, key, index, speak
            )
            # A row counts in its own roles alone, also where its statistics are not finite.
            shares = roles[:, :, None]
            values = jnp.concatenate(single, 1)[None]
            sums = jnp.sum(jnp.where(shares > 0, shares * values, 0), 1)
            by_row = _flat(outputs) if self._keeps else (), (roles.T, joint) if joint else ()
            return sums, jnp.sum(roles, 1), by_row

        count = math.ceil(self._places / self.block)
        if count == 1:
            sums, totals, (outputs, together) = block(0)
        else:
            sums, totals, by_row = jax.lax.map(block, jnp.arange(count))
            sums, totals = jnp.sum(sums, 0), jnp.sum(totals, 0)
            outputs, together = jax.tree.map(
                lambda leaf: leaf.reshape(-1, leaf.shape[2])[: self._places], by_row
            )
        means = sums / jnp.where(totals > 0, totals, jnp.nan)[:, None]
        if self._joint:
            roles, rows = together
            summaries = [
                metric.summary(statistics, roles.T)
                for metric, statistics in zip(self._joint, rows, strict=True)
            ]
            means = jnp.concatenate([means, *summaries], 1)
        return means, outputs


def _flat(outputs: Any) -> jax.Array:
    """A tree of `[batch, ...]` as one `[batch, outputs]`."""
    leaves = [leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(outputs)]
    flat = leaves[0] if len(leaves) == 1 else jnp.concatenate(leaves, 1)
    return flat.astype(jnp.result_type(float))
