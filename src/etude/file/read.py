"""From TOML to a study, through the same constructors that Python calls."""

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from etude.component import Component, discover_all, nearest
from etude.domain import Varied
from etude.file.annotation import (
    annotation_of,
    component_bases,
)
from etude.file.components import Components, listed
from etude.file.problems import (
    MOST_PROBLEMS,
    Problem,
    StudyFileError,
    explain,
)
from etude.file.source import SECTIONS, study_sections, study_text
from etude.file.sweeps import (
    MOST_CHOICES,
    how_many,
)
from etude.metric.base import Metric
from etude.search.base import Search
from etude.study import KINDS, SEVERAL, Study
from etude.validation.base import Validation

BASES: dict[str, tuple[type[Component], ...]] = {
    kind: component_bases(annotation_of(Study.model_fields[kind])) for kind in SEVERAL
} | {"validation": (Validation,), "metric": (Metric,), "search": (Search,)}


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
        order = [*sections, *SECTIONS]
        raise StudyFileError(sorted(reader.problems, key=lambda problem: _place(problem, order)))
    return study


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
        self._components = Components(self._folder, "search" in sections, self._tell)
        if self._has_too_many_choices(sections):
            return None
        values: dict[str, Any] = {}
        for section, value in sections.items():
            if section in SEVERAL:
                values[section] = self._several(section, value)
            elif section in BASES:
                values[section] = self._one(section, value)
            elif section in SECTIONS:
                values[section] = tuple(value) if isinstance(value, list) else value
            else:
                hint = nearest(section, SECTIONS)
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
        search = self._one("search", sections["search"]) if "search" in sections else None
        if isinstance(search, Search) and search.trials:
            return self._has_too_many_components(many)
        combined = many["model"] * many["loss"] * many["algorithm"]
        count *= many["data"] * (combined + (many["estimator"] if "estimator" in sections else 0))
        if count > MOST_CHOICES:
            self._tell(
                "", f"a study may have at most {MOST_CHOICES:,} choices, got {_digits(count)}"
            )
        return count > MOST_CHOICES

    def _has_too_many_components(self, many: dict[str, int]) -> bool:
        """A search draws from combinations that nobody makes; their components are made."""
        too_many = {kind: count for kind, count in many.items() if count > MOST_CHOICES}
        for kind, count in too_many.items():
            self._tell(
                kind,
                f"`{kind}` may list at most {MOST_CHOICES:,} components, got {_digits(count)}: "
                "have the search draw from distributions, for example `choice` in place of `grid`",
            )
        return bool(too_many)

    def _several(self, kind: str, value: Any) -> tuple[Component, ...]:
        """The components of a section that is a table or an array of tables."""
        if not isinstance(value, list):
            return tuple(option.value for option in self._components.read(value, kind, BASES[kind]))
        if not value:
            self._tell(kind, f"`{kind}` must be a table with a `name`, or several, got []")
        return tuple(
            option.value
            for number, table in enumerate(value)
            for option in self._components.read(table, f"{kind}[{number}]", BASES[kind])
        )

    def _one(self, section: str, value: Any) -> Component | None:
        """The component of a section that takes no sweeps."""
        if section == "metric" and isinstance(value, str):
            value = {"name": value}
        if how_many(value) > 1:
            message = f"`{section}` must be one, got {_digits(how_many(value))}; sweeps stand in "
            self._tell(section, message + listed(SEVERAL))
            return None
        options = self._components.read(value, section, BASES[section])
        if options and isinstance(options[0].value, Varied):
            self._tell(
                section, f"`{section}` takes no distributions; they stand in {listed(KINDS)}"
            )
            return None
        return options[0].value if options else None


def _place(problem: Problem, sections: list[str]) -> int:
    """Where the section of a problem stands in the file."""
    section = re.split(r"[.\[]", problem.path)[0]
    return sections.index(section) if section in sections else -1


def _how_many(section: Any) -> int:
    """How many components a section stands for, at least 1."""
    tables = section if isinstance(section, list) else [section]
    return max(1, sum(map(how_many, tables)))


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _digits(count: int) -> str:
    return f"{count:,}" if count < 10**15 else "more than a quadrillion"
