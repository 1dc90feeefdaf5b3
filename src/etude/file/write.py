"""From a study to TOML that says the same."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from etude.component import Component, registered
from etude.domain import Varied, spelled
from etude.file.annotation import annotation_of, entry_class, in_files
from etude.file.problems import Problem, StudyFileError
from etude.study import SEVERAL, Study
from etude.sweep import Distribution, linear_range, log_range


def write_study(study: Study) -> str:
    """The study as TOML; fields that have their default values are left out.

    Neighbouring choices of one component that differ in few fields are written as sweeps, in
    such a way that reading makes the same choices in the same order.

    Raises:
        StudyFileError: a component holds Python code, or is not registered.
    """
    problems = _unwritable(study)
    if problems:
        raise StudyFileError(problems)
    lines = [f"name = {_value(study.name)}"]
    lines += [
        f"{field} = {_value(getattr(study, field))}"
        for field in ("seed", "seeds", "labels", "baseline", "region", "precision")
        if getattr(study, field) != Study.model_fields[field].default
    ]
    if study.metric is not None:
        is_plain = _Table.of(study.metric).lines()[1:] == []
        lines.append(f"metric = {_value(study.metric.name if is_plain else study.metric)}")
    for kind in SEVERAL:
        tables = _merged(_varied(study, kind))
        if not tables:
            continue
        title = f"[{kind}]" if len(tables) == 1 else f"[[{kind}]]"
        for table in tables:
            lines += ["", title, *table.lines()]
    lines += ["", "[validation]", *_Table.of(study.validation).lines()]
    if study.search is not None:
        lines += ["", "[search]", *_Table.of(study.search).lines()]
    return "\n".join(lines) + "\n"


def _varied(study: Study, kind: str) -> tuple[Component | Varied, ...]:
    """The components of a kind, with what its search chooses in them."""
    found: list[Component | Varied] = []
    for number, part in enumerate(getattr(study, kind)):
        domains = tuple(
            (domain.path, domain.distribution)
            for domain in study.space
            if (domain.kind, domain.number) == (kind, number)
        )
        found.append(Varied(part, domains) if domains else part)
    return tuple(found)


@dataclass(frozen=True)
class _Table:
    """Components of one class as one table: for every field, the values that it takes in turn.

    The field that stands last varies fastest.
    """

    cls: type[Component]
    fields: dict[str, tuple[Any, ...]]

    @classmethod
    def of(cls, component: Component | Varied) -> Self:
        found = Varied(component, ()) if isinstance(component, Component) else component
        values = {name: (value,) for name, value in found.values.items()}
        return cls(type(found.template), values)

    def swept(self) -> list[str]:
        """The fields of several values, the slowest first."""
        return [name for name, values in self.fields.items() if len(values) > 1]

    def joined(self, other: Self, field: str) -> Self | None:
        """The components of both, in order, as one table that differs from them in one field.

        It exists where that field can vary slowest and all else is equal. TOML has no word for
        None, which only a field that is left out can be.
        """
        mine, others = self.fields[field], other.fields[field]
        if mine == others or None in mine + others:
            return None
        rest = {name: values for name, values in self.fields.items() if name != field}
        alike = (
            self.cls is other.cls
            and all(other.fields[name] == values for name, values in rest.items())
            and self._order_below(field) == other._order_below(field) is not None
        )
        if not alike:
            return None
        return replace(self, fields={field: mine + others} | rest)

    def _order_below(self, field: str) -> list[str] | None:
        """The fields that vary while this one stands, or None where it stands within them."""
        swept = self.swept()
        if field in swept[1:]:
            return None
        return [name for name in swept if name != field]

    def lines(self) -> list[str]:
        """The lines under the title of the table."""
        lines = [f"name = {_value(self.cls.name)}"]
        for name, values in self.fields.items():
            field = self.cls.model_fields[name]
            if values == (field.default,):
                continue
            entry = entry_class(annotation_of(field))
            texts = tuple(_entries(value) if entry else _value(value) for value in values)
            lines.append(f"{name} = {texts[0] if len(values) == 1 else _sweep(values, texts)}")
        return lines


def _merged(components: tuple[Component | Varied, ...]) -> list[_Table]:
    """Tables that expand to the components in their order.

    Neighbours that differ in one field are joined, and so are the tables that this makes.
    """
    tables = [_Table.of(component) for component in components]
    before = len(tables) + 1
    while len(tables) < before:
        before = len(tables)
        for field in {name: None for table in tables for name in table.fields}:
            tables = _joined_along(field, tables)
    return tables


def _joined_along(field: str, tables: list[_Table]) -> list[_Table]:
    result: list[_Table] = []
    for table in tables:
        both = None
        if result and field in table.fields and field in result[-1].fields:
            both = result[-1].joined(table, field)
        if both is None:
            result.append(table)
        else:
            result[-1] = both
    return result


def _sweep(values: tuple[Any, ...], texts: tuple[str, ...]) -> str:
    """An expander that stands for these values, which are written like this one by one."""
    if len(values) > 3 and all(isinstance(value, float) for value in values):
        low, high = values[0], values[-1]
        for form, make in (("linear_range", linear_range), ("log_range", log_range)):
            possible = low < high and (low > 0 or form == "linear_range")
            if possible and tuple(make(low, high, len(values))) == values:
                return f"{{ {form} = {_value((low, high))}, count = {len(values)} }}"
    return f"{{ grid = [{', '.join(texts)}] }}"


def _value(value: Any) -> str:
    """A value in TOML."""
    import tomli_w

    match value:
        case Component() | Varied():
            return f"{{ {', '.join(_Table.of(value).lines())} }}"
        case Distribution():
            return f"{{ {value.form} = {_value(value.written)} }}"
        case tuple():
            return f"[{', '.join(map(_value, value))}]"
        case Path():
            return _value(str(value))
    return tomli_w.dumps({"value": value}).removeprefix("value = ").removesuffix("\n")


def _entries(components: Any) -> str:
    """Components of two fields as a table of names and values, or what stands for such tables."""
    if isinstance(components, Distribution):
        return f"{{ choice = [{', '.join(map(_entries, components.values))}] }}"
    tables = [_Table.of(part).fields for part in components]
    pairs = [tuple(value for (value,) in fields.values()) for fields in tables]
    if not pairs:
        return "{}"
    return f"{{ {', '.join(f'{_key(name)} = {_value(value)}' for name, value in pairs)} }}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _unwritable(study: Study) -> list[Problem]:
    """What a study file cannot say."""
    problems: dict[Problem, None] = {}
    for kind in SEVERAL:
        components = getattr(study, kind)
        for number, component in enumerate(components):
            path = f"{kind}[{number}]" if len(components) > 1 else kind
            problems |= dict.fromkeys(_unwritable_parts(component, path))
    for domain in study.space:
        for value in domain.distribution.values:
            if value is None:
                name = spelled(domain.path)
                message = f"`{name}` may be None, which TOML cannot say"
                problems[Problem(f"{domain.kind}.{name}", message)] = None
            if isinstance(value, Component):
                problems |= dict.fromkeys(_unwritable_parts(value, domain.kind))
    for field in ("validation", "metric", "search"):
        component = getattr(study, field)
        if component is not None:
            problems |= dict.fromkeys(_unwritable_parts(component, field))
    return list(problems)


def _unwritable_parts(component: Component, path: str) -> list[Problem]:
    cls = type(component)
    if not in_files(cls) or registered(cls.kind).get(cls.name) is not cls:
        message = f"{cls.__name__} holds Python code and cannot be written to a study file"
        return [Problem(path, message)]
    problems = []
    for name, field in cls.model_fields.items():
        value, place = getattr(component, name), f"{path}.{name}"
        if value is None and field.default is not None:
            problems.append(Problem(place, f"`{name}` is None, which TOML cannot say"))
        for number, item in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(item, Component):
                if entry_class(annotation_of(field)):
                    continue
                where = f"{place}[{number}]" if isinstance(value, tuple) else place
                problems += _unwritable_parts(item, where)
            elif not isinstance(item, bool | int | float | str | tuple | Path | None):
                message = f"`{name}` holds Python code and cannot be written to a study file"
                problems.append(Problem(place, message))
    return problems
