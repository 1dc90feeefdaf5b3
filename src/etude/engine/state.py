"""What goes into the training of a member, what it carries along, and what is static."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from etude.algorithm.base import Algorithm
from etude.batch import Spec
from etude.data.base import Split, Stream
from etude.loss.base import Loss
from etude.metric.base import Metric
from etude.model.base import Model


class Shared(NamedTuple):
    """What all members of a program read.

    Attributes:
        arrays: the data, rows first.
        fitted: what was fitted to the training rows, `[splits, ...]`.
        splits: the rows of each role, `[splits, ...]`.
    """

    arrays: Any
    fitted: Any
    splits: Split


class Inputs(NamedTuple):
    """What sets one member apart.

    Attributes:
        numbers: `[numbers]`, the traced fields of stream, model, loss and algorithm.
        rule: which of the program's update rules.
        split: which split.
        keys: `[3, 2]` uint32, for initial weights, batches and the objective.
        status: RUNNING; a member that only fills up a chunk is DONE from the start.
    """

    numbers: jax.Array
    rule: jax.Array
    split: jax.Array
    keys: jax.Array
    status: jax.Array


class Kept(NamedTuple):
    """The best epoch so far, by the loss on the validation rows."""

    weights: jax.Array
    rest: Any
    outputs: Any
    loss: jax.Array
    epoch: jax.Array


class Carry(NamedTuple):
    """Where the training of a member stands.

    Attributes:
        weights: `[parameters]`.
        rest: the other variables of the network, such as batch statistics.
        state: the state of the update rule.
        stream: the carry of the stream of batches.
        step: steps done.
        epoch: epochs done.
        status: a `Status`.
        diverged: the step at which a non-finite value was noticed, counted from 1; else 0.
        outputs: `[rows, outputs]`, of the last evaluation, the leaves of a tree side by side;
            () where not kept.
        history: `[epochs, roles, statistics]`, means over the rows of each role.
        kept: the best epoch so far; () without early stopping.
    """

    weights: jax.Array
    rest: Any
    state: Any
    stream: Any
    step: jax.Array
    epoch: jax.Array
    status: jax.Array
    diverged: jax.Array
    outputs: Any
    history: jax.Array
    kept: Any


@dataclass(frozen=True)
class Task:
    """What the members of a program have in common: all that is compiled into it.

    Attributes:
        spec: sizes of the data.
        stream, model, loss: of which only the structure counts, not the traced numbers.
        rules: one update rule of every kind that the program knows.
        metrics: what is measured beside the loss.
        batch_size: rows of a step.
        epochs: the budget in epochs.
        keep_outputs: whether outputs for all rows are results.
    """

    spec: Spec
    stream: Stream
    model: Model
    loss: Loss
    rules: tuple[Algorithm, ...]
    metrics: tuple[Metric, ...]
    batch_size: int
    epochs: int
    keep_outputs: bool


class Parts(NamedTuple):
    """The components of a member inside a trace."""

    stream: Any
    model: Any
    loss: Any
    rule_numbers: jax.Array
