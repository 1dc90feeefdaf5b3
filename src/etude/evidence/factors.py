"""The factors of a study: by what its choices differ, and which of that is fully crossed."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from etude.store.records import ChoiceRecord

KINDS = ("augment", "model", "loss", "algorithm", "estimator", "label")
"""What the choices of one data set are combinations of."""


@dataclass(frozen=True)
class Group:
    """The components of one name, of which only their own fields differ.

    Attributes:
        name: "adam".
        members: `[components]`, their places along the axis; in the order of the grid of levels,
            the last field varying fastest.
        fields: one entry for each axis of the grid: the field that varies along it, or several
            fields that are not crossed with one another.
        levels: how many values each axis has.
    """

    name: str
    members: np.ndarray
    fields: tuple[tuple[str, ...], ...]
    levels: tuple[int, ...]

    @property
    def joint(self) -> bool:
        """Whether several fields vary together, so that their effects cannot be told apart."""
        return any(len(fields) > 1 for fields in self.fields)


@dataclass(frozen=True)
class Axis:
    """Several components of one kind, or several choices that are not all combinations.

    Attributes:
        between: what tells the groups apart: ("algorithm",).
        groups: every component stands in one of them.
    """

    between: tuple[str, ...]
    groups: tuple[Group, ...]

    def __len__(self) -> int:
        return sum(len(group.members) for group in self.groups)


@dataclass(frozen=True)
class Factors:
    """How a set of choices is made of factors.

    Attributes:
        axes: the choices are all combinations of what stands along them.
        order: `[*axes]`, the number of the choice at every combination.
        reasons: what could not be taken apart, and why; () if everything could.
    """

    axes: tuple[Axis, ...]
    order: np.ndarray
    reasons: tuple[str, ...]


def factors(choices: Sequence[ChoiceRecord]) -> Factors:
    """The factors of choices of one data choice.

    All combinations of models, losses, algorithms and labels give one axis for each kind of
    which there are several. Where combinations are missing, the choices themselves form the only
    axis, grouped by the names of their components.
    """
    parts = {kind: [_text(_part(choice, kind)) for choice in choices] for kind in KINDS}
    several = [kind for kind in KINDS if len(set(parts[kind])) > 1]
    codes = {kind: _codes(parts[kind]) for kind in several}
    sizes = [max(codes[kind]) + 1 for kind in several]
    reasons: list[str] = []
    places = _places([codes[kind] for kind in several], sizes)
    if places is not None:
        order = np.argsort(places)
        axes = []
        for position, kind in enumerate(several):
            first = np.moveaxis(order.reshape(sizes), position, 0).reshape(sizes[position], -1)
            axes.append(_axis((kind,), [choices[number] for number in first[:, 0]], reasons))
        return Factors(tuple(axes), order.reshape(sizes), tuple(reasons))
    if several:
        reasons.append(f"not every combination of {_listed(several)} is complete")
    axis = _axis(tuple(several), choices, reasons)
    return Factors((axis,), np.arange(len(choices)), tuple(reasons))


def _axis(kinds: tuple[str, ...], components: Sequence[ChoiceRecord], reasons: list[str]) -> Axis:
    """The components, each shown by one choice that has it, grouped by name."""
    names = [[_name(choice, kind) for kind in kinds] for choice in components]
    differ = [place for place in range(len(kinds)) if len({row[place] for row in names}) > 1]
    groups: dict[str, list[int]] = {}
    for number, row in enumerate(names):
        groups.setdefault(" · ".join(row[place] for place in differ), []).append(number)
    found = []
    for name, members in groups.items():
        group = _group(kinds, name, members, [_levels(components[m], kinds) for m in members])
        if group.joint:
            fields = next(fields for fields in group.fields if len(fields) > 1)
            within = f" within {name}" if name else ""
            reasons.append(
                f"the values of {_listed(fields)}{within} were not tried in all combinations, "
                "so their share is told as one"
            )
        found.append(group)
    return Axis(tuple(kinds[place] for place in differ), tuple(found))


def _group(
    kinds: tuple[str, ...], name: str, members: list[int], levels: list[dict[str, str]]
) -> Group:
    fields = [
        field
        for field in dict.fromkeys(field for row in levels for field in row)
        if len({row.get(field, "") for row in levels}) > 1
    ]
    codes = [_codes([row.get(field, "") for row in levels]) for field in fields]
    sizes = [max(code) + 1 for code in codes]
    places = _places(codes, sizes)
    if places is not None:
        order = np.array(members)[np.argsort(places)]
        return Group(name, order, tuple((field,) for field in fields), tuple(sizes))
    if len(members) == 1:
        return Group(name, np.array(members), (), ())
    # Components of one name that differ in nothing a record holds are told by their kind.
    return Group(name, np.array(members), (tuple(fields) or kinds,), (len(members),))


def _places(codes: Sequence[Sequence[int]], sizes: Sequence[int]) -> np.ndarray | None:
    """The place of each in the grid of all combinations; None where they do not fill it."""
    if not codes or math.prod(sizes) != len(codes[0]):
        return None
    places: np.ndarray = np.ravel_multi_index([np.array(code) for code in codes], tuple(sizes))
    return places if len(set(places.tolist())) == len(places) else None


def _levels(choice: ChoiceRecord, kinds: tuple[str, ...]) -> dict[str, str]:
    """The swept fields of the components of these kinds; numbers count as levels."""
    found = {
        field: _text(value)
        for kind in kinds
        for field, value in choice.swept.items()
        if field.startswith(f"{kind}.")
    }
    return found | ({"label": _text(choice.document.get("label"))} if "label" in kinds else {})


def _part(choice: ChoiceRecord, kind: str) -> Any:
    """The document of what a choice is made of; what augments its data stands among these."""
    if kind == "augment":
        return choice.document.get("data", {}).get("augment")
    return choice.document.get(kind)


def _name(choice: ChoiceRecord, kind: str) -> str:
    """What sets the component apart from others of other names, if anything does."""
    return str(choice.swept.get(kind, ""))


def _codes(values: Sequence[str]) -> list[int]:
    """For each value the number of the first one equal to it, counted without gaps."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
