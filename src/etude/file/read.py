"""From TOML to a study, through the same constructors that Python calls."""

import itertools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from etude.component import Component, discover_all, nearest
from etude.errors import InputError
from etude.file.annotation import (
    annotation_of,
    candidates,
    component_bases,
    entry_class,
    expressible,
    leaves,
)
from etude.file.problems import (
    MOST_PROBLEMS,
    Problem,
    StudyFileError,
    explain,
    shown,
    with_article,
)
from etude.file.source import study_sections, study_text
from etude.file.sweeps import (
    EXPANDERS,
    MOST_CHOICES,
    RANGES,
    grid_items,
    how_many,
    is_expander,
    range_values,
)
from etude.metric.base import Metric
from etude.study import SEVERAL, Study
from etude.validation.base import Validation

BASES: dict[str, tuple[type[Component], ...]] = {
    kind: component_bases(annotation_of(Study.model_fields[kind])) for kind in SEVERAL
} | {"validation": (Validation,), "metric": (Metric,)}


def read_study(path: str | Path) -> Study:
    """The study of a file.

    Raises:
        StudyFileError: the file cannot be read, or says something that cannot be; all problems
            are told at once.
    """
    path = Path(path)
    try:
        return parse_study(study_text(path), path.parent)
    except StudyFileError as error:
        raise StudyFileError(error.problems, str(path)) from None


def parse_study(text: str, folder: str | Path = "") -> Study:
    """The study of a TOML text.

    Args:
        text: what a study file holds.
        folder: the folder from which relative paths of data start.

    Raises:
        StudyFileError: the text says something that cannot be; all problems are told at once.

    Example:
        >>> study = parse_study('''
        ... data = { name = "iris" }
        ... model = { name = "linear" }
        ... loss = { name = "cross_entropy" }
        ... algorithm = { name = "sgd", learning_rate = { grid = [0.1, 1] } }
        ... ''')
        >>> [rule.learning_rate for rule in study.algorithm]
        [0.1, 1.0]
    """
    discover_all()
    reader = _Reader("" if Path(folder) == Path() else str(folder))
    study = None
    try:
        sections = study_sections(text)
        study = reader.study(sections)
    except _Enough:
        pass
    except RecursionError:
        raise StudyFileError([Problem("", "values are nested too deeply")]) from None
    if study is None:
        order = [*sections, *Study.model_fields]
        raise StudyFileError(sorted(reader.problems, key=lambda problem: _place(problem, order)))
    return study


@dataclass(frozen=True)
class _Option:
    """One of the values that a place of the file stands for, and where it was written."""

    value: Any
    path: str


@dataclass(frozen=True)
class _Parts:
    """What the tables in a field may be: components of these classes, or names and values."""

    bases: tuple[type[Component], ...]
    entry: type[Component] | None = None


class _Enough(Exception):
    """More problems than anybody would read are found: to go on would cost time and help none."""


