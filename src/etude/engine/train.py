"""Training of one member: a pure function from its numbers and keys to its results.

Everything here is written for one member and one batch. What is static stands in the closure,
what is swept is an argument.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.flatten_util import ravel_pytree

from etude.algorithm.base import Step
from etude.algorithm.schedule import Progress
from etude.batch import ROLES, Batch
from etude.data.base import Source
from etude.engine.cost import intermediate_bytes, operations
from etude.engine.disturb import augmented, noisy
from etude.engine.judge import Judge
from etude.engine.rules import Rules
from etude.engine.stages import stages_of
from etude.engine.state import Carry, Inputs, Judged, Kept, Parts, Shared, Task
from etude.engine.status import Status
from etude.keys import fold, typed
from etude.loss.base import Loss, penalty

MOST_OUTPUTS = 4_000_000
"""Outputs of the judged rows are results of a member only up to so many numbers."""

EVALUATED = ("epoch", "status", "diverged", "outputs", "history", "kept", "stage")
"""What the end of an epoch changes of a carry."""


class Member:
    """The training of one member of a task.

    Args:
        task: what is static.
        shared: shapes and dtypes of the shared arrays.

    Attributes:
        parameters: how many weights the network has.
        columns: for the loss and then each metric, which of the statistics are its own.
        keeps_outputs: whether outputs of the judged rows are results.
        bytes: about what its training takes beside the shared arrays; rather more than less.
        carried: about what it takes between two segments.
        operations: floating-point operations that training on one row takes.
    """

    def __init__(self, task: Task, shared: Shared) -> None:
        self.task = task
        self._structures = [
            jax.tree.structure(part) for part in (task.stream, task.model, task.loss, task.augment)
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
        places = shared.judged.rows.shape[-1]
        self._judge = Judge(task, places)
        step = min(task.batch_size, places)
        block, found = jax.make_jaxpr(self._traced_block, return_shape=True)(
            shared, inputs, self.params, rest
        )
        taken = intermediate_bytes(block.jaxpr)
        self._outputs = self._judge.fit(taken, found, MOST_OUTPUTS)
        self.keeps_outputs = self._outputs != ()
        self.columns = self._judge.columns
        # Of a row training keeps what its evaluation computes, and takes about as much again
        # for the gradient, twice.
        computed = max(taken // step * self._judge.block, 3 * taken // step * task.batch_size)
        kept = 2 * sum(leaf.size for leaf in jax.tree.leaves(self._outputs))
        kept += task.all_epochs * len(ROLES) * self._judge.statistics
        others = sum(leaf.size for leaf in jax.tree.leaves(rest))
        kept += 2 * others
        self._stages = stages_of(task, shared, found[3], self._judge.block, self._outputs)
        if self._stages is not None:
            kept += self._stages.numbers(self.parameters + others)
        self.bytes = 4 * (self.parameters * (4 + self.rules.slots) + kept) + computed
        order = shared.splits.order.shape[-1]
        self.carried = 4 * (self.parameters * (2 + self.rules.slots) + kept + order)
        self.operations = 3 * operations(block.jaxpr) / step

    def init(self, shared: Shared, inputs: Inputs) -> Carry:
        """The member before its first step."""
        parts = self._parts(inputs)
        source = self._source(shared, inputs)
        _, params, rest = self._build(inputs.numbers, inputs.keys[0])
        weights = self._ravel(params)
        outputs = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self._outputs)
        zero = jnp.zeros((), jnp.int32)
        shape = (self.task.all_epochs, len(ROLES), self._judge.statistics)
        stops = self.task.rules[0].stopping is not None
        return Carry(
            weights=weights,
            rest=rest,
            state=self.rules.init(inputs.rule, parts.rule_numbers, weights),
            stream=parts.stream.init(source, typed(inputs.keys[1])),
            step=zero,
            epoch=zero,
            block=zero,
            batch=zero,
            status=inputs.status,
            diverged=zero,
            outputs=outputs,
            history=jnp.full(shape, jnp.nan, weights.dtype),
            kept=Kept(weights, rest, outputs, jnp.asarray(jnp.inf, weights.dtype), zero)
            if stops
            else (),
            stage=self._stages.begin(parts, source, weights, rest) if self._stages else (),
        )

    def segment(self, shared: Shared, inputs: Inputs, carry: Carry, stop: jax.Array) -> Carry:
        """Train until `stop` steps are done, or the member stops or diverges.

        Where rows are streamed it trains on the block at hand alone, and a member that has not
        come to that block, or has passed it, rests.
        """

        def goes_on(carry: Carry) -> jax.Array:
            going = (carry.step < stop) & (carry.status == Status.RUNNING)
            if shared.streamed == ():
                return going
            here = shared.streamed.epoch, shared.streamed.block
            return going & (carry.epoch == here[0]) & (carry.block == here[1])

        return jax.lax.while_loop(goes_on, partial(self._stretch, shared, inputs, stop), carry)

    def module(self, weights: jax.Array, rest: Any) -> nnx.Module:
        """The network with these weights."""
        return nnx.merge(self._graph, self.unravel(weights), rest, copy=True)

    def networks(self, carry: Carry) -> tuple[Any, Any]:
        """Trained and other variables of the networks of an ensemble, keys as plain numbers."""
        count = int(carry.stage.number)
        weights, rest = jax.tree.map(lambda leaf: leaf[:count], carry.stage.networks)
        return jax.vmap(self.unravel)(weights), rest

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

    def _stretch(self, shared: Shared, inputs: Inputs, stop: jax.Array, carry: Carry) -> Carry:
        """Steps until `stop`, or the end of the epoch or block, whichever comes first."""
        parts, source, member = self._parts(inputs), self._source(shared, inputs), inputs
        # Keys and steps are those of the network in training, where there are several.
        steps, epochs = carry.step, carry.epoch
        if self._stages is not None:
            inputs = self._stages.inputs(member, carry.stage)
            source = self._stages.source(parts, source, inputs)
            steps, stop = steps - carry.stage.step, stop - carry.stage.step
            epochs -= carry.stage.epoch
        batches = parts.stream.batches(source, self.task.batch_size)
        blocks, in_epoch = 1, batches
        if shared.streamed != ():
            sizes = shared.streamed.sizes[inputs.split]
            blocks, in_epoch = sizes.size, jnp.sum(self._batches(parts, source, sizes))
        total = self.task.rules[0].steps or self.task.epochs * in_epoch
        order_key = fold(inputs.keys[1], 2 * (epochs * blocks + carry.block))
        stream = jax.lax.cond(
            carry.batch == 0,
            lambda: parts.stream.epoch(source, carry.stream, order_key),
            lambda: carry.stream,
        )

        def step(loop: Any) -> Any:
            index, weights, rest, state, stream, done, _ = loop
            progress = Progress(done, in_epoch, total)
            batch_key = fold(inputs.keys[1], 2 * done + 1)
            before = stream
            stream, batch = parts.stream.batch(
                source,
                stream,
                index,
                self.task.batch_size,
                self.module(weights, rest),
                batch_key,
            )
            fits = parts.loss.objective
            if self._stages is not None:
                rows = parts.stream.rows(source, before, index, self.task.batch_size)
                batch, fits = self._stages.learned(parts, carry.stage, rows, batch)
            batch = augmented(parts.augment, batch, batch_key, self.task.spec)
            key = fold(inputs.keys[2], 2 * done)
            objective = partial(
                self._objective, parts.loss, fits, parts.model.weight_noise, rest, batch, key
            )
            which = (inputs.rule, parts.rule_numbers, progress)
            point = self.rules.point(*which, weights, state)
            (value, (fit, after)), gradient = jax.value_and_grad(objective, has_aux=True)(point)
            info = Step((done + 1).astype(weights.dtype), value, lambda point: objective(point)[0])
            change, state = self.rules.update(*which, gradient, state, weights, info)
            finite = jnp.isfinite(fit)
            weights = jnp.where(finite, weights + change, weights)
            return index + 1, weights, after, state, stream, done + 1, finite

        end = jnp.minimum(batches, carry.batch + jnp.minimum(stop, total) - steps)

        def goes_on(loop: Any) -> jax.Array:
            return (loop[0] < end) & loop[6]

        start = (
            carry.batch,
            carry.weights,
            carry.rest,
            carry.state,
            stream,
            steps,
            jnp.asarray(True),
        )
        index, weights, rest, state, stream, done, finite = jax.lax.while_loop(goes_on, step, start)
        through = index >= batches
        last = carry.block + 1 >= blocks
        carry = carry._replace(
            weights=weights,
            rest=rest,
            state=state,
            stream=stream,
            step=done if self._stages is None else done + carry.stage.step,
            batch=jnp.where(through, 0, index),
            block=jnp.where(through, jnp.where(last, 0, carry.block + 1), carry.block),
        )
        ended = done >= total
        changes = jax.lax.cond(
            (through & last) | ended | ~finite,
            lambda: self._evaluated(parts, shared, inputs, carry, ended, finite),
            lambda: {name: getattr(carry, name) for name in EVALUATED},
        )
        carry = carry._replace(**changes)
        if self._stages is None:
            return carry
        begins = (carry.step == carry.stage.step) & (carry.status == Status.RUNNING)
        source = self._source(shared, member)
        following = partial(self._begun, parts, source, member)
        return jax.lax.cond(begins, following, lambda carry: carry, carry)

    def _begun(self, parts: Parts, source: Source, inputs: Inputs, carry: Carry) -> Carry:
        """Before the first step of the next network."""
        assert self._stages is not None
        keys = self._stages.inputs(inputs, carry.stage).keys
        _, params, rest = self._build(inputs.numbers, keys[0])
        weights = self._ravel(params)
        return carry._replace(
            weights=weights,
            rest=rest,
            state=self.rules.init(inputs.rule, parts.rule_numbers, weights),
            stream=parts.stream.init(source, typed(keys[1])),
            batch=jnp.zeros_like(carry.batch),
        )

    def _evaluated(
        self,
        parts: Parts,
        shared: Shared,
        inputs: Inputs,
        carry: Carry,
        ended: jax.Array,
        finite: jax.Array,
    ) -> dict[str, Any]:
        """What the end of an epoch changes: the member is judged.

        Args:
            parts, shared, inputs, carry: of the member.
            ended: whether its budget of steps is spent.
            finite: whether its last step was.
        """
        judged = self.rules.evaluated(inputs.rule, parts.rule_numbers, carry.weights, carry.state)
        module = self.module(judged, carry.rest)
        module.eval()
        source, rows = self._judged(shared, inputs)
        key, stage = fold(inputs.keys[2], 1), carry.stage
        speak, epoch, epochs = None, carry.epoch + 1, carry.epoch + 1
        if self._stages is not None:
            epochs -= stage.epoch
            found, said, speak = self._stages.weighed(parts, source, stage, module, key)
        means, outputs = self._judge(parts, source, rows, module, key, speak)
        # Finite weights may still give a training loss that is not.
        finite &= jnp.all(jnp.isfinite(judged)) & jnp.isfinite(means[0, 0])
        ended |= epochs >= self.task.epochs
        if self._stages is not None:
            said, network = outputs if said is None else said, (judged, carry.rest)
            after = self._stages.ended(stage, found, said, carry.step, epoch, network)
            stage = jax.tree.map(lambda new, old: jnp.where(ended, new, old), after, stage)
            ended &= found.ends | (stage.number >= self.task.rules[0].networks)
        status = jnp.where(ended, Status.DONE, Status.RUNNING)
        kept = carry.kept
        if self.task.rules[0].stopping is not None:
            loss = means[1, 0]
            stopping = self._stopping(parts)
            better = loss < kept.loss - stopping.min_delta
            now = Kept(judged, carry.rest, outputs, loss, epoch)
            kept = jax.tree.map(lambda new, old: jnp.where(better, new, old), now, kept)
            waited = (epoch - kept.epoch).astype(loss.dtype) >= stopping.patience
            status = jnp.where(waited & ~ended, Status.STOPPED, status)
        return {
            "epoch": epoch,
            "status": jnp.where(finite, status, Status.DIVERGED).astype(jnp.int32),
            "diverged": jnp.where(finite, 0, carry.step),
            "outputs": outputs,
            "history": carry.history.at[carry.epoch].set(jnp.where(finite, means, jnp.nan)),
            "kept": kept,
            "stage": stage,
        }

    def _batches(self, parts: Parts, source: Source, sizes: jax.Array) -> jax.Array:
        """The batches of an epoch over so many training rows, for each of several numbers."""

        def batches(size: jax.Array) -> jax.Array:
            split = source.split._replace(size=size)
            return parts.stream.batches(source._replace(split=split), self.task.batch_size)

        return jax.vmap(batches)(sizes)

    def _objective(
        self,
        loss: Loss,
        fits: Any,
        noise: Any,
        rest: Any,
        batch: Batch,
        key: jax.Array,
        weights: jax.Array,
    ) -> tuple[jax.Array, Any]:
        params = self.unravel(weights)
        module = nnx.merge(self._graph, noisy(params, noise, key), rest, copy=True)
        module.train()
        fit = fits(module, batch, key)
        # The fit is told apart, for a penalty whose value nobody reads costs only its gradient.
        return fit + penalty(loss, params), (fit, nnx.split(module, nnx.Param, ...)[2])

    def _traced_block(self, shared: Shared, inputs: Inputs, params: Any, rest: Any) -> Any:
        module = nnx.merge(self._graph, params, rest, copy=True)
        module.eval()
        source, rows = self._judged(shared, inputs)
        key = fold(inputs.keys[2], 1)
        return self._judge.rows(self._parts(inputs), source, rows, module, key, 0)

    def _build(self, numbers: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        model = self._unflatten(numbers)[1]
        outputs = self.task.loss.outputs(self.task.spec)
        rngs = nnx.Rngs(params=typed(key), dropout=fold(key, 0))
        module = model.build(self.task.spec, outputs, rngs)
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
        stream, model, loss, augment = self._unflatten(inputs.numbers)
        return Parts(stream, model, loss, augment, inputs.numbers[sum(self._counts) :])

    def _stopping(self, parts: Parts) -> Any:
        structure = jax.tree.structure(self.task.rules[0])
        numbers = list(parts.rule_numbers[: structure.num_leaves])
        return jax.tree.unflatten(structure, numbers).stopping

    def _source(self, shared: Shared, inputs: Inputs) -> Source:
        fitted, splits = jax.tree.map(
            lambda leaf: leaf[inputs.split], (shared.fitted, shared.splits)
        )
        return Source(shared.arrays, fitted, splits)

    def _judged(self, shared: Shared, inputs: Inputs) -> tuple[Source, Judged]:
        """The arrays that the judged rows are in, and their numbers there."""
        source = self._source(shared, inputs)
        if shared.streamed != ():
            source = source._replace(arrays=shared.streamed.judged)
        return source, jax.tree.map(lambda leaf: leaf[inputs.split], shared.judged)
