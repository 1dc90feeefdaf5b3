"""What a component of any kind must do."""

import json
from typing import Any

import annotated_types as bounds
import jax
from pydantic import ValidationError

from etude.component import Component, Incidental, registered
from etude.file.annotation import annotation_of, branches, in_files, unwrapped
from etude.file.describe import describe
from etude.file.problems import explain
from etude.testing.beside import Beside, demand


def document(component: Component, beside: Beside) -> None:
    """It is what its document says, also after JSON, and study files can name it."""
    told = _json(component, component.document(), "document")
    demand(told.get("name") == component.name, f"the document of {component} lacks its name")
    if not in_files(type(component)):
        demand(
            {"label", "version"} <= told.keys(),
            f"{component} holds Python code, which no document can: what stands for it are "
            "the fields `label` and `version`, and its document lacks them",
        )
        return
    demand(
        registered(component.kind).get(component.name) is type(component),
        f"no study file can name {component.name}, for it is not registered: derive it from "
        f"the class of its kind without giving a `kind` of its own",
    )
    again = type(component).from_document(told)
    demand(
        again == component,
        f"{component} comes back from its document as {again}",
    )


def refusals(component: Component, beside: Beside) -> None:
    """Values beyond declared bounds are refused with field, rule and value; so are other fields."""
    cls, values = type(component), dict(component)
    for name, field in cls.model_fields.items():
        # A field of several forms, such as a number or "full", tells all its rules at once.
        (branch, *alternatives) = branches(annotation_of(field))
        for mark in () if alternatives else unwrapped(branch)[1]:
            value = _beyond(mark)
            if value is None:
                continue
            try:
                cls(**(values | {name: value}))
            except ValidationError as error:
                message = explain(error, cls)[0].message
                demand(
                    f"`{name}` must be" in message and message.endswith(f"got {value}"),
                    f"{cls.name} must refuse {value} for `{name}` and say so, with rule and "
                    f"value; it says: {message}",
                )
            else:
                demand(False, f"{cls.name} takes {value} for `{name}`, against its own rule")
    unknown = "no_such_field"
    try:
        cls(**(values | {unknown: 1}))
    except ValidationError:
        return
    demand(False, f"{cls.name} takes a field that it does not have: a mistyped name goes unseen")


def tree(component: Component, beside: Beside) -> None:
    """It is a tree of its traced numbers, and the rest of it is structure."""
    leaves, structure = jax.tree.flatten(component)
    paths = [
        jax.tree_util.keystr(path).lstrip(".") for path, _ in jax.tree.leaves_with_path(component)
    ]
    for path, leaf in zip(paths, leaves, strict=True):
        demand(
            isinstance(leaf, float),
            f"`{path}` of {component} is traced and must hold a float, got "
            f"{type(leaf).__name__} {leaf!r}",
        )
    demand(
        jax.tree.unflatten(structure, leaves) == component,
        f"{component} does not come back from its leaves",
    )
    changed = jax.tree.map(lambda leaf: 0.9 * leaf + 0.01, component)
    demand(
        jax.tree.structure(changed) == structure and hash(jax.tree.structure(changed)) is not None,
        f"{component} has another structure with other traced numbers: it would take a program "
        "for each",
    )
    # Inside a program traced fields are tracers, which nothing in its making may look at.
    jax.eval_shape(lambda traced: traced, component)


def value(component: Component, beside: Beside) -> None:
    """It is an immutable value: equal and hashed by what it holds."""
    again = type(component)(**dict(component))
    demand(again == component, f"{component} does not equal another one of the same fields")
    demand(
        hash(again) == hash(component),
        f"{component} and another one of the same fields are equal and differ in their hash",
    )
    for name in type(component).model_fields:
        try:
            setattr(component, name, getattr(component, name))
        except (ValidationError, AttributeError):
            continue
        demand(False, f"`{name}` of {component} can be changed, and a component is a value")


def specification(component: Component, beside: Beside) -> None:
    """Its specification decides the identity of results: stable, with revision and all fields."""
    told = _json(component, component.specification(), "specification")
    again = type(component)(**dict(component)).specification()
    demand(
        json.loads(json.dumps(again)) == told,
        f"the specification of {component} differs from one time to the next",
    )
    demand(
        told.get("name") == component.name and told.get("revision") == component.revision,
        f"the specification of {component} lacks its name or its revision",
    )
    for name, field in type(component).model_fields.items():
        other = _other(getattr(component, name))
        if other is None or any(isinstance(mark, Incidental) for mark in field.metadata):
            continue
        demand(
            component.changed(**{name: other}).specification() != component.specification(),
            f"{component} has the same specification with {other!r} for `{name}`: results of "
            "one would be taken for those of the other",
        )


def described(component: Component, beside: Beside) -> None:
    """Its docstring says what it is and what each field means."""
    told = describe(type(component))
    demand(told.summary, f"{type(component).__name__} has no docstring")
    for field in told.fields:
        demand(
            field.text,
            f"`{field.name}` of {type(component).__name__} is not explained under `Attributes:` "
            "in its docstring",
        )


CHECKS = (document, refusals, tree, value, specification, described)


def _json(component: Component, told: dict[str, Any], what: str) -> dict[str, Any]:
    try:
        return dict(json.loads(json.dumps(told, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise AssertionError(
            f"the {what} of {component} must be of plain JSON values: {error}"
        ) from None


def _beyond(mark: Any) -> int | None:
    """The nearest whole number that a bound refuses."""
    match mark:
        case bounds.Gt(gt=bound) | bounds.Lt(lt=bound):
            return _whole(bound)
        case bounds.Ge(ge=bound):
            return _whole(bound) - 1
        case bounds.Le(le=bound):
            return _whole(bound) + 1
    return None


def _whole(bound: Any) -> int:
    return int(bound)


def _other(held: Any) -> Any:
    """Another value like the one a field holds; None where none is known to be like it."""
    match held:
        case bool():
            return not held
        case int():
            return held + 1
        case float():
            return 0.5 * held + 0.125
        case str():
            return f"{held}x"
    return None
