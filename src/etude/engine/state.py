"""What goes into the training of a member, what it carries along, and what is static."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from etude.algorithm.base import Algorithm
from etude.batch import Spec
from etude.data.augmentation import Augmentation
from etude.data.base import Split, Stream
from etude.loss.base import Loss
from etude.metric.base import Metric
from etude.model.base import Model


class Judged(NamedTuple):
    """The rows that are evaluated after every epoch: those held out, and a sample of training.

    Attributes:
        rows: `[places]`, numbers of rows: to test, to choose, of training, then anything.
        roles: `[3, places]`, the weight of each in every role; 0 where it has none.
    """

    rows: jax.Array
    roles: jax.Array


class Streamed(NamedTuple):
    """What is besides where rows are trained on block by block.

    Attributes:
        judged: arrays of the rows that are evaluated, all of them together.
        sizes: `[splits, blocks]`, how many rows of each block train.
        epoch: the epoch in which the block at hand is trained on.
        block: how many blocks come before it in that epoch.
    """

    judged: Any
    sizes: jax.Array
    epoch: jax.Array
    block: jax.Array


class Shared(NamedTuple):
    """What all members of a program read.

    Attributes:
        arrays: the data, rows first; of one block where blocks are streamed.
        fitted: what was fitted to the training rows, `[splits, ...]`.
        splits: the rows of `arrays` that train, `[splits, ...]`.
        judged: the rows that are evaluated, `[splits, ...]`.
        streamed: () where all rows are in memory.
    """

    arrays: Any
    fitted: Any
    splits: Split
    judged: Judged
    streamed: Any = ()


class Inputs(NamedTuple):
    """What sets one member apart.

    Attributes:
        numbers: `[numbers]`, the traced fields of stream, model, loss, augmentations and
            algorithm.
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


class Stage(NamedTuple):
    """How far an ensemble has come, whose networks are trained one after another.

    Attributes:
        number: networks that are trained and belong to it.
        step: steps that the member had done when the network in training began.
        epoch: epochs likewise.
        said: what the trained networks say, in the ensemble's form: of all rows of the data where
            networks depend on it, else of the judged rows; `[rows, ...]`.
        start: what was said of every row before the first network.
        memory: what else the network in training is trained by.
        coefficients: `[networks]`, what each trained network counts.
        networks: weights and other variables of the trained networks, `[networks, ...]`; ()
            where they are not kept.
    """

    number: jax.Array
    step: jax.Array
    epoch: jax.Array
    said: jax.Array
    start: jax.Array
    memory: Any
    coefficients: jax.Array
    networks: Any


class Carry(NamedTuple):
    """Where the training of a member stands.

    Attributes:
        weights: `[parameters]`.
        rest: the other variables of the network, such as batch statistics.
        state: the state of the update rule.
        stream: the carry of the stream of batches.
        step: steps done.
        epoch: epochs done.
        block: blocks done in this epoch; 0 where all rows are in memory.
        batch: batches done in this block, or in this epoch.
        status: a `Status`.
        diverged: the step at which a non-finite value was noticed, counted from 1; else 0.
        outputs: `[judged rows, outputs]`, of the last evaluation, the leaves of a tree side by
            side; () where not kept.
        history: `[epochs, roles, statistics]`, means over the rows of each role.
        kept: the best epoch so far; () without early stopping.
        stage: of the ensemble; () without one.
    """

    weights: jax.Array
    rest: Any
    state: Any
    stream: Any
    step: jax.Array
    epoch: jax.Array
    block: jax.Array
    batch: jax.Array
    status: jax.Array
    diverged: jax.Array
    outputs: Any
    history: jax.Array
    kept: Any
    stage: Any = ()


@dataclass(frozen=True)
class Task:
    """What the members of a program have in common: all that is compiled into it.

    Attributes:
        spec: sizes of the data.
        stream, model, loss, augment: of which only the structure counts, not the traced numbers.
        rules: one update rule of every kind that the program knows.
        metrics: what is measured beside the loss.
        batch_size: rows of a step.
        epochs: the budget in epochs; of each network of an ensemble.
        precision: of matrix products, as JAX calls it; None for what the device does by itself.
        keeps_networks: whether the weights of all networks of an ensemble are kept.
    """

    spec: Spec
    stream: Stream
    model: Model
    loss: Loss
    rules: tuple[Algorithm, ...]
    metrics: tuple[Metric, ...]
    batch_size: int
    epochs: int
    precision: str | None = None
    augment: tuple[Augmentation, ...] = ()
    keeps_networks: bool = False

    @property
    def all_epochs(self) -> int:
        """The budget of a member in epochs."""
        return self.rules[0].networks * self.epochs


class Parts(NamedTuple):
    """The components of a member inside a trace."""

    stream: Any
    model: Any
    loss: Any
    augment: Any
    rule_numbers: jax.Array
