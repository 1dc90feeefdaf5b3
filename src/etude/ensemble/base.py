"""What an ensemble is: networks that are trained one after another, and speak together."""

from typing import Annotated, Any, ClassVar, NamedTuple

import jax
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Component


class Weighed(NamedTuple):
    """What becomes of a network that was added to an ensemble.

    Attributes:
        coefficient: what it counts.
        memory: what the next network is trained by, beside what the ensemble says by then.
        ends: whether no other network follows.
        counts: whether the network belongs to the ensemble at all.
    """

    coefficient: jax.Array
    memory: Any
    ends: jax.Array
    counts: jax.Array


class Ensemble(Component, kind="ensemble"):
    """Networks of one choice that are trained one after another and predict together.

    Everything is written for one member. `said` is what the networks trained so far say,
    `[rows, ...]`, in a form of the ensemble's own that `told` turns into outputs of a network;
    at first it is 0. What the engine judges and keeps are these outputs.

    Attributes:
        networks: how many networks there are. Each has the whole budget of the algorithm.

    Class attributes:
        of_rows: whether networks depend on what those before them say of the training rows.
            Otherwise `begin`, `learned` and `weighed` are never called.
    """

    of_rows: ClassVar[bool] = False

    networks: Annotated[int, Field(ge=1, le=1_000)] = 10

    def __str__(self) -> str:
        """The name with every number, for two ensembles differ in these: `bagging(networks=10)`."""
        fields = type(self).model_fields
        return f"{self.name}({', '.join(f'{name}={getattr(self, name)}' for name in fields)})"

    def check(self, loss: Any, spec: Spec) -> None:
        """Raise an `InputError` when it has no meaning for such data, or under this loss."""

    def order(self, order: jax.Array, size: jax.Array, key: jax.Array) -> jax.Array:
        """The rows that the next network is trained on; by default all training rows.

        Args:
            order: `[places]`, numbers of rows of which the first `size` are training rows.
            size: how many rows the network is trained on.
            key: a typed key of the network's own.
        """
        return order

    def width(self, loss: Any, outputs: int) -> int:
        """How many numbers are said of a row; by default as many as a network gives.

        Args:
            loss: of the study.
            outputs: how many numbers a network gives for each row.
        """
        return outputs

    def begin(self, loss: Any, said: jax.Array, batch: Batch) -> tuple[jax.Array, Any]:
        """What is said before the first network, and the memory for that one.

        Args:
            loss: of the study.
            said: zeros `[rows, ...]`.
            batch: all rows; those that are no training rows weigh 0.
        """
        return said, ()

    def learned(
        self, loss: Any, said: jax.Array, memory: Any, rows: jax.Array, batch: Batch
    ) -> tuple[Batch, Any]:
        """What a network is trained on instead of a batch, and a factor on its objective.

        Args:
            loss: of the study.
            said: `[rows of the data, ...]`.
            memory: of `begin` or `weighed`.
            rows: `[batch]`, the numbers of the batch's rows.
            batch: the rows as they are.
        """
        return batch, 1.0

    def objective(self, loss: Any, module: Any, batch: Batch, key: jax.Array) -> jax.Array:
        """What a network makes small on a batch; by default the objective of the loss."""
        return loss.objective(module, batch, key)

    def weighed(
        self,
        loss: Any,
        said: jax.Array,
        memory: Any,
        outputs: jax.Array,
        batch: Batch,
        number: jax.Array,
    ) -> Weighed:
        """What a network counts.

        Args:
            loss: of the study.
            said: `[rows, ...]`, by the networks before it.
            memory: that it was trained by.
            outputs: `[rows, outputs]`, its own.
            batch: all rows; those that are no training rows weigh 0.
            number: how many networks come before it.
        """
        raise NotImplementedError

    def added(
        self, loss: Any, said: jax.Array, outputs: jax.Array, coefficient: Any, number: Any
    ) -> jax.Array:
        """What is said together with one more network.

        By default all networks speak with one voice: the mean, as the loss has it.

        Args:
            loss: of the study.
            said: `[rows, ...]`, by the networks before it.
            outputs: `[rows, outputs]`, its own.
            coefficient: what it counts.
            number: how many networks come before it.
        """
        return loss.mixture(said, outputs, 1.0 / (number + 1.0))

    def told(self, loss: Any, said: jax.Array, total: Any) -> jax.Array:
        """The outputs of the ensemble `[rows, outputs]`; by default what was said.

        Args:
            loss: of the study.
            said: `[rows, ...]`, by all networks.
            total: the sum of their coefficients.
        """
        return said
