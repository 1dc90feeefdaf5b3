"""Components of which a search chooses some fields."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError

from etude.component import Component, component_kind
from etude.sweep import DISTRIBUTIONS, Distribution, choice

Path = tuple[str | int, ...]
"""Where a value stands in a component: names of fields, and numbers in lists."""


@dataclass(frozen=True)
class Varied:
    """A component with fields that a search may choose.

    Attributes:
        template: the component with the middle of each distribution in its place.
        domains: where what may be chosen from, in the order of the component's fields.
    """

    template: Component
    domains: tuple[tuple[Path, Distribution], ...]

    @property
    def values(self) -> dict[str, Any]:
        """What its fields hold: distributions, and parts and lists that hold some, among them."""
        found = {name: getattr(self.template, name) for name in type(self.template).model_fields}
        for name in {str(path[0]): None for path, _ in self.domains}:
            found[name] = unsettled(found[name], _below(dict(self.domains), name))
        return found

    @classmethod
    def of(cls, component: type[Component], values: Mapping[str, Any]) -> Self:
        """A component of these values, of which some are distributions, or hold some.

        Raises:
            pydantic.ValidationError: a value breaks a rule.
            ValueError: a distribution has values that the field does not take.
        """
        known = list(component.model_fields)
        order = sorted(values, key=lambda name: known.index(name) if name in known else len(known))
        domains = tuple(
            ((name, *path), distribution)
            for name in order
            for path, distribution in domains_in(values[name])
        )
        # With the low ends first: the middle of two whole numbers may be none.
        lowest = component(**{name: settled(value, low=True) for name, value in values.items()})
        for path, distribution in domains:
            check_domain(lowest, path, distribution)
        middles = {path: distribution.middle for path, distribution in domains}
        return cls(placed(lowest, middles), domains)


@dataclass(frozen=True)
class Domain:
    """One thing that a search of a study may choose.

    Attributes:
        kind: of the component, such as "algorithm".
        number: which of the study's components of that kind.
        path: where it stands in the component.
        distribution: what may stand there.
    """

    kind: str
    number: int
    path: Path
    distribution: Distribution

    def document(self) -> dict[str, Any]:
        """The domain as plain JSON values."""
        place = {"kind": self.kind, "number": self.number, "path": list(self.path)}
        return place | {"values": self.distribution.document()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any], template: Component) -> Self:
        """The domain that a document describes.

        Args:
            document: what `document` gave.
            template: the component in which it stands.
        """
        path = tuple(document["path"])
        ((form, values),) = document["values"].items()
        if form in DISTRIBUTIONS:
            distribution = DISTRIBUTIONS[form](*values)
        else:
            distribution = choice(
                [_from_plain(value, _kind_at(template, path)) for value in values]
            )
        return cls(document["kind"], document["number"], path, distribution)


def varied(cls: type[Component], /, **fields: Any) -> Varied:
    """A component of which a search chooses some fields.

    Args:
        cls: the component class.
        fields: distributions, or parts and lists that hold some; anything else is fixed.

    Example:
        >>> from etude.algorithm import Adam
        >>> from etude.sweep import log_uniform
        >>> rule = varied(Adam, learning_rate=log_uniform(1e-4, 1e-1), epochs=20)
        >>> rule.template.learning_rate, rule.template.epochs
        (0.00316228, 20)
    """
    return Varied.of(cls, fields)


def domains_in(value: Any) -> Iterator[tuple[Path, Distribution]]:
    """The distributions in the value of a field, and where they stand in it."""
    if isinstance(value, Distribution):
        yield (), value
    elif isinstance(value, Varied):
        yield from value.domains
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            for path, distribution in domains_in(item):
                yield (number, *path), distribution


def settled(value: Any, low: bool = False) -> Any:
    """The value of a field with the middle of each distribution in its place, or its low end."""
    if isinstance(value, Distribution):
        return value.ends[0] if low else value.middle
    if isinstance(value, Varied):
        return value.template
    if isinstance(value, list | tuple):
        return tuple(settled(item, low) for item in value)
    return value


def placed(template: Component, values: Mapping[Path, Any]) -> Component:
    """A component with other values at some places, validated.

    Raises:
        pydantic.ValidationError: a value breaks a rule.
    """
    return put(template, values) if values else template


def put(value: Any, values: Mapping[Path, Any]) -> Any:
    """The value of a field with others at some places in it; components are validated."""
    if () in values:
        return values[()]
    inner: dict[str | int, dict[Path, Any]] = {}
    for (first, *rest), item in values.items():
        inner.setdefault(first, {})[tuple(rest)] = item
    if isinstance(value, Component):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return type(value)(
            **fields | {str(name): put(fields[str(name)], new) for name, new in inner.items()}
        )
    return tuple(
        put(item, inner[number]) if number in inner else item for number, item in enumerate(value)
    )


def unsettled(value: Any, domains: Mapping[Path, Distribution]) -> Any:
    """The value of a field with distributions at some places in it, as `settled` takes it."""
    if () in domains:
        return domains[()]
    if isinstance(value, Component):
        return Varied(value, tuple(domains.items()))
    return tuple(
        unsettled(item, below) if (below := _below(domains, number)) else item
        for number, item in enumerate(value)
    )


def _below(domains: Mapping[Path, Distribution], place: str | int) -> dict[Path, Distribution]:
    return {path[1:]: values for path, values in domains.items() if path[:1] == (place,)}


def taken_apart(parts: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Domain, ...]]:
    """The components of a study with what varies in them apart.

    Args:
        parts: kind -> components, some of which may be `Varied`.

    Returns:
        the kinds that hold some, with their templates; and the domains.
    """
    found: dict[str, Any] = {}
    space: list[Domain] = []
    for kind, given in parts.items():
        several = tuple(given) if isinstance(given, list | tuple) else (given,)
        if not any(isinstance(part, Varied) for part in several):
            continue
        found[kind] = tuple(part.template if isinstance(part, Varied) else part for part in several)
        space += [
            Domain(kind, number, path, distribution)
            for number, part in enumerate(several)
            if isinstance(part, Varied)
            for path, distribution in part.domains
        ]
    return found, tuple(space)


def check_domain(template: Component, path: Path, distribution: Distribution) -> None:
    """Raise where a field does not take what a distribution gives.

    Raises:
        pydantic.ValidationError: an end breaks a rule of the field.
        ValueError: the field takes whole numbers alone, and the distribution gives others.
    """
    for end in distribution.ends:
        placed(template, {path: end})
    if not distribution.is_finite:
        try:
            placed(template, {path: _fraction(distribution)})
        except ValidationError:
            raise ValueError(
                f"`{spelled(path)}` takes whole numbers, which `int_uniform` gives, got "
                f"`{distribution.form}`"
            ) from None


def spelled(path: Path) -> str:
    """A path as problems of a study file spell it: `schedule.warmup`, `widths[0]`."""
    first, *rest = path
    return str(first) + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in rest)


def _fraction(distribution: Distribution) -> float:
    """A number of the distribution that is not whole."""
    low, high = distribution.ends
    inside = low + (high - low) * 0.381966
    return inside if not inside.is_integer() else math.nextafter(inside, high)


def _from_plain(value: Any, kind: type[Component] | None) -> Any:
    if isinstance(value, list):
        return tuple(_from_plain(item, kind) for item in value)
    if isinstance(value, dict) and kind is not None:
        return kind.from_document(value)
    return value


def _kind_at(template: Component, path: Path) -> type[Component] | None:
    """The class of the components that may stand at a place; None where none do."""
    last = max(place for place, part in enumerate(path) if isinstance(part, str))
    holder: Any = template
    for part in path[:last]:
        holder = holder[part] if isinstance(part, int) else getattr(holder, part)
    return component_kind(type(holder).model_fields[str(path[last])].annotation)
