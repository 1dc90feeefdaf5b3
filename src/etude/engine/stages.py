"""The networks of an ensemble one after another: stages in the training of one member."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from etude.batch import Batch
from etude.data.base import Source
from etude.engine.judge import Speak
from etude.engine.state import Inputs, Parts, Shared, Stage, Task
from etude.ensemble.base import Ensemble, Weighed
from etude.errors import InputError
from etude.keys import fold, is_key

ROWS_DRAWN, FIRST = np.uint32(2**32 - 1), np.uint32(2**32 - 2)
"""Numbers for keys that no step comes to: of the rows of a network, and of the networks."""

Objective = Callable[[nnx.Module, Batch, jax.Array], jax.Array]
"""What a network makes small on a batch, given a key for what is drawn."""


class Stages:
    """What an ensemble adds to the training of a member.

    Args:
        task: what is static.
        ensemble: of its rules.
        width: how many numbers a network gives for each row.
        places: how many rows are judged, with what fills up smaller splits.
        rows: how many rows the data have.
        block: how many of them are evaluated at once, about.
    """

    def __init__(
        self, task: Task, ensemble: Ensemble, width: int, places: int, rows: int, block: int
    ) -> None:
        self._task, self._ensemble = task, ensemble
        self._width = width
        self._places = rows if ensemble.of_rows else places
        self._rows = rows
        self._block = math.ceil(rows / math.ceil(rows / block))

    def numbers(self, network: int) -> int:
        """How many numbers a member holds because of its ensemble.

        Args:
            network: how many numbers a network is.
        """
        said = 3 * self._places * self._width + self._ensemble.of_rows * 2 * self._rows
        return said + self._task.keeps_networks * self._ensemble.networks * network

    def begin(self, parts: Parts, source: Source, weights: jax.Array, rest: Any) -> Stage:
        """Before the first network."""
        ensemble, count = self._of(parts), self._ensemble.networks
        said = jnp.zeros((self._places, ensemble.width(parts.loss, self._width)), weights.dtype)
        memory: Any = ()
        if ensemble.of_rows:
            said, memory = ensemble.begin(parts.loss, said, self._all(parts, source, None))
        zero = jnp.zeros((), jnp.int32)

        def several(leaf: jax.Array) -> jax.Array:
            plain = _plain(leaf)
            return jnp.zeros((count, *plain.shape), plain.dtype)

        return Stage(
            number=zero,
            step=zero,
            epoch=zero,
            said=said,
            start=said[0],
            memory=memory,
            coefficients=jnp.zeros(count, weights.dtype),
            networks=jax.tree.map(several, (weights, rest)) if self._task.keeps_networks else (),
        )

    def inputs(self, inputs: Inputs, stage: Stage) -> Inputs:
        """The member with the keys of the network in training; those of the first are its own."""
        number = FIRST - stage.number.astype(jnp.uint32)
        others = [jax.random.key_data(fold(words, number)) for words in inputs.keys]
        keys = jnp.where(stage.number == 0, inputs.keys, jnp.stack(others))
        return inputs._replace(keys=keys)

    def source(self, parts: Parts, source: Source, inputs: Inputs) -> Source:
        """The rows that the network in training is trained on.

        Args:
            parts, source: of the member.
            inputs: with the keys of the network.
        """
        key = fold(inputs.keys[1], ROWS_DRAWN)
        order = self._of(parts).order(source.split.order, source.split.size, key)
        return source._replace(split=source.split._replace(order=order))

    def learned(
        self, parts: Parts, stage: Stage, rows: jax.Array, batch: Batch
    ) -> tuple[Batch, Objective]:
        """What the network learns from a batch of training rows, and what it makes small there.

        Args:
            parts, stage: of the member.
            rows: the numbers of the rows.
            batch: the rows as they are.
        """
        ensemble, loss = self._of(parts), parts.loss
        if not ensemble.of_rows:
            return batch, loss.objective
        batch, factor = ensemble.learned(loss, stage.said, stage.memory, rows, batch)
        return (
            batch,
            lambda module, batch, key: factor * ensemble.objective(loss, module, batch, key),
        )

    def weighed(
        self, parts: Parts, source: Source, stage: Stage, module: nnx.Module, key: jax.Array
    ) -> tuple[Weighed, jax.Array | None, Speak]:
        """The network as it is now beside those before it.

        Args:
            parts, source, stage: of the member.
            module: the network in training, in evaluation mode.
            key: for what is drawn at evaluation.

        Returns:
            what it counts; what all of them say of every row, None where that is what is judged;
            and what is judged.
        """
        ensemble, loss, number = self._of(parts), parts.loss, stage.number
        if not ensemble.of_rows:

            def spoken(outputs: Any, rows: Any, places: Any) -> jax.Array:
                said = ensemble.added(loss, stage.said[places], outputs(), 1.0, number)
                return ensemble.told(loss, said, 1.0)

            one, no = jnp.ones((), stage.said.dtype), jnp.asarray(False)
            return Weighed(one, (), no, ~no), None, spoken
        outputs = self._outputs(parts, source, module, key)
        rows = self._all(parts, source, module)
        found = ensemble.weighed(loss, stage.said, stage.memory, outputs, rows, number)
        said = ensemble.added(loss, stage.said, outputs, found.coefficient, number)
        total = jnp.sum(stage.coefficients) + found.coefficient
        told = ensemble.told(loss, said, total)
        return found, said, lambda outputs, rows, places: told[rows]

    def ended(
        self,
        stage: Stage,
        found: Weighed,
        said: jax.Array,
        step: jax.Array,
        epoch: jax.Array,
        network: tuple[jax.Array, Any],
    ) -> Stage:
        """After the training of a network has ended.

        Args:
            stage: while it was in training.
            found: what it counts.
            said: what all networks say, in the form and of the rows of `stage.said`.
            step, epoch: how many the member has done by now.
            network: its weights, and its other variables.
        """
        after = stage._replace(
            number=stage.number + 1,
            said=said.astype(stage.said.dtype),
            memory=found.memory,
            coefficients=stage.coefficients.at[stage.number].set(found.coefficient),
            networks=jax.tree.map(
                lambda kept, leaf: kept.at[stage.number].set(_plain(leaf)),
                stage.networks,
                network if self._task.keeps_networks else (),
            ),
        )
        after = jax.tree.map(lambda new, old: jnp.where(found.counts, new, old), after, stage)
        return after._replace(step=step, epoch=epoch)

    def _of(self, parts: Parts) -> Ensemble:
        """The ensemble with its traced numbers."""
        structure = jax.tree.structure(self._task.rules[0])
        rule = jax.tree.unflatten(structure, list(parts.rule_numbers[: structure.num_leaves]))
        return rule.ensemble

    def _all(self, parts: Parts, source: Source, module: Any) -> Batch:
        """All rows of the data; those that are no training rows weigh 0."""
        rows = jnp.arange(self._rows)
        batch = parts.stream.evaluation(source, rows, module, jax.random.key(0))
        return batch._replace(weights=source.split.weights)

    def _outputs(self, parts: Parts, source: Source, module: Any, key: jax.Array) -> jax.Array:
        """What a network says of all rows of the data, `[rows, outputs]`."""

        def block(index: jax.Array) -> jax.Array:
            rows = jnp.minimum(index * self._block + jnp.arange(self._block), self._rows - 1)
            return parts.loss.evaluate(module, parts.stream.evaluation(source, rows, module, key))

        found: jax.Array = jax.lax.map(block, jnp.arange(math.ceil(self._rows / self._block)))
        return found.reshape(-1, self._width)[: self._rows]


def _plain(leaf: jax.Array) -> jax.Array:
    """Random keys as the numbers that they are made of."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def stages_of(task: Task, shared: Shared, outputs: Any, block: int, kept: Any) -> Stages | None:
    """What an ensemble adds to the training of a member; None where there is none.

    Args:
        task: what is static.
        shared: shapes of the shared arrays.
        outputs: shape of a network's outputs of some rows.
        block: how many rows are judged at once.
        kept: shape of the outputs of the judged rows that are kept; () where none are.

    Raises:
        InputError: the outputs of the networks are no numbers of each row, or too many, or the loss
            does not say how they are combined.
    """
    ensemble = task.rules[0].ensemble
    if ensemble is None:
        return None
    leaves = jax.tree.leaves(outputs)
    if len(leaves) != 1 or len(leaves[0].shape) != 2:
        raise InputError(
            f"`ensemble` {ensemble.name} needs a network that gives numbers for each row, and "
            f"{task.model} gives something else under {task.loss}"
        )
    if kept == ():
        raise InputError(
            f"`ensemble` {ensemble.name} needs the outputs of all judged rows in memory, and these "
            "are too many: hold fewer rows out"
        )
    width = leaves[0].shape[1]
    said = jax.ShapeDtypeStruct((1, ensemble.width(task.loss, width)), jnp.result_type(float))

    def together(said: jax.Array, outputs: jax.Array) -> jax.Array:
        return ensemble.told(task.loss, ensemble.added(task.loss, said, outputs, 1.0, 0), 1.0)

    # What these networks cannot say together is refused before anything is compiled.
    jax.eval_shape(together, said, jax.ShapeDtypeStruct((1, width), said.dtype))
    places, rows = shared.judged.rows.shape[-1], shared.splits.weights.shape[-1]
    return Stages(task, ensemble, width, places, rows, block)
