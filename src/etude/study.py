"""A study: data × model × loss × algorithm, over every split and seed."""

import itertools
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from etude.algorithm.base import Algorithm
from etude.component import Component
from etude.data.augmentation import Augmentation
from etude.data.base import Data
from etude.domain import Domain, taken_apart
from etude.errors import InputError
from etude.estimator.base import Estimator
from etude.labels import check_versions, short_labels
from etude.loss.base import Loss
from etude.metric.base import Metric
from etude.model.base import Model
from etude.search.base import Search, check_searched
from etude.search.space import Check, Parts, Space
from etude.validation.base import Validation
from etude.validation.kfold import KFold
from etude.validation.nested import Nested


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
        search: which choices are trained how far; None trains all of them to the end.
        space: what the search may choose in the components, which stand there with the middle of
            each distribution; `varied` components bring it along.
        drawn: the choices that a search has drawn so far. They are no part of what the study is:
            its search draws them again.
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
    search: Search | None = None
    space: tuple[Domain, ...] = ()
    drawn: tuple[Parts, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _settles_what_varies(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        parts, space = taken_apart({kind: values.get(kind, ()) for kind in SEVERAL})
        return values | parts | ({"space": space} if space else {})

    @model_validator(mode="after")
    def _can_be_searched(self) -> Self:
        check_searched(self.search, self.space, len(self.data_sets), self.labels)
        return self

    @model_validator(mode="after")
    def _choices_differ(self) -> Self:
        for kind in SEVERAL:
            values = getattr(self, kind)
            varied: list[list[Any]] = [[value] for value in values]
            for domain in self.space:
                if domain.kind == kind:
                    varied[domain.number].append((domain.path, domain.distribution))
            if len(set(map(tuple, varied))) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise ValueError(
                    f"`{kind}` lists the same choice twice ({short_labels(values)[twice]}); "
                    "give equal choices different `labels`"
                )
            check_versions(kind, values)
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"`labels` must differ from one another, got {list(self.labels)}")
        return self

    @model_validator(mode="after")
    def _has_its_baseline(self) -> Self:
        if self.baseline is None:
            return self
        names = _baselines(self)
        if self.draws:
            names = names[: len(self.estimator)]
        if not names:
            raise ValueError(
                "`baseline` must name an estimator where a search draws the networks, got "
                f"{self.baseline!r}"
            )
        if self.baseline not in names:
            longer = [name for name in names if name.startswith(self.baseline)]
            close = longer or get_close_matches(self.baseline, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the first one is {names[0]!r}"
            raise ValueError(f"`baseline` must name a choice, got {self.baseline!r}; {hint}")
        count = names.count(self.baseline) // len(self.data_sets)
        if count > 1:
            raise ValueError(
                f"`baseline` must name one choice, got {self.baseline!r}, which {count} "
                "choices are called"
            )
        return self

    @property
    def data_sets(self) -> tuple[Data, ...]:
        """The data without what augments them: data that differ in `augment` alone are one set.

        Their rows and splits are the same, so their choices are compared with one another.
        """
        return tuple(dict.fromkeys(data.unaugmented for data in self.data))

    def choices(self) -> tuple[Choice, ...]:
        """All combinations, the last kind varying fastest, and then the estimators.

        Estimators train themselves, on rows as they are: one choice for each data set. Where a
        search draws choices they come first, so that no choice changes its number.
        """
        labels = self.labels or ("",)
        if self.draws:
            data = self.data_sets[0]
            return tuple(Choice(data=data, estimator=each) for each in self.estimator) + tuple(
                Choice(**dict(zip(KINDS, parts, strict=True))) for parts in self.drawn
            )
        return tuple(
            Choice(data=data, model=model, loss=loss, algorithm=algorithm, label=label)
            for data, model, loss, algorithm, label in itertools.product(
                self.data, self.model, self.loss, self.algorithm, labels
            )
        ) + tuple(
            Choice(data=data, estimator=estimator, label=label)
            for data, estimator, label in itertools.product(self.data_sets, self.estimator, labels)
        )

    @property
    def draws(self) -> bool:
        """Whether its choices are drawn by a search, and not all combinations."""
        return self.search is not None and self.search.trials > 0

    @property
    def searches_inside(self) -> bool:
        """Whether every outer split of a nested validation has a search of its own.

        It has one where what is proposed depends on how other choices went: one search for all
        would look at rows on which an outer split judges.
        """
        nested = isinstance(self.validation, Nested)
        return nested and self.search is not None and self.search.adapts

    @property
    def searched(self) -> Space:
        """From what its search draws."""
        return Space({kind: getattr(self, kind) for kind in KINDS}, self.space)

    def begun(self, check: Check | None = None) -> Self:
        """The study with the first choices that its search draws, and none of an earlier run.

        Raises:
            InputError: what is drawn cannot be.
        """
        if self.search is None or not self.draws:
            return self
        first = next(self.search.proposals(self.searched.checked(check), 0, self.seed))
        return self.model_copy(update={"drawn": first.drawn})

    def having(self, drawn: tuple[Parts, ...]) -> Self:
        """The study with further choices drawn by its search."""
        return self.model_copy(update={"drawn": self.drawn + drawn})

    def components(self, kind: str) -> tuple[Any, ...]:
        """The components of a kind that its choices are made of."""
        if not self.draws or kind not in KINDS:
            return getattr(self, kind)
        place = KINDS.index(kind)
        return tuple(dict.fromkeys(parts[place] for parts in self.drawn))

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
        metric, search = document["metric"], document.get("search")
        if search is not None:
            parts["search"] = Search.from_document(search)
            parts["space"] = tuple(
                Domain.from_document(domain, parts[domain["kind"]][domain["number"]])
                for domain in document.get("space", ())
            )
            parts["drawn"] = tuple(
                tuple(
                    _BASES[kind].from_document(part) for kind, part in zip(KINDS, each, strict=True)
                )
                for each in document.get("drawn", ())
            )
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
        if self.search is not None:
            document["search"] = self.search.document()
        if self.space:
            document["space"] = [domain.document() for domain in self.space]
        if self.drawn:
            document["drawn"] = [[part.document() for part in parts] for parts in self.drawn]
        return document

    def specification(self) -> dict[str, Any]:
        """What decides the identity of the study: its document without what its search draws."""
        return {name: value for name, value in self.document().items() if name != "drawn"}


def choice_labels(study: Study) -> tuple[str, ...]:
    """A name for each choice that says how it differs from the others."""
    components = {kind: study.components(kind) for kind in SEVERAL} | {"data": study.data_sets}
    augments = augment_labels(study.components("data"))
    told = {kind for kind in KINDS if len(components[kind]) > 1}
    if not told and len(augments) == 1:
        told = {"algorithm"}
    labels = {kind: short_labels(components[kind]) for kind in {*told, "estimator"}}
    names = []
    for choice in study.choices():
        parts = choice.parts | {"data": choice.data.unaugmented}
        name = [labels[kind][part] for kind, part in parts.items() if kind in labels]
        if len(augments) > 1 and choice.estimator is None:
            name.insert(int("data" in told), augments[choice.data.augment])
        names.append(BETWEEN.join(name + ([choice.label] if choice.label else [])))
    return tuple(names)


def augment_labels(data: tuple[Data, ...]) -> dict[tuple[Augmentation, ...], str]:
    """A name for everything that augments some of these data."""
    parts = short_labels(tuple(dict.fromkeys(part for each in data for part in each.augment)))
    return {
        each.augment: " + ".join(parts[part] for part in each.augment) or "no augment"
        for each in data
    }


def _baselines(study: Study) -> tuple[str, ...]:
    """What choices are called as a baseline: with several data, without their part on the data."""
    names = choice_labels(study)
    if len(study.data_sets) > 1:
        names = tuple(name.partition(BETWEEN)[2] for name in names)
    return names
