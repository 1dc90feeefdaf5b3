"""Every kind of component × every check."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from etude.component import Component
from etude.data.base import Data
from etude.errors import InputError
from etude.loss.base import Loss
from etude.model.base import Model
from etude.testing.algorithms import CHECKS as OF_ALGORITHMS
from etude.testing.algorithms import TRAINING
from etude.testing.augmentations import CHECKS as OF_AUGMENTATIONS
from etude.testing.beside import Beside
from etude.testing.components import CHECKS as OF_COMPONENTS
from etude.testing.ensembles import CHECKS as OF_ENSEMBLES
from etude.testing.ensembles import TRAINING as OF_STAGES
from etude.testing.estimators import CHECKS as OF_ESTIMATORS
from etude.testing.initializers import CHECKS as OF_INITIALIZERS
from etude.testing.losses import CHECKS as OF_LOSSES
from etude.testing.metrics import CHECKS as OF_METRICS
from etude.testing.models import CHECKS as OF_MODELS
from etude.testing.rows import CHECKS as OF_ROWS
from etude.testing.schedules import CHECKS as OF_SCHEDULES
from etude.testing.searches import CHECKS as OF_SEARCHES
from etude.testing.validations import CHECKS as OF_VALIDATIONS


@dataclass(frozen=True)
class Check:
    """One thing that a component must do.

    Attributes:
        name: what it is called.
        meaning: what must hold, in a sentence.
        trains: whether it compiles whole programs and trains networks, which takes seconds.
    """

    name: str
    meaning: str
    trains: bool
    _function: Callable[[Any, Beside], None]

    def __call__(
        self,
        component: Component,
        *,
        data: Data | tuple[Data, ...] = (),
        model: Model | None = None,
        loss: Loss | None = None,
    ) -> None:
        """Try a component.

        Args:
            component: what is tried.
            data: where rows come from; by default small data of numbers and of classes, as far
                as the component has a meaning for them.
            model: the network of a loss or of data; by default a linear one.
            loss: what a model's outputs are for; by default squared error or cross-entropy.

        Raises:
            AssertionError: it does not do what it must; the message says how.
        """
        beside = Beside((data,) if isinstance(data, Data) else data, model, loss)
        try:
            self._function(component, beside)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(
                f"{component} cannot be tried ({self.name}): {type(error).__name__}: {error}"
            ) from error


_TABLE: dict[str, tuple[Callable[[Any, Beside], None], ...]] = {
    "algorithm": OF_ALGORITHMS,
    "augmentation": OF_AUGMENTATIONS,
    "data": OF_ROWS,
    "ensemble": OF_ENSEMBLES,
    "estimator": OF_ESTIMATORS,
    "initializer": OF_INITIALIZERS,
    "loss": OF_LOSSES,
    "metric": OF_METRICS,
    "model": OF_MODELS,
    "schedule": OF_SCHEDULES,
    "search": OF_SEARCHES,
    "validation": OF_VALIDATIONS,
}
"""What components of a kind must do beside what all must."""


def kinds() -> tuple[str, ...]:
    """The kinds that have checks of their own; others have those of every component."""
    return tuple(_TABLE)


def conformance(kind: str) -> tuple[tuple[str, Check], ...]:
    """Name and check of everything that components of a kind must do.

    Args:
        kind: such as "algorithm"; a kind without checks of its own has those of every component.

    Example:
        >>> [name for name, check in conformance("schedule")][-3:]
        ['factors', 'traced', 'warm_up']
    """
    functions = OF_COMPONENTS + _TABLE.get(kind, ())
    return tuple((check.name, check) for check in map(_check, functions))


def failures(
    component: Component,
    *,
    data: Data | tuple[Data, ...] = (),
    model: Model | None = None,
    loss: Loss | None = None,
) -> dict[str, str]:
    """The checks that a component fails, and what is wrong; arguments as for `Check`."""
    if not isinstance(component, Component):
        raise InputError(f"a component must be an instance, such as SGD(), got {component!r}")
    found = {}
    for name, one in conformance(component.kind):
        try:
            one(component, data=data, model=model, loss=loss)
        except AssertionError as error:
            found[name] = str(error)
    return found


def check(
    component: Component,
    *,
    data: Data | tuple[Data, ...] = (),
    model: Model | None = None,
    loss: Loss | None = None,
) -> None:
    """Try everything that a component must do; arguments as for `Check`.

    Raises:
        AssertionError: something is wrong; the message has a line for each thing.

    Example:
        >>> from etude.validation import KFold
        >>> check(KFold())
    """
    found = failures(component, data=data, model=model, loss=loss)
    if found:
        lines = [f"{component} fails {len(found)} of its checks:"]
        raise AssertionError("\n".join([*lines, *(f"  {n}: {t}" for n, t in found.items())]))


def _check(function: Callable[[Any, Beside], None]) -> Check:
    meaning = " ".join((function.__doc__ or "").partition("\n\n")[0].split())
    return Check(function.__name__, meaning, function in (*TRAINING, *OF_STAGES), function)
