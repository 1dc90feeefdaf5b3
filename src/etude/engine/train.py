"""Training of one member: a pure function from its numbers and keys to its results.

Everything here is written for one member and one batch. What is static stands in the closure,
what is swept is an argument.
"""

import itertools
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.flatten_util import ravel_pytree

from etude.algorithm.base import Step
from etude.algorithm.schedule import Progress
from etude.batch import Batch
from etude.data.base import Source
from etude.engine.rules import Rules
from etude.engine.state import Carry, Inputs, Kept, Parts, Shared, Task
from etude.engine.status import Status
from etude.keys import fold, typed
from etude.loss.base import Loss, penalty
from etude.metric.base import JointMetric, Metric


class Member:
    """The training of one member of a task.

    Args:
        task: what is static.
        shared: shapes and dtypes of the shared arrays.

    Attributes:
        parameters: how many weights the network has.
        columns: for the loss and then each metric, which of the statistics are its own.
        bytes: about what its training takes beside the shared arrays; rather more than less.
    """

    def __init__(self, task: Task, shared: Shared) -> None:
        self.task = task
        self._structures = [
            jax.tree.structure(part) for part in (task.stream, task.model, task.loss)
        ]
        self._counts = [structure.num_leaves for structure in self._structures]
        self._rule_numbers = max(jax.tree.structure(rule).num_leaves for rule in task.rules)
        self.numbers = sum(self._counts) + self._rule_numbers
        key = jax.ShapeDtypeStruct((2,), jnp.uint32)
        numbers = jax.ShapeDtypeStruct((self.numbers,), jnp.result_type(float))
        self._graph, self.params, rest = jax.eval_shape(self._build, numbers, key)
        weights = jax.eval_shape(self._ravel, self.params)
        self.parameters = weights.size
        self.rules = Rules(task.rules, weights, self.unravel)
        inputs = Inputs(
            numbers,
            jax.ShapeDtypeStruct((), jnp.int32),
            jax.ShapeDtypeStruct((), jnp.int32),
            jax.ShapeDtypeStruct((3, 2), jnp.uint32),
            jax.ShapeDtypeStruct((), jnp.int32),
        )
        self._widths: list[int] = []
        self._joint = [metric for metric in task.metrics if isinstance(metric, JointMetric)]
        self._single = [metric for metric in task.metrics if metric not in self._joint]
        evaluation, (means, outputs) = jax.make_jaxpr(
            lambda shared, inputs, weights, rest: self._evaluate(
                self._parts(inputs), self._source(shared, inputs), weights, rest, inputs.keys[2]
            ),
            return_shape=True,
        )(shared, inputs, weights, rest)
        rows = shared.splits.roles.shape[-1]
        self.bytes = self._bytes(_intermediate_bytes(evaluation.jaxpr), rows, outputs)
        self._statistics = means.shape[1]
        self._outputs = outputs
        edges = [sum(self._widths[:place]) for place in range(len(self._widths) + 1)]
        own, *columns = [slice(low, high) for low, high in itertools.pairwise(edges)]
        of_metric = dict(zip([*self._single, *self._joint], columns, strict=True))
        self.columns = [own, *(of_metric[metric] for metric in task.metrics)]

    def init(self, shared: Shared, inputs: Inputs) -> Carry:
        """The member before its first step."""
        parts = self._parts(inputs)
        source = self._source(shared, inputs)
        _, params, rest = self._build(inputs.numbers, inputs.keys[0])
        weights = self._ravel(params)
        outputs = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self._outputs)
        zero = jnp.zeros((), jnp.int32)
        shape = (self.task.epochs, source.split.roles.shape[0], self._statistics)
        stops = self.task.rules[0].stopping is not None
        return Carry(
            weights=weights,
            rest=rest,
            state=self.rules.init(inputs.rule, parts.rule_numbers, weights),
            stream=parts.stream.init(source, typed(inputs.keys[1])),
            step=zero,
            epoch=zero,
            status=inputs.status,
            diverged=zero,
            outputs=outputs,
            history=jnp.full(shape, jnp.nan, weights.dtype),
            kept=Kept(weights, rest, outputs, jnp.asarray(jnp.inf, weights.dtype), zero)
            if stops
            else (),
        )

    def segment(self, shared: Shared, inputs: Inputs, carry: Carry, stop: jax.Array) -> Carry:
        """Train until `stop` epochs are done, or the member stops or diverges."""
        parts = self._parts(inputs)
        source = self._source(shared, inputs)
        return jax.lax.while_loop(
            lambda carry: (carry.epoch < stop) & (carry.status == Status.RUNNING),
            partial(self._epoch, parts, source, inputs),
            carry,
        )

    def module(self, weights: jax.Array, rest: Any) -> nnx.Module:
        """The network with these weights."""
        return nnx.merge(self._graph, self.unravel(weights), rest, copy=True)

    def trained(self, inputs: Inputs, carry: Carry) -> nnx.Module:
        """The network that training has led to: the best epoch's where one was kept."""
        if carry.kept != ():
            return self.module(carry.kept.weights, carry.kept.rest)
        numbers = self._parts(inputs).rule_numbers
        weights = self.rules.evaluated(inputs.rule, numbers, carry.weights, carry.state)
        return self.module(weights, carry.rest)

    def unravel(self, weights: jax.Array) -> Any:
        """From the vector of all weights to the tree of the network's arrays."""
        return self._unravel(weights)

    def _epoch(self, parts: Parts, source: Source, inputs: Inputs, carry: Carry) -> Carry:
        rule = self.task.rules[0]
        batches = parts.stream.batches(source, self.task.batch_size)
        total = rule.steps or self.task.epochs * batches
        epoch_key = fold(inputs.keys[1], 2 * carry.epoch)
        stream = parts.stream.epoch(source, carry.stream, epoch_key)

        def step(loop: Any) -> Any:
            index, weights, rest, state, stream, done, _ = loop
            progress = Progress(done, batches, total)
            stream, batch = parts.stream.batch(
                source,
                stream,
                index,
                self.task.batch_size,
                self.module(weights, rest),
                fold(inputs.keys[1], 2 * done + 1),
            )
            key = fold(inputs.keys[2], 2 * done)
            objective = partial(self._objective, parts.loss, rest, batch, key)
            which = (inputs.rule, parts.rule_numbers, progress)
            point = self.rules.point(*which, weights, state)
            (value, (fit, after)), gradient = jax.value_and_grad(objective, has_aux=True)(point)
            info = Step((done + 1).astype(weights.dtype), value, lambda point: objective(point)[0])
            change, state = self.rules.update(*which, gradient, state, weights, info)
            finite = jnp.isfinite(fit)
            weights = jnp.where(finite, weights + change, weights)
            return index + 1, weights, after, state, stream, done + 1, finite

        def goes_on(loop: Any) -> jax.Array:
            return (loop[0] < batches) & (loop[5] < total) & loop[6]

        start = (
            jnp.zeros((), jnp.int32),
            carry.weights,
            carry.rest,
            carry.state,
            stream,
            carry.step,
            jnp.asarray(True),
        )
        _, weights, rest, state, stream, done, finite = jax.lax.while_loop(goes_on, step, start)
        judged = self.rules.evaluated(inputs.rule, parts.rule_numbers, weights, state)
        means, outputs = self._evaluate(parts, source, judged, rest, inputs.keys[2])
        # Finite weights may still give a training loss that is not.
        finite &= jnp.all(jnp.isfinite(judged)) & jnp.isfinite(means[0, 0])
        epoch = carry.epoch + 1
        ended = (epoch >= self.task.epochs) | (done >= total)
        status = jnp.where(ended, Status.DONE, Status.RUNNING)
        kept = carry.kept
        if rule.stopping is not None:
            loss = means[1, 0]
            stopping = self._stopping(parts)
            better = loss < kept.loss - stopping.min_delta
            now = Kept(judged, rest, outputs, loss, epoch)
            kept = jax.tree.map(lambda new, old: jnp.where(better, new, old), now, kept)
            waited = (epoch - kept.epoch).astype(loss.dtype) >= stopping.patience
            status = jnp.where(waited & ~ended, Status.STOPPED, status)
        return Carry(
            weights=weights,
            rest=rest,
            state=state,
            stream=stream,
            step=done,
            epoch=epoch,
            status=jnp.where(finite, status, Status.DIVERGED).astype(jnp.int32),
            diverged=jnp.where(finite, 0, done),
            outputs=outputs,
            history=carry.history.at[carry.epoch].set(jnp.where(finite, means, jnp.nan)),
            kept=kept,
        )

    def _objective(
        self, loss: Loss, rest: Any, batch: Batch, key: jax.Array, weights: jax.Array
    ) -> tuple[jax.Array, Any]:
        params = self.unravel(weights)
        module = nnx.merge(self._graph, params, rest, copy=True)
        module.train()
        fit = loss.objective(module, batch, key)
        # The fit is told apart, for a penalty whose value nobody reads costs only its gradient.
        return fit + penalty(loss, params), (fit, nnx.split(module, nnx.Param, ...)[2])

    def _evaluate(
        self, parts: Parts, source: Source, weights: jax.Array, rest: Any, key: jax.Array
    ) -> tuple[jax.Array, Any]:
        module = self.module(weights, rest)
        module.eval()

        def one(index: Any) -> tuple[jax.Array, jax.Array, Any]:
            batch, roles = parts.stream.evaluation(source, index, module, fold(key, 1))
            outputs = parts.loss.evaluate(module, batch)
            prediction = parts.loss.prediction(outputs)

            def of_rows(metric: Metric) -> jax.Array:
                if metric.probabilistic:
                    return metric.statistics((prediction, parts.loss.deviation(outputs)), batch)
                return metric.statistics(prediction, batch)

            statistics = [parts.loss(outputs, batch)[:, None], *map(of_rows, self._single)]
            self._widths = [part.shape[1] for part in statistics]
            # A row counts in its own roles alone, also where its statistics are not finite.
            shares = roles[:, :, None]
            values = jnp.concatenate(statistics, 1)[None]
            sums = jnp.sum(jnp.where(shares > 0, shares * values, 0), 1)
            by_row = (
                _flat(outputs) if self.task.keep_outputs else (),
                (roles.T, [*map(of_rows, self._joint)]) if self._joint else (),
            )
            return sums, jnp.sum(roles, 1), by_row

        count = parts.stream.evaluations(source)
        if count == 1:
            sums, totals, (outputs, together) = one(0)
        else:
            sums, totals, by_row = jax.lax.map(one, jnp.arange(count))
            sums, totals = jnp.sum(sums, 0), jnp.sum(totals, 0)
            outputs, together = jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[2]), by_row)
        means = sums / jnp.where(totals > 0, totals, jnp.nan)[:, None]
        if self._joint:
            roles, rows = together
            summaries = [
                metric.summary(statistics, roles.T)
                for metric, statistics in zip(self._joint, rows, strict=True)
            ]
            self._widths += [part.shape[1] for part in summaries]
            means = jnp.concatenate([means, *summaries], 1)
        return means, outputs

    def _bytes(self, evaluation: int, rows: int, outputs: Any) -> int:
        """Weights, gradient, point and change; states; what evaluation or a step computes.

        A step computes about three times as much for a row as evaluation: forward, and twice
        that backward.
        """
        vectors = 4 + self.rules.slots
        kept = 2 * sum(leaf.size for leaf in jax.tree.leaves(outputs))
        step = 3 * evaluation * self.task.batch_size // max(rows, 1)
        return 4 * (self.parameters * vectors + kept) + max(evaluation, step)

    def _build(self, numbers: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        model = self._unflatten(numbers)[1]
        outputs = self.task.loss.outputs(self.task.spec)
        module = model.build(self.task.spec, outputs, nnx.Rngs(typed(key)))
        return nnx.split(module, nnx.Param, ...)

    def _ravel(self, params: Any) -> jax.Array:
        vector, self._unravel = ravel_pytree(params)
        return vector

    def _unflatten(self, numbers: jax.Array) -> list[Any]:
        parts, start = [], 0
        for structure, count in zip(self._structures, self._counts, strict=True):
            parts.append(jax.tree.unflatten(structure, list(numbers[start : start + count])))
            start += count
        return parts

    def _parts(self, inputs: Inputs) -> Parts:
        stream, model, loss = self._unflatten(inputs.numbers)
        return Parts(stream, model, loss, inputs.numbers[sum(self._counts) :])

    def _stopping(self, parts: Parts) -> Any:
        structure = jax.tree.structure(self.task.rules[0])
        numbers = list(parts.rule_numbers[: structure.num_leaves])
        return jax.tree.unflatten(structure, numbers).stopping

    def _source(self, shared: Shared, inputs: Inputs) -> Source:
        fitted, splits = jax.tree.map(
            lambda leaf: leaf[inputs.split], (shared.fitted, shared.splits)
        )
        return Source(shared.arrays, fitted, splits)


def _flat(outputs: Any) -> jax.Array:
    """A tree of `[batch, ...]` as one `[batch, outputs]`."""
    leaves = [leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(outputs)]
    return leaves[0] if len(leaves) == 1 else jnp.concatenate(leaves, 1)


def _intermediate_bytes(jaxpr: Any) -> int:
    """The bytes of everything that a computation computes, as if all of it were kept."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [part for part in equation.params.values() if hasattr(part, "eqns")]
        inner += [part.jaxpr for part in equation.params.values() if hasattr(part, "jaxpr")]
        total += sum(_intermediate_bytes(part) for part in inner)
        total += sum(
            variable.aval.size * variable.aval.dtype.itemsize
            for variable in equation.outvars
            if hasattr(variable.aval, "size") and not inner
        )
    return total
