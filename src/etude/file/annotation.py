"""What the fields of a component may hold, as far as a study file can say it."""

import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import GroupedMetadata
from pydantic.fields import FieldInfo

from etude.component import Component, registered

SCALARS = (bool, int, float, str, Path)


def annotation_of(field: FieldInfo) -> Any:
    """The annotation of a field with its constraints."""
    if not field.metadata:
        return field.annotation
    return Annotated[(field.annotation, *field.metadata)]


def unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation without its constraints, and the constraints."""
    constraints: list[Any] = []
    while get_origin(annotation) is Annotated:
        annotation, *marks = get_args(annotation)
        constraints = [*_single_constraints(marks), *constraints]
    return annotation, tuple(constraints)


def branches(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, None left out; other annotations are their only one."""
    plain, constraints = unwrapped(annotation)
    if get_origin(plain) not in (Union, types.UnionType):
        return (annotation,)
    parts = [part for part in get_args(plain) if part is not type(None)]
    return tuple(Annotated[(part, *constraints)] if constraints else part for part in parts)


def leaves(annotation: Any) -> Iterator[Any]:
    """The scalars, literals and classes that an annotation is made of."""
    for branch in branches(annotation):
        plain, _ = unwrapped(branch)
        if get_origin(plain) is tuple:
            for item in get_args(plain):
                if item is not Ellipsis:
                    yield from leaves(item)
        elif branches(plain) != (plain,):
            yield from leaves(plain)
        else:
            yield plain


def component_bases(annotation: Any) -> tuple[type[Component], ...]:
    """The component classes of which a field holds instances."""
    return tuple(leaf for leaf in leaves(annotation) if is_component(leaf))


def is_component(leaf: Any) -> bool:
    """Whether a leaf of an annotation is a component class."""
    return isinstance(leaf, type) and issubclass(leaf, Component)


def candidates(bases: tuple[type[Component], ...]) -> dict[str, type[Component]]:
    """The components that a file may name where a field holds instances of these classes."""
    return {
        name: cls
        for base in bases
        for name, cls in registered(base.kind).items()
        if issubclass(cls, base) and in_files(cls)
    }


def entry_class(annotation: Any) -> type[Component] | None:
    """The class of a field that a study file writes as a table of names and values.

    Such a field holds a tuple of components that have no name of their own to be chosen by and
    two fields, the first of them text: `arguments = { b1 = 0.9 }`.
    """
    bases = component_bases(annotation)
    if len(bases) != 1 or inspect.isabstract(bases[0]) or registered(bases[0].kind):
        return None
    fields = list(bases[0].model_fields.values())
    is_entry = len(fields) == 2 and list(leaves(annotation_of(fields[0]))) == [str]
    return bases[0] if is_entry else None


def in_files(cls: type[Component]) -> bool:
    """Whether a study file can give all that the component needs.

    A component that holds Python code, such as a module class of the user, cannot.
    """
    return all(
        expressible(annotation_of(field))
        for field in cls.model_fields.values()
        if field.is_required()
    )


def expressible(annotation: Any) -> bool:
    """Whether a study file can say at least one kind of value of this annotation."""
    return any(_said(leaf) for leaf in leaves(annotation))


def _said(leaf: Any) -> bool:
    return leaf in SCALARS or get_origin(leaf) is Literal or is_component(leaf)


def _single_constraints(marks: list[Any]) -> Iterator[Any]:
    for mark in marks:
        if isinstance(mark, FieldInfo):
            yield from _single_constraints(mark.metadata)
        elif isinstance(mark, GroupedMetadata):
            yield from _single_constraints(list(mark))
        else:
            yield mark
