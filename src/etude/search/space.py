"""From what a search draws: the components of a study, and the fields that it varies."""

import itertools
import math
import random
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from pydantic import ValidationError

from etude.component import Component
from etude.domain import Domain, Path, placed, spelled
from etude.errors import InputError
from etude.sweep import Distribution, choice

Parts = tuple[Component, ...]
"""One component of each kind, in the order of the space's kinds."""

Choose = Callable[[str, Distribution], Any]
"""Chooses a value: what it is called, and what may be chosen."""

Check = Callable[[Parts], None]
"""Raises an `InputError` where a choice cannot be trained."""

PATIENCE = 1000
"""After so many draws in a row that had been drawn before a space is taken to be exhausted."""


@dataclass(frozen=True)
class Family:
    """Components of one class that differ in some fields.

    Attributes:
        name: what it is called among the families of its kind.
        template: one of them.
        fields: name -> path and values of each field that may be chosen.
    """

    name: str
    template: Component
    fields: dict[str, tuple[Path, Distribution]]

    def chosen(self, choose: Choose) -> Component:
        """One component, each field chosen in turn.

        Raises:
            InputError: the values break a rule together.
        """
        component = self.template
        for name, (path, distribution) in self.fields.items():
            try:
                component = placed(component, {path: choose(name, distribution)})
            except ValidationError as error:
                raise InputError(error.errors(include_url=False)[0]["msg"]) from None
        return component

    @property
    def longest(self) -> Component:
        """The component that trains longest, as far as that can be told."""
        try:
            return self.chosen(_longest)
        except InputError:
            return self.template

    @property
    def count(self) -> int | None:
        """How many components it has; None for more than can be counted."""
        if not all(distribution.is_finite for _, distribution in self.fields.values()):
            return None
        return math.prod(distribution.count for _, distribution in self.fields.values())


class Space:
    """All choices that a search may draw.

    Components of one class whose fields make a full product are varied field by field, the values
    of each field being its choices; others are drawn as they are. Where a kind has several
    classes each is equally likely.

    Args:
        parts: kind -> the components of a study.
        domains: what is varied in them.

    Attributes:
        refused: of every draw that cannot be, why.
    """

    def __init__(self, parts: Mapping[str, Parts], domains: tuple[Domain, ...] = ()) -> None:
        self._families = {kind: _families(kind, parts[kind], domains) for kind in parts}
        self._check: Check | None = None
        self.refused: list[str] = []

    def checked(self, check: Check | None) -> Self:
        """The same space, which asks about every choice that it draws."""
        space = copy(self)
        space._check, space.refused = check, []
        return space

    def draw(self, choose: Choose) -> Parts:
        """One choice.

        Args:
            choose: is asked for one value after the other; what is asked depends on the answers.

        Raises:
            InputError: the values chosen break a rule together, or cannot be trained.
        """
        chosen: dict[str, Any] = {}

        def noted(name: str, distribution: Distribution) -> Any:
            chosen[name] = choose(name, distribution)
            return chosen[name]

        try:
            return self._drawn(noted)
        except InputError as error:
            told = ", ".join(f"{name} = {value}" for name, value in chosen.items())
            self.refused.append(f"`search` draws {told or 'a choice'}, which cannot be: {error}")
            raise InputError(self.refused[-1]) from None

    def _drawn(self, choose: Choose) -> Parts:
        found = []
        for kind, families in self._families.items():
            family = families[0]
            if len(families) > 1:
                names = [one.name for one in families]
                family = families[names.index(choose(kind, choice(names)))]
            found.append(family.chosen(choose))
        if self._check is not None:
            self._check(tuple(found))
        return tuple(found)

    def drawn(self, trials: int, seed: int) -> tuple[Parts, ...]:
        """So many different choices at random; the same seed draws the same, more a continuation.

        Raises:
            InputError: there are fewer.
        """
        self.check(trials)
        generator = random.Random(seed)
        found: dict[Parts, None] = {}
        waited = 0
        while len(found) < trials:
            before = len(found)
            found[self.draw(lambda name, distribution: distribution.draw(generator))] = None
            waited = 0 if len(found) > before else waited + 1
            if waited == PATIENCE:
                raise InputError(_too_many(trials, len(found)))
        return tuple(found)

    def check(self, trials: int) -> None:
        """Raise an `InputError` where there are fewer choices than are to be drawn."""
        if self.count is not None and self.count < trials:
            raise InputError(_too_many(trials, self.count))

    @cached_property
    def count(self) -> int | None:
        """How many choices there are; None for more than can be counted."""
        total = 1
        for families in self._families.values():
            counts = [family.count for family in families]
            if None in counts:
                return None
            total *= sum(count for count in counts if count is not None)
        return total

    @property
    def largest(self) -> Iterable[Parts]:
        """For every combination of families, the choice with the longest training.

        Its budget is the largest, and its batches are the smallest: so it takes most steps.
        """
        return itertools.product(
            *(tuple(family.longest for family in families) for families in self._families.values())
        )


def _longest(name: str, distribution: Distribution) -> Any:
    field = name.rpartition(".")[2]
    numbers = [value for value in distribution.ends if is_number(value)]
    if len(numbers) < len(distribution.ends):
        return distribution.middle
    if field in ("epochs", "steps"):
        return max(numbers)
    return min(numbers) if field == "batch_size" else distribution.middle


def _too_many(trials: int, count: int) -> str:
    return (
        f"`trials` must be at most {count}, the choices that there are to draw from, got {trials}"
    )


def _families(kind: str, parts: Parts, domains: tuple[Domain, ...]) -> tuple[Family, ...]:
    groups: dict[Any, list[int]] = {}
    for number, part in enumerate(parts):
        varied = tuple(
            (d.path, d.distribution) for d in domains if (d.kind, d.number) == (kind, number)
        )
        groups.setdefault((type(part), getattr(part, "label", ""), varied), []).append(number)
    found = []
    for place, ((_, _, varied), numbers) in enumerate(groups.items()):
        title = kind if len(groups) == 1 else f"{kind}[{place}]"
        fields = _swept(title, [parts[number] for number in numbers])
        fields |= {f"{title}.{spelled(path)}": (path, values) for path, values in varied}
        name = f"{place} {parts[numbers[0]].name}"
        found.append(Family(name, parts[numbers[0]], fields))
    return tuple(found)


def _swept(title: str, parts: list[Component]) -> dict[str, tuple[Path, Distribution]]:
    """The fields in which components differ, where they are a full product of their values."""
    if len(parts) == 1:
        return {}
    values = {
        name: tuple(dict.fromkeys(getattr(part, name) for part in parts))
        for name in type(parts[0]).model_fields
    }
    values = {name: different for name, different in values.items() if len(different) > 1}
    if math.prod(map(len, values.values())) > len(parts):
        return {title: ((), choice(parts))}
    return {f"{title}.{name}": ((name,), choice(different)) for name, different in values.items()}


def is_number(value: Any) -> bool:
    """Whether a value is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
