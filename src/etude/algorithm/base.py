"""What an algorithm is: an update rule with batch, schedule, budget and stopping."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import jax
from pydantic import Field, model_validator

from etude.algorithm.clipping import Clipping
from etude.algorithm.schedule import Constant, Progress, Schedule
from etude.algorithm.stopping import Stopping
from etude.component import Added, Component
from etude.ensemble.base import Ensemble


class Step(NamedTuple):
    """What an update rule may know of the step it is asked for.

    Attributes:
        number: 1 at the first step.
        value: the objective at the point where the gradient was taken.
        objective: the objective of this batch as a function of the parameters.
    """

    number: jax.Array
    value: jax.Array
    objective: Callable[[Any], jax.Array]


class Algorithm(Component, kind="algorithm"):
    """How the weights follow the gradient, for how long, and in which batches.

    Attributes:
        batch_size: rows of a step; "full" is batch gradient descent, 1 stochastic gradient
            descent. Rows are drawn without replacement until all are used.
        epochs: how often training goes through its rows.
        steps: train for this many steps instead; 0 leaves it to `epochs`.
        schedule: how the learning rate changes.
        stopping: when training ends before its budget; None never.
        clipping: how long the gradient of the objective may be; None as long as it is.
        ensemble: several networks that predict together, each trained with the whole budget; None
            for one network.

    Class attributes:
        elementwise: True where the rule treats every parameter by the same formula; its
            `params`, `gradient` and state are then single vectors. Otherwise they are trees
            of the network's own arrays.
    """

    batch_size: Annotated[int, Field(ge=1)] | Literal["full"] = 32
    epochs: Annotated[int, Field(ge=1, lt=2**31)] = 20
    steps: Annotated[int, Field(ge=0, lt=2**31)] = 0
    schedule: Schedule = Constant()
    stopping: Stopping | None = None
    clipping: Annotated[Clipping | None, Added()] = None
    ensemble: Annotated[Ensemble | None, Added()] = None

    elementwise: ClassVar[bool] = True

    @model_validator(mode="after")
    def _schedule_has_a_rate(self) -> Self:
        if "learning_rate" not in type(self).model_fields and self.schedule != Constant():
            raise ValueError(
                f"`schedule` changes a learning rate and {self.name} has none, "
                f"got {self.schedule.name}"
            )
        return self

    @model_validator(mode="after")
    def _networks_have_their_budget(self) -> Self:
        if self.ensemble is not None and self.stopping is not None:
            raise ValueError(
                "`stopping` must be left out where there is an `ensemble`, whose networks are each "
                f"trained with the whole budget, got {self.stopping.name} with {self.ensemble.name}"
            )
        return self

    @property
    def networks(self) -> int:
        """How many networks are trained, at most."""
        return 1 if self.ensemble is None else self.ensemble.networks

    def scheduled(self, progress: Progress) -> Self:
        """The rule with the learning rate that it has at this point of training."""
        if "learning_rate" not in type(self).model_fields:
            return self
        rate = getattr(self, "learning_rate") * self.schedule.factor(progress)
        return self.changed(learning_rate=rate)

    def init(self, params: Any) -> Any:
        """The state before the first step; by default none."""
        return ()

    def point(self, params: Any, state: Any) -> Any:
        """Where the gradient is taken; by default at the parameters."""
        return params

    @abstractmethod
    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        """What is added to the parameters, and the next state."""

    def evaluated(self, params: Any, state: Any) -> Any:
        """The weights that are judged and kept; by default the parameters."""
        return params
