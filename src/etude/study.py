"""A study: data × model × loss × algorithm, over every split and seed."""

import itertools
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from etude.algorithm.base import Algorithm
from etude.component import Component
from etude.data.base import Data
from etude.loss.base import Loss
from etude.metric.base import Metric
from etude.model.base import Model
from etude.validation.base import Validation
from etude.validation.kfold import KFold


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, Component) else value


Several = BeforeValidator(_as_tuple)
KINDS = ("data", "model", "loss", "algorithm")
"""The four that a study chooses from."""


_BASES: dict[str, type[Component]] = {
    "data": Data,
    "model": Model,
    "loss": Loss,
    "algorithm": Algorithm,
}


class Choice(BaseModel):
    """One combination of the four.

    Attributes:
        label: tells equal choices apart: equal choices under different labels draw different
            random numbers and are trained each on its own.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    data: Data
    model: Model
    loss: Loss
    algorithm: Algorithm
    label: str = ""

    def document(self) -> dict[str, Any]:
        """The four as plain JSON values."""
        parts = {kind: getattr(self, kind).document() for kind in KINDS}
        return parts | ({"label": self.label} if self.label else {})

    def specification(self) -> dict[str, Any]:
        """What decides the identity of results."""
        parts = {kind: getattr(self, kind).specification() for kind in KINDS}
        return parts | ({"label": self.label} if self.label else {})


@dataclass(frozen=True)
class Member:
    """One network trained once.

    Attributes:
        choice: number of the choice in the study.
        split: number of the split.
        seed: number of the seed.
    """

    choice: int
    split: int
    seed: int


class Study(BaseModel):
    """What is to be compared, and on what evidence.

    Attributes:
        name: what reports call it.
        data, model, loss, algorithm: one component or several; the choices are all
            combinations.
        labels: with one choice several times: a label for each; the choices are then repeated
            once per label.
        validation: which rows train, choose and judge.
        metric: what decides; by default accuracy for classes, RMSE for numbers, the loss
            otherwise.
        seeds: how many networks of each choice are trained on each split.
        seed: the root of all random numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: Annotated[str, Field(min_length=1, max_length=200)] = "study"
    data: Annotated[tuple[Data, ...], Several, Field(min_length=1)]
    model: Annotated[tuple[Model, ...], Several, Field(min_length=1)]
    loss: Annotated[tuple[Loss, ...], Several, Field(min_length=1)]
    algorithm: Annotated[tuple[Algorithm, ...], Several, Field(min_length=1)]
    labels: tuple[str, ...] = ()
    validation: Validation = KFold()
    metric: Metric | None = None
    seeds: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _choices_differ(self) -> Self:
        for kind in KINDS:
            values = getattr(self, kind)
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise ValueError(
                    f"`{kind}` lists the same choice twice ({short_label(twice, values)}); "
                    "give equal choices different `labels`"
                )
            _check_versions(kind, values)
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"`labels` must differ from one another, got {list(self.labels)}")
        return self

    def choices(self) -> tuple[Choice, ...]:
        """All combinations, the last kind varying fastest."""
        return tuple(
            Choice(data=data, model=model, loss=loss, algorithm=algorithm, label=label)
            for data, model, loss, algorithm, label in itertools.product(
                self.data, self.model, self.loss, self.algorithm, self.labels or ("",)
            )
        )

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """The study that `document` describes.

        Raises:
            UnknownName: a component is not known; parts of a user are known once imported.
        """
        parts: dict[str, Any] = {
            kind: tuple(base.from_document(part) for part in document[kind])
            for kind, base in _BASES.items()
        }
        metric = document["metric"]
        return cls(
            name=document["name"],
            seed=document["seed"],
            seeds=document["seeds"],
            labels=tuple(document["labels"]),
            metric=None if metric is None else Metric.from_document(metric),
            validation=Validation.from_document(document["validation"]),
            **parts,
        )

    def document(self) -> dict[str, Any]:
        """The study as plain JSON values, every field written out."""
        return {
            "name": self.name,
            "seed": self.seed,
            "seeds": self.seeds,
            "labels": list(self.labels),
            "metric": None if self.metric is None else self.metric.document(),
            "validation": self.validation.document(),
        } | {kind: [part.document() for part in getattr(self, kind)] for kind in KINDS}


def _check_versions(kind: str, values: tuple[Component, ...]) -> None:
    """Parts that differ in their code alone would be taken for one another in the store."""
    users = [value for value in values if hasattr(value, "version")]
    known: list[dict[str, Any]] = []
    for user in users:
        if user.specification() in known:
            raise ValueError(
                f"`{kind}` has two different parts of one label and version, "
                f"{getattr(user, 'label', '')} {getattr(user, 'version', '')}; "
                "give what differs a version of its own"
            )
        known.append(user.specification())


def swept_fields(components: tuple[Component, ...]) -> tuple[str, ...]:
    """The fields in which components of one class differ, in order of declaration."""
    if not components:
        return ()
    return tuple(
        field
        for field in type(components[0]).model_fields
        if len({getattr(component, field) for component in components}) > 1
    )


def swept_values(component: Component, siblings: tuple[Component, ...]) -> dict[str, Any]:
    """The values of the fields in which a component differs from its siblings of one class."""
    same = tuple(other for other in siblings if type(other) is type(component))
    return {field: getattr(component, field) for field in swept_fields(same)}


def short_label(component: Component, siblings: tuple[Component, ...]) -> str:
    """The component's name and the fields in which it differs from its siblings of one class."""
    return _label(component, tuple(swept_values(component, siblings)))


def _short_labels(components: tuple[Component, ...]) -> dict[Component, str]:
    """The short label of each; what differs is looked up once for each class."""
    by_class: dict[type[Component], list[Component]] = {}
    for component in components:
        by_class.setdefault(type(component), []).append(component)
    labels = {}
    for same in by_class.values():
        fields = swept_fields(tuple(same))
        for component in same:
            labels[component] = _label(component, fields)
    return labels


def _label(component: Component, fields: tuple[str, ...]) -> str:
    title = str(getattr(component, "label", "") or component.name)
    # Code, such as the function of a user's loss, has no form for people.
    told = component.document().keys() - {"label"}
    values = [(name, getattr(component, name)) for name in fields if name in told]
    return " ".join([title, *(_told(name, value) for name, value in values)])


def _told(name: str, value: Any) -> str:
    if value == ():
        return f"no {name}"
    if isinstance(value, tuple) and all(isinstance(item, Component) for item in value):
        return " ".join(str(item) for item in value)
    if isinstance(value, tuple) and all(isinstance(item, tuple) for item in value):
        return " ".join(f"{key}={_short(item)}" for key, item in value)
    return f"{name}={_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return "-".join(_short(item) for item in value)
    return str(value)


def choice_labels(study: Study) -> tuple[str, ...]:
    """A name for each choice that says how it differs from the others."""
    several = [kind for kind in KINDS if len(getattr(study, kind)) > 1] or ["algorithm"]
    labels = {kind: _short_labels(getattr(study, kind)) for kind in several}
    names = []
    for choice in study.choices():
        parts = [labels[kind][getattr(choice, kind)] for kind in several]
        names.append(" · ".join(parts + ([choice.label] if choice.label else [])))
    return tuple(names)
