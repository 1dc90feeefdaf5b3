"""The JSON Schema of study files, for editors."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from etude.component import Component, discover_all, plain, registered
from etude.file.annotation import (
    annotation_of,
    branches,
    candidates,
    component_bases,
    entry_class,
    expressible,
    in_files,
    is_component,
    unwrapped,
)
from etude.file.describe import field_texts
from etude.file.source import SECTIONS
from etude.file.sweeps import RANGES
from etude.study import KINDS, SEVERAL, Study
from etude.sweep import DISTRIBUTIONS

TEXTS = {
    "name": "What reports call the study.",
    "seed": "The root of all random numbers.",
    "seeds": "How many networks of each choice are trained on each split.",
    "labels": "With one choice several times: a label for each.",
    "metric": "What decides; by default accuracy for classes, RMSE for numbers, else the loss.",
    "baseline": "The choice that all others are compared with, as the ranking calls it.",
    "region": "Differences of the metric up to so much do not matter in practice.",
    "precision": "Of matrix products; tf32 and bfloat16 need a GPU.",
    "data": "Where the rows come from.",
    "model": "Which networks.",
    "loss": "What training makes small.",
    "algorithm": "How the weights follow the gradient.",
    "estimator": "Methods that train themselves, compared on the same splits.",
    "validation": "Which rows train, choose and judge.",
    "search": "Which choices are trained how far; without it all of them to the end.",
}


def schema() -> dict[str, Any]:
    """JSON Schema (draft 7) of study files with every registered component.

    Wherever a value of a component stands, `{ grid = [...] }` may stand too, and for numbers
    `{ linear_range = [low, high], count = n }` or `log_range`. Where there is a search
    `{ choice = [...] }` may, and for numbers `{ uniform = [low, high] }` and its like.
    """
    discover_all()
    definitions = {form: _range(form) for form in RANGES}
    definitions |= {form: _distribution(form) for form in DISTRIBUTIONS}
    for kind in _kinds():
        for cls in registered(kind).values():
            if in_files(cls):
                definitions |= _component(cls)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Étude study",
        "description": "Data × model × loss × algorithm, each one or several choices.",
        "type": "object",
        "properties": {name: _section(name, Study.model_fields[name]) for name in SECTIONS},
        "required": list(KINDS),
        "additionalProperties": False,
        "definitions": definitions,
    }


def _kinds() -> list[str]:
    """The kinds of components that a study reaches, children of children included."""
    waiting = [base for name in SECTIONS for base in _bases(Study.model_fields[name])]
    kinds: dict[str, None] = {}
    while waiting:
        kind = waiting.pop(0).kind
        if kind not in kinds:
            kinds[kind] = None
            for cls in registered(kind).values():
                waiting += [base for field in cls.model_fields.values() for base in _bases(field)]
    return list(kinds)


def _bases(field: FieldInfo) -> tuple[type[Component], ...]:
    return component_bases(annotation_of(field))


def _section(name: str, field: FieldInfo) -> dict[str, Any]:
    bases = _bases(field)
    text: dict[str, Any] = {"description": TEXTS[name]}
    if not bases:
        return text | _default(field) | _value(annotation_of(field), sweeps=False)
    table = _one_of(bases)
    if name in SEVERAL:
        several = {"type": "array", "items": table, "minItems": 1}
        return text | {"anyOf": [table, several]}
    if name == "metric":
        return text | {"anyOf": [{"type": "string", "enum": list(candidates(bases))}, table]}
    return text | table


def _component(cls: type[Component]) -> dict[str, Any]:
    """The definition of a component, and one for each of its fields."""
    texts = field_texts(cls)
    title = f"{cls.kind}.{cls.name}"
    fields = {
        name: field for name, field in cls.model_fields.items() if expressible(annotation_of(field))
    }
    definitions = {
        f"{title}.{name}": {"description": texts.get(name, name)}
        | _default(field)
        | _swept(_value(annotation_of(field)), annotation_of(field), f"{title}.{name}")
        for name, field in fields.items()
    }
    docstring = (cls.__doc__ or cls.name).strip().partition("\n\n")[0]
    definitions[title] = {
        "description": " ".join(docstring.split()),
        "type": "object",
        "properties": {"name": {"const": cls.name}}
        | {name: _reference(f"{title}.{name}") for name in fields},
        "required": ["name", *(name for name, field in fields.items() if field.is_required())],
        "additionalProperties": False,
    }
    return definitions


def _swept(value: dict[str, Any], annotation: Any, title: str) -> dict[str, Any]:
    """A value, or a table that stands for several; a grid may hold such tables again."""
    return {"anyOf": [value, *_expanders(annotation, _reference(title))]}


def _expanders(annotation: Any, item: dict[str, Any]) -> list[dict[str, Any]]:
    several = [
        {
            "type": "object",
            "description": text,
            "properties": {form: {"type": "array", "items": item, "minItems": 1}},
            "required": [form],
            "additionalProperties": False,
        }
        for form, text in (
            ("grid", "Each of these in turn."),
            ("choice", "Any of these, as the search draws it."),
        )
    ]
    plain = {unwrapped(branch)[0] for branch in branches(annotation)}
    numbers = [*RANGES, *DISTRIBUTIONS] if plain & {int, float} else []
    return several + [_reference(form) for form in numbers]


def _value(annotation: Any, sweeps: bool = True) -> dict[str, Any]:
    """The schema of one value of an annotation; `sweeps` allows them inside lists."""
    if entry := entry_class(annotation):
        held = annotation_of(list(entry.model_fields.values())[1])
        item = _value(held)
        several = {"anyOf": [item, *_expanders(held, item)]}
        return {"type": "object", "additionalProperties": several}
    parts = [_branch(branch, sweeps) for branch in branches(annotation)]
    parts = [part for part in parts if part]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _branch(branch: Any, sweeps: bool) -> dict[str, Any]:
    plain, constraints = unwrapped(branch)
    if branches(plain) != (plain,):
        return _value(plain, sweeps)
    if get_origin(plain) is tuple:
        return _list(plain, constraints, sweeps)
    if get_origin(plain) is Literal:
        return {"enum": list(get_args(plain))}
    if is_component(plain):
        return _one_of((plain,))
    if plain is Path:
        return {"type": "string"}
    if not expressible(branch):
        return {}
    return dict(TypeAdapter(branch).json_schema())


def _list(plain: Any, constraints: tuple[Any, ...], sweeps: bool) -> dict[str, Any]:
    first, *others = get_args(plain)
    annotations = [first] if others == [Ellipsis] else [first, *others]
    items = [_value(item, sweeps) for item in annotations]
    if sweeps:
        items = [
            {"anyOf": [value, *_expanders(item, value)]}
            for value, item in zip(items, annotations, strict=True)
        ]
    if others == [Ellipsis]:
        bounds = {
            keyword: getattr(mark, name)
            for mark in constraints
            for keyword, name in (("minItems", "min_length"), ("maxItems", "max_length"))
            if getattr(mark, name, None) is not None
        }
        return {"type": "array", "items": items[0]} | bounds
    size = len(items)
    return {"type": "array", "items": items, "minItems": size, "maxItems": size}


def _one_of(bases: tuple[type[Component], ...]) -> dict[str, Any]:
    """A table that names one of the components of these classes."""
    names = candidates(bases)
    references = [_reference(f"{cls.kind}.{name}") for name, cls in names.items()]
    return {
        "type": "object",
        "properties": {"name": {"enum": list(names)}},
        "required": ["name"],
        "oneOf": references,
    }


def _range(form: str) -> dict[str, Any]:
    bound: dict[str, Any] = {"type": "number"}
    if form == "log_range":
        bound["exclusiveMinimum"] = 0
    spacing = "evenly spaced" if form == "linear_range" else "each a constant times the last"
    return {
        "description": f"`count` numbers from low to high, both included, {spacing}.",
        "type": "object",
        "properties": {
            form: {"type": "array", "items": [bound, bound], "minItems": 2, "maxItems": 2},
            "count": {"type": "integer", "minimum": 1},
        },
        "required": [form, "count"],
        "additionalProperties": False,
    }


def _distribution(form: str) -> dict[str, Any]:
    bound: dict[str, Any] = {"type": "integer" if form == "int_uniform" else "number"}
    if form == "log_uniform":
        bound["exclusiveMinimum"] = 0
    return {
        "description": {
            "uniform": "Any number from low to high, as the search draws it.",
            "log_uniform": "Any number from low to high, all magnitudes alike, as the search "
            "draws it.",
            "int_uniform": "Any whole number from low to high, as the search draws it.",
        }[form],
        "type": "object",
        "properties": {
            form: {"type": "array", "items": [bound, bound], "minItems": 2, "maxItems": 2}
        },
        "required": [form],
        "additionalProperties": False,
    }


def _default(field: FieldInfo) -> dict[str, Any]:
    if field.default in (None, PydanticUndefined):
        return {}
    return {"default": plain(field.default)}


def _reference(title: str) -> dict[str, Any]:
    return {"$ref": f"#/definitions/{title}"}
