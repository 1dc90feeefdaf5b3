"""What is wrong with a study, in sentences that say place, rule and value."""

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from etude.component import Component, nearest, snake_case
from etude.errors import InputError
from etude.evidence.rounding import printable

LONGEST = 60
"""Values are shown with at most this many characters."""

LONGEST_PATH, LONGEST_MESSAGE = 120, 400
"""Places and sentences are told with at most this many characters."""

MOST_PROBLEMS = 50
"""No more problems of a file are told than these."""


@dataclass(frozen=True)
class Problem:
    """One thing to change.

    Attributes:
        path: where it stands, such as `algorithm[1].learning_rate`; "" for the whole.
        message: the rule and what was given.
    """

    path: str
    message: str

    def __str__(self) -> str:
        """One line, whatever the names in the file are."""
        message = _line(self.message, LONGEST_MESSAGE)
        return f"{_line(self.path, LONGEST_PATH)}: {message}" if self.path else message


class StudyFileError(InputError):
    """What is wrong with a study file; the message tells at most `MOST_PROBLEMS` of it.

    Attributes:
        problems: what to change, in the order of the file's sections.
        source: the file, or "" for text.
    """

    def __init__(self, problems: Iterable[Problem], source: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source
        place = _line(source, LONGEST_MESSAGE) or "the study"
        count = len(self.problems)
        title = f"{place} has {count} problem{'s' if count > 1 else ''}:"
        if count > MOST_PROBLEMS:
            title = f"{place} has more than {MOST_PROBLEMS} problems; some of them:"
        told = [f"  {problem}" for problem in self.problems[:MOST_PROBLEMS]]
        super().__init__("\n".join([title, *told]))


def cut(text: str, length: int) -> str:
    """The text, cut where it is longer than so many characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _line(text: str, length: int) -> str:
    """The text in one line of at most so many characters, none of which acts on a terminal."""
    return cut(printable(cut(text, length)), length)


def shown(value: Any) -> str:
    """A value as a study file would write it, cut where it is long."""
    match value:
        case bool():
            text = str(value).lower()
        case type():
            text = f"the class {value.__name__}"
        case Component():
            text = value.name
        case list() | tuple():
            text = f"[{', '.join(shown(item) for item in value[:LONGEST])}]"
        case Mapping():
            text = "a table"
        case Path():
            text = repr(str(value))
        case datetime.date() | datetime.time():
            text = str(value)
        case int() if value.bit_length() > 4 * LONGEST:
            text = "a number too large"
        case _:
            text = repr(value)
    return cut(text, LONGEST)


def explain(error: ValidationError, cls: type[BaseModel] | None = None) -> list[Problem]:
    """What pydantic found, one sentence for each value.

    Args:
        error: what a constructor raised.
        cls: the class that was constructed, for hints at its fields.

    Example:
        >>> from etude.algorithm import SGD
        >>> try:
        ...     SGD(learning_rate=-1)
        ... except ValidationError as error:
        ...     print(explain(error)[0].message)
        `learning_rate` must be greater than 0, got -1
    """
    values: dict[str, list[Mapping[str, Any]]] = {}
    for detail in error.errors(include_url=False):
        field = str(detail["loc"][0]) if detail["loc"] else ""
        values.setdefault(field, []).append(detail)
    problems = []
    for details in values.values():
        branch = _deepest_branch(details)
        if len(branch) == 1 or any(isinstance(part, int) for part in _place(branch[0])):
            problems += [_sentence(detail, cls) for detail in branch]
        else:
            problems.append(_alternatives(branch))
    return list(dict.fromkeys(problems))


def _place(detail: Mapping[str, Any]) -> tuple[str | int, ...]:
    """The location without the names that pydantic gives to the branches of a union."""
    first, *rest = detail["loc"] or ("",)
    return (first, *(part for part in rest if isinstance(part, int)))


def _deepest_branch(details: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the errors of one field, those of the union's branch that fitted best.

    A branch that found something inside the value fits better than one that refused all of it.
    """
    depth = max(len(_place(detail)) for detail in details)
    deep = [detail for detail in details if len(_place(detail)) == depth]
    return deep if depth > 1 else details


def _alternatives(details: list[Mapping[str, Any]]) -> Problem:
    """One sentence where each branch of a union refused the value."""
    value = details[0]["input"]
    rules = []
    for detail in details:
        rule = _rule(detail)
        if detail["type"] == "value_error" or not rule:
            return _sentence(detail, None)
        rules.append(rule)
    path = _path(_place(details[0]))
    alternatives = " or ".join(dict.fromkeys(rules))
    return Problem(path, f"`{path}` must be {alternatives}, got {shown(value)}")


def _sentence(detail: Mapping[str, Any], cls: type[BaseModel] | None) -> Problem:
    path, given = _path(_place(detail)), shown(detail["input"])
    fields = cls.model_fields if cls else {}
    match detail["type"]:
        case "missing" if isinstance(detail["loc"][-1], int):
            whole = _path(_place(detail)[:-1])
            return Problem(whole, f"`{whole}` must have more values, got {given}")
        case "missing":
            return Problem(path, f"`{path}` is needed and not given")
        case "extra_forbidden":
            hint = nearest(path, fields)
            return Problem(path, f"there is no field `{path}`{hint}")
        case "value_error" | "assertion_error":
            message = str(detail["ctx"]["error"])
            named = re.match(r"`(\w+)`", message)
            if not path and named and named[1] in fields:
                path = named[1]
            return Problem(path, message)
        case "literal_error" if isinstance(detail["input"], str):
            hint = _literal_hint(detail)
            return Problem(path, f"`{path}` must be {_rule(detail)}, got {given}{hint}")
    rule = _rule(detail)
    if not rule:
        return Problem(path, f"`{path}`: {detail['msg']}, got {given}")
    return Problem(path, f"`{path}` must be {rule}, got {given}")


def _literal_hint(detail: Mapping[str, Any]) -> str:
    known = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
    hint = nearest(detail["input"], known)
    return hint if "did you mean" in hint else ""


def _path(place: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in place)


def _rule(detail: Mapping[str, Any]) -> str:
    """What the value must be, by pydantic's type of error; "" for a type not listed."""
    rule = RULES.get(detail["type"], "")
    context = {
        key: f"{value:g}" if isinstance(value, float) else value
        for key, value in (detail.get("ctx") or {}).items()
    }
    if detail["type"] in ("is_instance_of", "model_type"):
        name = context.get("class", context.get("class_name", ""))
        context["part"] = with_article(snake_case(name).replace("_", " "))
    return rule.format(**context)


def with_article(noun: str) -> str:
    """A noun with its indefinite article; data have none."""
    if noun == "data":
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


RULES = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_unicode": "text in Unicode",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "tuple_type": "a list",
    "list_type": "a list",
    "too_short": "a list of {min_length} or more values",
    "too_long": "a list of at most {max_length} values",
    "path_type": "a path",
    "is_instance_of": "{part}",
    "model_type": "{part}",
    "none_required": "absent",
    "callable_type": "something to call",
    "is_subclass_of": "a class derived from {class}",
}
"""What a value must be, by the type of pydantic's error."""
