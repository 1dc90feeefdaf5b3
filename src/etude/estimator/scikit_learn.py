"""Any estimator of scikit-learn, by the name of its class."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from etude.batch import Spec
from etude.component import Component, nearest
from etude.errors import InputError
from etude.estimator.base import Estimator


class Parameter(Component, kind="parameter"):
    """A value that an estimator is made with.

    Attributes:
        parameter: its name.
        value: a number, a text, or true or false.
    """

    parameter: Annotated[str, Field(min_length=1)]
    value: bool | int | float | str

    def __str__(self) -> str:
        return f"{self.parameter}={self.value}"


def _parameters(given: Any) -> Any:
    if isinstance(given, Mapping):
        return tuple(Parameter(parameter=name, value=value) for name, value in given.items())
    return tuple(given) if isinstance(given, list) else given


class ScikitLearn(Estimator):
    """A classifier or regressor of scikit-learn as a choice to compare networks with.

    What draws at random is given the member's own seed as `random_state`. A classifier that
    tells no probabilities has no log loss. Text columns and gaps have been encoded as for a
    network. Pedregosa et al., "Scikit-learn: Machine Learning in Python", JMLR 2011.

    Attributes:
        estimator: the name of the class, such as "RandomForestClassifier" or "SVC".
        parameters: what the class is made with; by default its own defaults.
    """

    estimator: str
    parameters: Annotated[tuple[Parameter, ...], BeforeValidator(_parameters)] = ()

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        known = _known()
        if self.estimator not in known:
            by_lower = {name.lower(): name for name in known}
            close = get_close_matches(self.estimator.lower(), by_lower, n=2)
            hint = " or ".join(repr(by_lower[name]) for name in close)
            raise ValueError(
                f"`estimator` must be a classifier or regressor of scikit-learn, got "
                f"{self.estimator!r}{f'; did you mean {hint}?' if hint else ''}"
            )
        try:
            own = known[self.estimator][0]().get_params()
        except TypeError:
            raise ValueError(
                f"`estimator` {self.estimator} is made of another estimator, which cannot be given"
            ) from None
        for part in self.parameters:
            if part.parameter not in own:
                raise ValueError(
                    f"`parameters` of {self.estimator} has no {part.parameter!r}"
                    f"{nearest(part.parameter, own)}"
                )
        names = [part.parameter for part in self.parameters]
        if len(set(names)) < len(names):
            raise ValueError(f"`parameters` must name each value once, got {', '.join(names)}")
        return self

    @property
    def title(self) -> str:
        """What labels call it."""
        return self.estimator

    def check(self, spec: Spec) -> None:
        super().check(spec)
        task = _known()[self.estimator][1]
        if spec.task != task:
            raise InputError(
                f"`estimator` {self.estimator} predicts {task}, and the target is {spec.task}"
            )

    @property
    def tells_probabilities(self) -> bool:
        return hasattr(self._made(), "predict_proba")

    def versions(self) -> dict[str, str]:
        import scipy
        import sklearn

        return {
            "scikit-learn": sklearn.__version__,
            "scipy": scipy.__version__,
            "numpy": np.__version__,
        }

    def predict(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        train: np.ndarray,
        weights: np.ndarray,
        spec: Spec,
        seed: int,
    ) -> np.ndarray:
        from sklearn.utils.validation import has_fit_parameter

        made = self._made()
        if "random_state" in made.get_params() and not self._gives("random_state"):
            made.set_params(random_state=seed)
        goal = targets[train]
        if goal.ndim == 2 and goal.shape[1] == 1:
            goal = goal[:, 0]
        options = {}
        if not np.all(weights == weights[0]):
            if not has_fit_parameter(made, "sample_weight"):
                raise InputError(
                    f"`estimator` {self.estimator} takes no row weights, and these rows have some"
                )
            options = {"sample_weight": weights}
        made.fit(inputs[train], goal, **options)
        if spec.task == "classes":
            return _log_probabilities(made, inputs, len(spec.classes))
        return np.asarray(made.predict(inputs), np.float64).reshape(len(inputs), spec.targets)

    def _made(self) -> Any:
        return _known()[self.estimator][0](
            **{part.parameter: part.value for part in self.parameters}
        )

    def _gives(self, name: str) -> bool:
        return any(part.parameter == name for part in self.parameters)


def _log_probabilities(made: Any, inputs: np.ndarray, classes: int) -> np.ndarray:
    """`[rows, classes]`; −∞ for classes that the training rows have none of."""
    found = np.full((len(inputs), classes), -np.inf)
    known = np.asarray(made.classes_, np.int64)
    if hasattr(made, "predict_proba"):
        # Clipped as scikit-learn's own log loss does: a forest may well say 0.
        least = np.finfo(np.float32).eps
        found[:, known] = np.log(np.clip(made.predict_proba(inputs), least, 1))
    else:
        found[np.arange(len(inputs)), np.asarray(made.predict(inputs), np.int64)] = 0.0
    return found


@lru_cache
def _known() -> dict[str, tuple[Any, str]]:
    """Name -> class, and the task that it is for."""
    from sklearn.utils.discovery import all_estimators

    found: dict[str, tuple[Any, str]] = {}
    for kind, task in (("classifier", "classes"), ("regressor", "numbers")):
        found |= {name: (cls, task) for name, cls in all_estimators(type_filter=kind)}
    return found
