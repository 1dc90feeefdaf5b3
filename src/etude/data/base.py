"""What data is: arrays prepared once on the host, and a stream of batches on the device."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, Self

import jax
import numpy as np

from etude.batch import Batch, Spec
from etude.component import Added, Component
from etude.data.augmentation import Augmentation


class Split(NamedTuple):
    """Which rows of the data train, on the device.

    Attributes:
        order: `[places]`, the training rows, then anything.
        size: how many of `order` are training rows.
        weights: `[rows of the data]`, the weight of each row in training.
    """

    order: jax.Array
    size: jax.Array
    weights: jax.Array


class Source(NamedTuple):
    """The arrays that a stream reads: of the data, fitted to the training rows, of the split."""

    arrays: Any
    fitted: Any
    split: Split


class Stream(Component, kind="stream"):
    """How batches come about on the device, written for one member.

    A table shuffles its training rows every epoch and gathers the rows of a batch. An
    environment steps a simulator by the model's own actions: there the carry holds simulator
    and replay buffer, and the batch depends on the model.
    """

    @abstractmethod
    def init(self, source: Source, key: jax.Array) -> Any:
        """The carry before the first epoch."""

    def epoch(self, source: Source, carry: Any, key: jax.Array) -> Any:
        """The carry at the start of an epoch; by default unchanged."""
        return carry

    def batch_rows(self, batch_size: int | Literal["full"], count: int) -> int:
        """The rows of a batch where an algorithm asks for `batch_size`.

        By default at most all training rows, which "full" stands for. An environment makes as
        many rows as it is asked for.

        Args:
            batch_size: what the algorithm asks for.
            count: training rows of the largest split.
        """
        return count if batch_size == "full" else min(batch_size, count)

    @abstractmethod
    def batches(self, source: Source, batch_size: int) -> Any:
        """The number of batches of an epoch; of the source it depends on `split.size` alone."""

    @abstractmethod
    def batch(
        self, source: Source, carry: Any, index: Any, batch_size: int, model: Any, key: jax.Array
    ) -> tuple[Any, Batch]:
        """Batch number `index` of the epoch; `model` is the module as it is at this step."""

    @abstractmethod
    def evaluation(self, source: Source, index: jax.Array, model: Any, key: jax.Array) -> Batch:
        """The rows of these numbers as they are judged, with weights 1.

        A row of an environment is a start, and its evaluation the episode from there.

        Args:
            source: what the stream reads.
            index: `[batch]`, numbers of rows; the last one may come several times.
            model: the module, in evaluation mode.
            key: the same at every evaluation of a member, so that what is drawn stays; fold
                numbers of rows in where rows are to draw differently.
        """


@dataclass(frozen=True)
class Prepared:
    """Data on the host, read and checked, ready to be split.

    Attributes:
        spec: the sizes.
        stream: how batches are drawn.
        arrays: a tree of arrays whose first axis is rows; shared by all members.
        rows: the number of rows.
        fingerprint: hash of the content.
        fit: from training rows (and their weights) to a tree of small arrays: means, scales.
        strata: `[rows]` class numbers, for stratified splits; None where there are none.
        groups: `[rows]` group numbers, whose rows belong together; None where there are none.
        columns: the names of the input columns as the user knows them.
        encoder: turns a data frame of new rows into `arrays`; None where that has no meaning.
        schema: JSON values from which `encoder` can be made again.
        targets: the targets in the user's units: class numbers `[rows]`, or numbers
            `[rows, targets]` in double precision; None where rows have none.
        truth: `[rows, targets]`, the targets without noise; None where nobody knows them.
        weights: `[rows]`, what every row counts in training and judging, such as the number of
            its targets over their mean; None for 1 each.
        block: about how many rows are in memory at a time where `arrays` are mapped to files
            that are larger than memory, and rows are streamed block by block; 0 where all are
            in memory. Rows should then be in no order, for they are shuffled block by block.
    """

    spec: Spec
    stream: Stream
    arrays: Any
    rows: int
    fingerprint: str
    fit: Callable[[np.ndarray, np.ndarray], Any] = lambda rows, weights: ()
    strata: np.ndarray | None = None
    groups: np.ndarray | None = None
    columns: tuple[str, ...] = ()
    encoder: Any = None
    schema: dict[str, Any] = field(default_factory=dict)
    targets: np.ndarray | None = None
    truth: np.ndarray | None = None
    weights: np.ndarray | None = None
    block: int = 0


class Data(Component, kind="data"):
    """Where the rows come from, and what changes them in training.

    Attributes:
        augment: random changes of the rows that are trained on, in their order; rows that are
            judged stay as they are.
    """

    augment: Annotated[tuple[Augmentation, ...], Added()] = ()

    @property
    def unaugmented(self) -> Self:
        """The data set: the same rows, trained on as they are."""
        return self.changed(augment=()) if self.augment else self

    def user_files(self) -> tuple[str, ...]:
        """The files of the user that it reads; what is downloaded has a checksum of its own."""
        return ()

    @abstractmethod
    def prepare(self) -> Prepared:
        """Read, check and encode the data on the host.

        Raises:
            InputError: the data cannot be used; the message names the place and the rule.
        """
