"""Random studies of registered components."""

from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types as rules
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from pydantic import ValidationError

from etude.algorithm.optax_rule import RULES
from etude.component import Component, registered
from etude.file.annotation import annotation_of, expressible, in_files, unwrapped
from etude.study import Study

SPECIAL = {
    ("optax", "rule"): st.sampled_from(sorted(RULES)),
    ("optax", "arguments"): st.fixed_dictionaries({}, optional={"b1": st.floats(0.1, 0.9)}),
}
"""Fields whose validators random values would hardly ever pass."""


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Anything that an annotation allows and a study file can say."""
    plain, constraints = unwrapped(annotation)
    if get_origin(plain) in (Union, UnionType):
        parts = [part for part in get_args(plain) if part is type(None) or expressible(part)]
        return st.one_of(*map(values, parts))
    if get_origin(plain) is Literal:
        return st.sampled_from(get_args(plain))
    if get_origin(plain) is tuple:
        return _tuples(get_args(plain), constraints)
    if plain in (int, float):
        return _numbers(plain, constraints)
    if plain is str:
        shortest = max(
            [mark.min_length for mark in constraints if isinstance(mark, rules.MinLen)] + [0]
        )
        return st.text(min_size=shortest, max_size=8)
    if plain is Path:
        return st.text(max_size=8).map(Path)
    if isinstance(plain, type) and issubclass(plain, Component):
        return components(plain)
    return {bool: st.booleans(), type(None): st.none()}[plain]


def _tuples(parts: tuple[Any, ...], constraints: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if parts[-1] is not Ellipsis:
        return st.tuples(*map(values, parts))
    shortest = max(
        [mark.min_length for mark in constraints if isinstance(mark, rules.MinLen)] + [0]
    )
    return st.lists(values(parts[0]), min_size=shortest, max_size=3).map(tuple)


def _numbers(plain: type, constraints: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    low, high, open_low, open_high = None, None, False, False
    for mark in constraints:
        match mark:
            case rules.Gt(gt=bound) | rules.Ge(ge=bound):
                low, open_low = bound, isinstance(mark, rules.Gt)
            case rules.Lt(lt=bound) | rules.Le(le=bound):
                high, open_high = bound, isinstance(mark, rules.Lt)
    if plain is int:
        return st.integers(low, 10**6 if high is None else high)
    if high is None and low is not None and open_low:
        low, open_low = 1e-9, False
    return st.floats(
        low,
        high,
        exclude_min=open_low,
        exclude_max=open_high,
        allow_nan=False,
        allow_infinity=False,
    )


@st.composite
def components(draw: Any, base: type[Component]) -> Component:
    """A component of a class that a file may name, some of its fields drawn."""
    known = [c for c in registered(base.kind).values() if issubclass(c, base) and in_files(c)]
    cls = draw(st.sampled_from(known))
    fields = {}
    for name, field in cls.model_fields.items():
        if expressible(annotation_of(field)) and (field.is_required() or draw(st.booleans())):
            known_values = SPECIAL.get((cls.name, name))
            fields[name] = draw(
                values(annotation_of(field)) if known_values is None else known_values
            )
    try:
        made = cls(**fields)
    except ValidationError:
        assume(False)
    # A file leaves fields out for None, which says None only where that is the default.
    assume(
        all(getattr(made, n) is not None or f.default is None for n, f in cls.model_fields.items())
    )
    return made


@st.composite
def several(draw: Any, base: type[Component]) -> tuple[Component, ...]:
    """Different components of a kind: drawn ones, and neighbours that differ in a field."""
    found = draw(st.lists(components(base), min_size=1, max_size=3))
    for original in list(found):
        for name in draw(
            st.lists(st.sampled_from(sorted(type(original).model_fields) or [""]), max_size=2)
        ):
            found += [
                original.changed(**{name: value})
                for other in found[-3:]
                if type(other) is type(original) and (value := getattr(other, name)) is not None
            ]
    rebuilt = []
    for part in found:
        try:
            rebuilt.append(type(part)(**{n: getattr(part, n) for n in type(part).model_fields}))
        except ValidationError:
            continue
    return tuple(dict.fromkeys(rebuilt))


@st.composite
def studies(draw: Any) -> Study:
    """A study of random registered components."""
    from etude.algorithm.base import Algorithm
    from etude.data.base import Data
    from etude.loss.base import Loss
    from etude.metric.base import Metric
    from etude.model.base import Model
    from etude.validation.base import Validation

    return Study(
        name=draw(st.text(min_size=1, max_size=20)),
        data=draw(several(Data)),
        model=draw(several(Model)),
        loss=draw(several(Loss)),
        algorithm=draw(several(Algorithm)),
        labels=tuple(draw(st.lists(st.text(max_size=5), max_size=3, unique=True))),
        validation=draw(components(Validation)),
        metric=draw(st.none() | components(Metric)),
        seeds=draw(st.integers(1, 100)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@pytest.fixture(scope="session")
def random_studies() -> st.SearchStrategy[Study]:
    return studies()
