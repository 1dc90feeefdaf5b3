"""A study: data × model × loss × algorithm, over every split and seed."""

import itertools
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from etude.algorithm.base import Algorithm
from etude.component import Component
from etude.data.base import Data
from etude.errors import InputError
from etude.estimator.base import Estimator
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

SEVERAL = (*KINDS, "estimator")
"""The parts of a study that may be several."""

_BASES: dict[str, type[Component]] = {
    "data": Data,
    "model": Model,
    "loss": Loss,
    "algorithm": Algorithm,
    "estimator": Estimator,
}

BETWEEN = " · "
"""Stands between the parts of a choice's name."""

LEAST_DIGITS = 4
MOST_DIGITS = 17
"""With 17 significant digits all numbers of double precision differ."""


class Choice(BaseModel):
    """One combination of the four, or data and an estimator, which is the other three in one.

    Attributes:
        label: tells equal choices apart: equal choices under different labels draw different
            random numbers and are trained each on its own.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    data: Data
    model: Model | None = None
    loss: Loss | None = None
    algorithm: Algorithm | None = None
    estimator: Estimator | None = None
    label: str = ""

    @property
    def parts(self) -> dict[str, Component]:
        """What it is made of, by kind."""
        parts = {kind: getattr(self, kind) for kind in SEVERAL}
        return {kind: part for kind, part in parts.items() if part is not None}

    @property
    def network(self) -> tuple[Model, Loss, Algorithm]:
        """What trains a network.

        Raises:
            InputError: the choice is an estimator.
        """
        if self.model is None or self.loss is None or self.algorithm is None:
            raise InputError(f"the choice {self.estimator} is no network")
        return self.model, self.loss, self.algorithm

    def document(self) -> dict[str, Any]:
        """Its parts as plain JSON values."""
        parts = {kind: part.document() for kind, part in self.parts.items()}
        return parts | ({"label": self.label} if self.label else {})

    def specification(self) -> dict[str, Any]:
        """What decides the identity of results."""
        parts = {kind: part.specification() for kind, part in self.parts.items()}
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


Precision = Literal["float32", "tf32", "bfloat16"]
"""How exactly matrix products are computed."""


class Study(BaseModel):
    """What is to be compared, and on what evidence.

    Attributes:
        name: what reports call it.
        data, model, loss, algorithm: one component or several; the choices are all
            combinations.
        estimator: methods that train themselves, compared on the same splits; each is a choice
            with every data, beside the combinations of the four.
        labels: with one choice several times: a label for each; the choices are then repeated
            once per label.
        validation: which rows train, choose and judge.
        metric: what decides; by default accuracy for classes, RMSE for numbers, the loss
            otherwise.
        baseline: the choice that all others are compared with, as the ranking calls it; with
            several data, without its part on the data. None where there is none.
        region: differences of the metric up to so much do not matter in practice; 0 where every
            difference does.
        precision: of matrix products and convolutions: float32; or tf32 (10 bits of mantissa) or
            bfloat16 (7 bits) on GPUs that have them, where weights and sums stay in float32.
        seeds: how many networks of each choice are trained on each split.
        seed: the root of all random numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: Annotated[str, Field(min_length=1, max_length=200)] = "study"
    data: Annotated[tuple[Data, ...], Several, Field(min_length=1)]
    model: Annotated[tuple[Model, ...], Several, Field(min_length=1)]
    loss: Annotated[tuple[Loss, ...], Several, Field(min_length=1)]
    algorithm: Annotated[tuple[Algorithm, ...], Several, Field(min_length=1)]
    estimator: Annotated[tuple[Estimator, ...], Several] = ()
    labels: tuple[str, ...] = ()
    validation: Validation = KFold()
    metric: Metric | None = None
    baseline: str | None = None
    region: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    precision: Precision = "float32"
    seeds: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _choices_differ(self) -> Self:
        for kind in SEVERAL:
            values = getattr(self, kind)
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise ValueError(
                    f"`{kind}` lists the same choice twice ({short_labels(values)[twice]}); "
                    "give equal choices different `labels`"
                )
            _check_versions(kind, values)
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"`labels` must differ from one another, got {list(self.labels)}")
        return self

    @model_validator(mode="after")
    def _has_its_baseline(self) -> Self:
        if self.baseline is None:
            return self
        names = _baselines(self)
        if self.baseline not in names:
            longer = [name for name in names if name.startswith(self.baseline)]
            close = longer or get_close_matches(self.baseline, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the first one is {names[0]!r}"
            raise ValueError(f"`baseline` must name a choice, got {self.baseline!r}; {hint}")
        count = _called(self, self.baseline)
        if count > 1:
            raise ValueError(
                f"`baseline` must name one choice, got {self.baseline!r}, which {count} "
                "choices are called"
            )
        return self

    def choices(self) -> tuple[Choice, ...]:
        """All combinations, the last kind varying fastest, and then the estimators."""
        labels = self.labels or ("",)
        return tuple(
            Choice(data=data, model=model, loss=loss, algorithm=algorithm, label=label)
            for data, model, loss, algorithm, label in itertools.product(
                self.data, self.model, self.loss, self.algorithm, labels
            )
        ) + tuple(
            Choice(data=data, estimator=estimator, label=label)
            for data, estimator, label in itertools.product(self.data, self.estimator, labels)
        )

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """The study that `document` describes.

        Raises:
            UnknownName: a component is not known; parts of a user are known once imported.
        """
        parts: dict[str, Any] = {
            kind: tuple(base.from_document(part) for part in document.get(kind, ()))
            for kind, base in _BASES.items()
        }
        metric = document["metric"]
        return cls(
            name=document["name"],
            seed=document["seed"],
            seeds=document["seeds"],
            labels=tuple(document["labels"]),
            baseline=document.get("baseline"),
            region=document.get("region", 0.0),
            precision=document.get("precision", "float32"),
            metric=None if metric is None else Metric.from_document(metric),
            validation=Validation.from_document(document["validation"]),
            **parts,
        )

    def document(self) -> dict[str, Any]:
        """The study as plain JSON values, every field written out.

        Fields that came later than the first stored studies stand there only where they say
        something, so that those studies keep their identities.
        """
        document: dict[str, Any] = {
            "name": self.name,
            "seed": self.seed,
            "seeds": self.seeds,
            "labels": list(self.labels),
            "metric": None if self.metric is None else self.metric.document(),
            "validation": self.validation.document(),
        } | {kind: [part.document() for part in getattr(self, kind)] for kind in KINDS}
        if self.estimator:
            document["estimator"] = [part.document() for part in self.estimator]
        if self.baseline is not None:
            document["baseline"] = self.baseline
        if self.region:
            document["region"] = self.region
        if self.precision != "float32":
            document["precision"] = self.precision
        return document


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


def title_of(component: Component) -> str:
    """What people call a component: the label of a user's part, else its title or name."""
    return str(getattr(component, "label", "") or getattr(component, "title", component.name))


def by_title(components: tuple[Component, ...]) -> list[list[Component]]:
    """The components in groups of one class and title, whose members differ in fields alone."""
    found: dict[Any, list[Component]] = {}
    for component in components:
        found.setdefault((type(component), title_of(component)), []).append(component)
    return list(found.values())


def short_labels(components: tuple[Component, ...]) -> dict[Component, str]:
    """For each its title and the fields in which it differs from others of that title."""
    labels = {}
    for same in by_title(components):
        digits = {field: _digits(field, same) for field in swept_fields(tuple(same))}
        for component in same:
            labels[component] = _label(component, digits)
    return labels


def _digits(field: str, components: list[Component]) -> int:
    """The fewest significant digits, of 4 to 17, that tell the values of a field apart."""
    values = {getattr(component, field) for component in components}
    for digits in range(LEAST_DIGITS, MOST_DIGITS + 1):
        if len({_told(field, value, digits) for value in values}) == len(values):
            return digits
    return LEAST_DIGITS


def _label(component: Component, digits: dict[str, int]) -> str:
    # Code, such as the function of a user's loss, has no form for people.
    told = component.document().keys() - {"label"}
    values = [
        _told(name, getattr(component, name), digits[name]) for name in digits if name in told
    ]
    return " ".join([title_of(component), *values])


def _told(name: str, value: Any, digits: int) -> str:
    if value == ():
        return f"no {name}"
    if isinstance(value, tuple) and all(isinstance(item, Component) for item in value):
        return " ".join(str(item) for item in value)
    if isinstance(value, tuple) and all(isinstance(item, tuple) for item in value):
        return " ".join(f"{key}={_short(item, digits)}" for key, item in value)
    return f"{name}={_short(value, digits)}"


def _short(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, tuple):
        return "-".join(_short(item, digits) for item in value)
    return str(value)


def choice_labels(study: Study) -> tuple[str, ...]:
    """A name for each choice that says how it differs from the others."""
    several = [kind for kind in KINDS if len(getattr(study, kind)) > 1] or ["algorithm"]
    told = {*several, "estimator"}
    labels = {kind: short_labels(getattr(study, kind)) for kind in told}
    names = []
    for choice in study.choices():
        parts = [labels[kind][part] for kind, part in choice.parts.items() if kind in told]
        names.append(BETWEEN.join(parts + ([choice.label] if choice.label else [])))
    return tuple(names)


def _baselines(study: Study) -> tuple[str, ...]:
    """What the baseline may be called: with several data, names without their part on the data."""
    names = choice_labels(study)
    if len(study.data) > 1:
        names = tuple(dict.fromkeys(name.partition(BETWEEN)[2] for name in names))
    return names


def _called(study: Study, baseline: str) -> int:
    """How many choices of one data the name of a baseline stands for."""
    names = choice_labels(study)
    if len(study.data) > 1:
        names = tuple(name.partition(BETWEEN)[2] for name in names)
    return names.count(baseline) // len(study.data)
