"""Components from the tables of a study file, through the same constructors that Python calls."""

import itertools
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from etude.component import Component, nearest
from etude.domain import Varied, check_domain, domains_in, put, settled
from etude.errors import InputError
from etude.file.annotation import (
    annotation_of,
    candidates,
    component_bases,
    entry_class,
    expressible,
    leaves,
)
from etude.file.problems import Problem, explain, shown, with_article
from etude.file.sweeps import (
    DRAWN,
    EXPANDERS,
    RANGES,
    distribution_of,
    drawn_from,
    grid_items,
    is_distribution,
    is_expander,
    range_values,
)


@dataclass(frozen=True)
class Option:
    """One of the values that a place of the file stands for, and where it was written."""

    value: Any
    path: str


@dataclass(frozen=True)
class Parts:
    """What the tables in a field may be: components of these classes, or names and values."""

    bases: tuple[type[Component], ...]
    entry: type[Component] | None = None


class Components:
    """Reads the tables of one file that name components.

    Args:
        folder: from which paths of data start.
        searches: whether the file has a search, which draws from distributions.
        tell: takes path and message of what is wrong.
    """

    def __init__(self, folder: str, searches: bool, tell: Callable[[str, str], None]) -> None:
        self._folder, self._searches, self._tell = folder, searches, tell

    def read(self, table: Any, path: str, bases: tuple[type[Component], ...]) -> list[Option]:
        """The components that a table with a `name` stands for.

        Args:
            table: of the file.
            path: where it stands.
            bases: the classes of which it may name one.
        """
        cls = self._named(table, path, bases)
        if cls is None:
            return []
        fields: dict[str, list[Option]] = {}
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
        return [Option(component, path) for component in made if component is not None]

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
        options: dict[str, Option],
        failed: set[str],
    ) -> Component | Varied | None:
        """One component of the values chosen for its fields, which may be distributions."""
        if any(any(domains_in(option.value)) for option in options.values()):
            return self._varied(cls, path, options, failed)
        return self._settled(cls, path, options, failed)

    def _varied(
        self,
        cls: type[Component],
        path: str,
        options: dict[str, Option],
        failed: set[str],
    ) -> Varied | None:
        """A component that a search varies: the ends of each distribution must be values too."""
        plain = {name: Option(settled(o.value), o.path) for name, o in options.items()}
        found, sound = [], True
        for name in (name for name in cls.model_fields if name in options):
            for place, distribution in domains_in(options[name].value):
                found.append(((name, *place), distribution))
                for end in distribution.ends:
                    value = put(plain[name].value, {place: end})
                    with_end = plain | {name: Option(value, plain[name].path)}
                    sound &= self._settled(cls, path, with_end, failed) is not None
        template = self._settled(cls, path, plain, failed) if sound else None
        if template is None:
            return None
        for place, distribution in found:
            try:
                check_domain(template, place, distribution)
            except ValueError as error:
                self._tell(options[str(place[0])].path, str(error))
                return None
        return Varied(template, tuple(found))

    def _settled(
        self,
        cls: type[Component],
        path: str,
        options: dict[str, Option],
        failed: set[str],
    ) -> Component | None:
        """One component of plain values."""
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

    def _options(self, cls: type[Component], name: str, value: Any, path: str) -> list[Option]:
        """The values of a field, none where there is a problem."""
        annotation = annotation_of(cls.model_fields[name])
        if not expressible(annotation):
            self._tell(path, f"`{name}` holds Python code, which a study file cannot give")
            return []
        parts = Parts(component_bases(annotation), entry_class(annotation))
        options = self._values(value, path, parts)
        kinds = set(leaves(annotation))
        if name == "path" and cls.kind == "data":
            options = [Option(_under(self._folder, o.value), o.path) for o in options]
        if Path in kinds and str not in kinds:
            options = [Option(_as_path(o.value), o.path) for o in options]
        return options

    def _values(self, value: Any, path: str, parts: Parts) -> list[Option]:
        """The values that any place of the file stands for, none where there is a problem."""
        if is_expander(value):
            return self._expanded(value, path, parts)
        if is_distribution(value):
            return self._distribution(value, path, parts)
        if parts.entry is not None:
            return self._entries(value, path, parts.entry)
        if isinstance(value, list):
            items = [
                self._values(item, f"{path}[{number}]", parts) for number, item in enumerate(value)
            ]
            return [
                Option(tuple(option.value for option in options), path)
                for options in itertools.product(*items)
            ]
        if isinstance(value, dict) and parts.bases:
            return self.read(value, path, parts.bases)
        if isinstance(value, dict):
            known = listed((*EXPANDERS, *DRAWN) if self._searches else EXPANDERS)
            self._tell(path, f"`{path.rpartition('.')[2]}` takes no table but {known}")
            return []
        return [Option(value, path)]

    def _entries(self, table: Any, path: str, entry: type[Component]) -> list[Option]:
        """The tuples of names and values that a table stands for."""
        if not isinstance(table, dict):
            self._tell(path, f"`{path}` must be a table of names and values, got {shown(table)}")
            return []
        name_field, value_field = entry.model_fields
        found: list[list[Option]] = []
        for name, value in table.items():
            place = f"{path}.{name}"
            made = []
            for option in self._values(value, place, Parts(())):
                values = {name_field: Option(name, place), value_field: option}
                made.append(self._made(entry, place, values, set()))
            found.append([Option(part, place) for part in made if part is not None])
        return [
            Option(tuple(option.value for option in options), path)
            for options in itertools.product(*found)
        ]

    def _distribution(self, table: dict[str, Any], path: str, parts: Parts) -> list[Option]:
        """The distribution that a table stands for."""
        found = drawn_from(table, path)
        if isinstance(found, Problem):
            self._tell(found.path, found.message)
            return []
        form, items = found
        if not self._searches:
            self._tell(
                path, f"`{form}` stands for values that a search draws, and there is no [search]"
            )
            return []
        if form == "choice":
            options = [
                self._values(item, f"{path}.choice[{n}]", parts) for n, item in enumerate(items)
            ]
            if not all(options):
                return []
            items = [option.value for several in options for option in several]
            if any(any(domains_in(item)) for item in items):
                self._tell(path, "`choice` must list values, not distributions")
                return []
        distribution = distribution_of(form, items, path)
        if isinstance(distribution, Problem):
            self._tell(distribution.path, distribution.message)
            return []
        return [Option(distribution, path)]

    def _expanded(self, table: dict[str, Any], path: str, parts: Parts) -> list[Option]:
        """The values that a `grid`, `linear_range` or `log_range` stands for."""
        if any(form in table for form in RANGES):
            values = range_values(table, path)
            if isinstance(values, Problem):
                self._tell(values.path, values.message)
                return []
            return [Option(number, path) for number in values]
        items = grid_items(table, path)
        if isinstance(items, Problem):
            self._tell(items.path, items.message)
            return []
        found = [
            self._values(item, f"{path}.grid[{number}]", parts) for number, item in enumerate(items)
        ]
        return [option for options in found for option in options] if all(found) else []


def _under(folder: str, value: Any) -> Any:
    """A path that starts at a folder, unless it is absolute."""
    return os.path.join(folder, value) if isinstance(value, str) and value else value


def _as_path(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_as_path(item) for item in value)
    return Path(value) if isinstance(value, str) else value


def listed(words: Iterable[str]) -> str:
    *first, last = (f"`{word}`" for word in words)
    return f"{', '.join(first)} or {last}"
