"""What a component is and takes, for the command line and for editors."""

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types as rules

from etude.component import Component, snake_case
from etude.file.annotation import annotation_of, branches, entry_class, is_component, unwrapped
from etude.file.problems import shown

WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}


@dataclass(frozen=True)
class FieldDescription:
    """One field of a component.

    Attributes:
        name: the name in Python and in study files.
        type: what kind of value it holds, in words.
        default: the default as a study file would write it; None where a value is needed.
        rule: what a value must fulfil beyond its type; "" for nothing.
        text: what it means.
        traced: whether members of one program may differ in it.
    """

    name: str
    type: str
    default: str | None
    rule: str
    text: str
    traced: bool


@dataclass(frozen=True)
class Description:
    """A component in words.

    Attributes:
        name: the name in study files.
        kind: what it is a choice of.
        summary: the first line.
        text: the rest of the docstring up to its sections: formulas and sources.
        source: the paper or lecture that the file's docstring names; "" where it names none.
        fields: its fields, its own first.
    """

    name: str
    kind: str
    summary: str
    text: str
    source: str
    fields: tuple[FieldDescription, ...]


def describe(cls: type[Component]) -> Description:
    """What a component class is and takes.

    Example:
        >>> from etude.algorithm import SGD
        >>> describe(SGD).fields[0]
        FieldDescription(name='learning_rate', type='number', default='0.1', \
rule='greater than 0', text='η.', traced=True)
    """
    body = _docstring(cls)
    summary, _, rest = body.partition("\n\n")
    texts = field_texts(cls)
    traced = cls.traced_fields()
    fields = tuple(
        FieldDescription(
            name=name,
            type=type_in_words(annotation_of(field)),
            default=None
            if field.is_required()
            else _default(field.get_default(call_default_factory=True)),
            rule=rule_in_words(annotation_of(field)),
            text=texts.get(name, ""),
            traced=name in traced,
        )
        for name, field in _own_first(cls)
    )
    return Description(
        name=cls.name,
        kind=cls.kind,
        summary=_one_line(summary),
        text=re.split(r"^(?:Class attributes|Attributes|Example|Raises):\s*$", rest, flags=re.M)[
            0
        ].strip(),
        source=_source(cls),
        fields=fields,
    )


def field_texts(cls: type[Component]) -> dict[str, str]:
    """The descriptions of fields from the `Attributes:` sections of a class and its bases."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Component):
            texts |= _attributes(_docstring(base))
    return texts


def type_in_words(annotation: Any) -> str:
    """What kind of value an annotation allows, such as "list of whole numbers"."""
    if entry := entry_class(annotation):
        held = annotation_of(list(entry.model_fields.values())[1])
        return f"table of {_plural(type_in_words(held))} by name"
    return " or ".join(dict.fromkeys(_branch_in_words(branch) for branch in branches(annotation)))


def rule_in_words(annotation: Any) -> str:
    """What a value must fulfil beyond its type, such as "at least 0 and less than 1"."""
    parts = []
    for branch in branches(annotation):
        plain, constraints = unwrapped(branch)
        phrases = [phrase for mark in constraints if (phrase := _phrase(mark))]
        if get_origin(plain) is tuple and (each := rule_in_words(get_args(plain)[0])):
            phrases.append(f"each {each}")
        elif branches(plain) != (plain,) and (inner := rule_in_words(plain)):
            phrases.append(inner)
        if phrases:
            parts.append(" and ".join(phrases))
    return " or ".join(dict.fromkeys(parts))


def _branch_in_words(branch: Any) -> str:
    plain, _ = unwrapped(branch)
    if get_origin(plain) is Literal:
        *first, last = (shown(value) for value in get_args(plain))
        return f"{', '.join(first)} or {last}" if first else last
    if get_origin(plain) is tuple:
        first, *others = get_args(plain)
        if others == [Ellipsis]:
            return f"list of {_plural(type_in_words(first))}"
        return f"[{', '.join(type_in_words(item) for item in (first, *others))}]"
    if branches(plain) != (plain,):
        return type_in_words(plain)
    if is_component(plain):
        return snake_case(plain.__name__).replace("_", " ")
    return WORDS.get(plain, "Python code")


def _plural(words: str) -> str:
    return f"{words}s" if words in ("whole number", "number", "path") else words


def _phrase(mark: Any) -> str:
    match mark:
        case rules.Gt(gt=bound):
            return f"greater than {bound}"
        case rules.Ge(ge=bound):
            return f"at least {bound}"
        case rules.Lt(lt=bound):
            return f"less than {bound}"
        case rules.Le(le=bound):
            return f"at most {bound}"
        case rules.MultipleOf(multiple_of=bound):
            return f"a multiple of {bound}"
        case rules.MinLen(min_length=length):
            return f"length at least {length}"
        case rules.MaxLen(max_length=length):
            return f"length at most {length}"
    pattern = getattr(mark, "pattern", None)
    return f"matches {pattern}" if pattern else ""


def _default(value: Any) -> str:
    return "none" if value is None else shown(value)


def _own_first(cls: type[Component]) -> list[tuple[str, Any]]:
    own = [item for item in cls.model_fields.items() if item[0] in cls.__annotations__]
    inherited = [item for item in cls.model_fields.items() if item[0] not in cls.__annotations__]
    return own + inherited


def _docstring(cls: type) -> str:
    return inspect.cleandoc(cls.__dict__.get("__doc__") or "")


def _source(cls: type) -> str:
    """What stands in brackets in the first sentence of the docstring of the class's file."""
    module = inspect.getmodule(cls)
    first = _one_line((getattr(module, "__doc__", None) or "").partition("\n\n")[0])
    cited = re.search(r"\((.*\d{4}.*)\)", first)
    return cited[1] if cited else ""


def _attributes(docstring: str) -> dict[str, str]:
    """The entries of the `Attributes:` section of a docstring."""
    section = re.search(r"^Attributes:\n((?:(?:[ \t]+.*)?(?:\n|$))*)", docstring, flags=re.M)
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc("\n" + section[1]).splitlines() if section else ():
        entry = re.match(r"(\w+(?:, \w+)*): (.*)", line)
        if entry:
            names = entry[1].split(", ")
            texts |= dict.fromkeys(names, entry[2].strip())
        else:
            texts |= {name: f"{texts[name]} {line.strip()}".strip() for name in names}
    return texts


def _one_line(text: str) -> str:
    return " ".join(text.split())