class _Reader:
    """Reads the sections of one file and keeps what is wrong with them."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems)

    def study(self, sections: dict[str, Any]) -> Study | None:
        """The study, or None where there are problems."""
        if self._has_too_many_choices(sections):
            return None
        values: dict[str, Any] = {}
        for section, value in sections.items():
            if section in SEVERAL:
                values[section] = self._several(section, value)
            elif section in BASES:
                values[section] = self._one(section, value)
            elif section in Study.model_fields:
                values[section] = tuple(value) if isinstance(value, list) else value
            else:
                hint = nearest(section, Study.model_fields)
                self._tell(section, f"there is no section or field `{section}`{hint}")
        failed = {section for section in values if section in BASES and not values[section]}
        given = {section: value for section, value in values.items() if section not in failed}
        try:
            study = Study.model_validate(given, strict=True)
        except ValidationError as error:
            for problem in explain(error, Study):
                if problem.path not in failed:
                    self._tell(problem.path, problem.message)
            return None
        return None if self._problems else study

    def _tell(self, path: str, message: str) -> None:
        self._problems[Problem(path, message)] = None
        if len(self._problems) > MOST_PROBLEMS:
            raise _Enough

    def _has_too_many_choices(self, sections: dict[str, Any]) -> bool:
        count = max(1, len(sections["labels"])) if _is_list(sections.get("labels")) else 1
        many = {kind: _how_many(sections.get(kind)) for kind in SEVERAL}
        combined = many["model"] * many["loss"] * many["algorithm"]
        count *= many["data"] * (combined + (many["estimator"] if "estimator" in sections else 0))
        if count > MOST_CHOICES:
            self._tell(
                "", f"a study may have at most {MOST_CHOICES:,} choices, got {_digits(count)}"
            )
        return count > MOST_CHOICES

    def _several(self, kind: str, value: Any) -> tuple[Component, ...]:
        """The components of a section that is a table or an array of tables."""
        if not isinstance(value, list):
            return tuple(option.value for option in self._component(value, kind, BASES[kind]))
        if not value:
            self._tell(kind, f"`{kind}` must be a table with a `name`, or several, got []")
        return tuple(
            option.value
            for number, table in enumerate(value)
            for option in self._component(table, f"{kind}[{number}]", BASES[kind])
        )

    def _one(self, section: str, value: Any) -> Component | None:
        """The component of a section that takes no sweeps."""
        if section == "metric" and isinstance(value, str):
            value = {"name": value}
        if how_many(value) > 1:
            message = f"`{section}` must be one, got {_digits(how_many(value))}; sweeps stand in "
            self._tell(section, message + _listed(SEVERAL))
            return None
        options = self._component(value, section, BASES[section])
        return options[0].value if options else None

    def _component(
        self, table: Any, path: str, bases: tuple[type[Component], ...]
    ) -> list[_Option]:
        """The components that a table with a `name` stands for."""
        cls = self._named(table, path, bases)
        if cls is None:
            return []
        fields: dict[str, list[_Option]] = {}
        failed: set[str] = set()
        for name, value in table.items():
            if name == "name":
                continue
            if name not in cls.model_fields:
                hint = nearest(name, cls.model_fields)
                self._tell(f"{path}.{name}", f"{cls.name} has no field `{name}`{hint}")
                failed.add(name)
            elif options := self._options(cls, name, value, f"{path}.{name}"):
                fields[name] = options
            else:
                failed.add(name)
        made = (
            self._made(cls, path, dict(zip(fields, values, strict=True)), failed)
            for values in itertools.product(*fields.values())
        )
        return [_Option(component, path) for component in made if component is not None]

    def _named(
        self, table: Any, path: str, bases: tuple[type[Component], ...]
    ) -> type[Component] | None:
        """The class that a table names."""
        known = candidates(bases)
        kind = bases[0].kind
        if not isinstance(table, dict):
            self._tell(path, f"`{path}` must be a table with a `name`, got {shown(table)}")
        elif "name" not in table:
            self._tell(path, f"`name` is needed to choose {with_article(kind)}{nearest('', known)}")
        elif not isinstance(table["name"], str):
            self._tell(f"{path}.name", f"`name` must be text, got {shown(table['name'])}")
        elif table["name"] not in known:
            name = table["name"]
            hint = nearest(name, known)
            self._tell(f"{path}.name", f"there is no {kind} called {shown(name)}{hint}")
        else:
            return known[table["name"]]
        return None

    def _made(
        self,
        cls: type[Component],
        path: str,
        options: dict[str, _Option],
        failed: set[str],
    ) -> Component | None:
        """One component of the values chosen for its fields."""
        values = {name: option.value for name, option in options.items()}
        try:
            component = cls.model_validate(values, strict=True)
        except ValidationError as error:
            # What the fields together must fulfil cannot be judged without some of them.
            if failed and not error.errors()[0]["loc"]:
                return None
            for problem in explain(error, cls):
                field = re.split(r"[.\[]", problem.path)[0]
                if field in failed:
                    continue
                written = options[field].path if field in options else f"{path}.{field}"
                place = (written + problem.path[len(field) :]) if field else path
                self._tell(place, problem.message)
            return None
        except InputError as error:
            self._tell(path, str(error))
            return None
        return None if failed else component

    def _options(self, cls: type[Component], name: str, value: Any, path: str) -> list[_Option]:
        """The values of a field, none where there is a problem."""
        annotation = annotation_of(cls.model_fields[name])
        if not expressible(annotation):
            self._tell(path, f"`{name}` holds Python code, which a study file cannot give")
            return []
        parts = _Parts(component_bases(annotation), entry_class(annotation))
        options = self._values(value, path, parts)
        kinds = set(leaves(annotation))
        if name == "path" and cls.kind == "data":
            options = [_Option(_under(self._folder, o.value), o.path) for o in options]
        if Path in kinds and str not in kinds:
            options = [_Option(_as_path(o.value), o.path) for o in options]
        return options

    def _values(self, value: Any, path: str, parts: _Parts) -> list[_Option]:
        """The values that any place of the file stands for, none where there is a problem."""
        if is_expander(value):
            return self._expanded(value, path, parts)
        if parts.entry is not None:
            return self._entries(value, path, parts.entry)
        if isinstance(value, list):
            items = [
                self._values(item, f"{path}[{number}]", parts) for number, item in enumerate(value)
            ]
            return [
                _Option(tuple(option.value for option in options), path)
                for options in itertools.product(*items)
            ]
        if isinstance(value, dict) and parts.bases:
            return self._component(value, path, parts.bases)
        if isinstance(value, dict):
            known = _listed(EXPANDERS)
            self._tell(path, f"`{path.rpartition('.')[2]}` takes no table but {known}")
            return []
        return [_Option(value, path)]

    def _entries(self, table: Any, path: str, entry: type[Component]) -> list[_Option]:
        """The tuples of names and values that a table stands for."""
        if not isinstance(table, dict):
            self._tell(path, f"`{path}` must be a table of names and values, got {shown(table)}")
            return []
        name_field, value_field = entry.model_fields
        found: list[list[_Option]] = []
        for name, value in table.items():
            place = f"{path}.{name}"
            made = []
            for option in self._values(value, place, _Parts(())):
                values = {name_field: _Option(name, place), value_field: option}
                made.append(self._made(entry, place, values, set()))
            found.append([_Option(part, place) for part in made if part is not None])
        return [
            _Option(tuple(option.value for option in options), path)
            for options in itertools.product(*found)
        ]

    def _expanded(self, table: dict[str, Any], path: str, parts: _Parts) -> list[_Option]:
        """The values that a `grid`, `linear_range` or `log_range` stands for."""
        if any(form in table for form in RANGES):
            values = range_values(table, path)
            if isinstance(values, Problem):
                self._tell(values.path, values.message)
                return []
            return [_Option(number, path) for number in values]
        items = grid_items(table, path)
        if isinstance(items, Problem):
            self._tell(items.path, items.message)
            return []
        found = [
            self._values(item, f"{path}.grid[{number}]", parts) for number, item in enumerate(items)
        ]
        return [option for options in found for option in options] if all(found) else []


def _place(problem: Problem, sections: list[str]) -> int:
    """Where the section of a problem stands in the file."""
    section = re.split(r"[.\[]", problem.path)[0]
    return sections.index(section) if section in sections else -1


def _under(folder: str, value: Any) -> Any:
    """A path that starts at a folder, unless it is absolute."""
    return os.path.join(folder, value) if isinstance(value, str) and value else value


def _as_path(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_as_path(item) for item in value)
    return Path(value) if isinstance(value, str) else value


def _how_many(section: Any) -> int:
    """How many components a section stands for, at least 1."""
    tables = section if isinstance(section, list) else [section]
    return max(1, sum(map(how_many, tables)))


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _digits(count: int) -> str:
    return f"{count:,}" if count < 10**15 else "more than a quadrillion"


def _listed(words: Iterable[str]) -> str:
    *first, last = (f"`{word}`" for word in words)
    return f"{', '.join(first)} or {last}"
