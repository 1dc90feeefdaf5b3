from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from etude.algorithm.base import Algorithm
from etude.algorithm.optax_rule import Argument, Optax, UserRule
from etude.algorithm.schedule import Schedule
from etude.algorithm.stopping import Stopping
from etude.file.annotation import (
    annotation_of,
    branches,
    candidates,
    component_bases,
    entry_class,
    expressible,
    in_files,
    leaves,
    unwrapped,
)


def test_constraints_are_taken_off_and_kept():
    plain, constraints = unwrapped(Annotated[int, Field(ge=1, lt=9)])
    assert plain is int
    assert [type(mark).__name__ for mark in constraints] == ["Ge", "Lt"]
    assert unwrapped(int) == (int, ())


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, [int]),
        (int | str | None, [int, str]),
        (Annotated[int | str, Field(description="x")], [int, str]),
        (tuple[Annotated[int, Field(ge=1)], ...] | Literal["a"], [int, Literal["a"]]),
        (tuple[tuple[str, int | Path], ...], [str, int, Path]),
        (Schedule | None, [Schedule]),
    ],
)
def test_leaves(annotation, expected):
    assert list(leaves(annotation)) == expected


def test_constraints_of_a_union_hold_for_its_branches():
    first, second = branches(Annotated[int | float, Field(gt=0)])
    assert unwrapped(first)[0] is int
    assert unwrapped(second)[0] is float
    assert unwrapped(first)[1] == unwrapped(second)[1] != ()


def test_what_a_file_can_say():
    assert expressible(tuple[str, ...])
    assert expressible(Any | int)
    assert not expressible(Any)
    assert not expressible(type[int])
    assert in_files(Optax)
    assert not in_files(UserRule)


def test_components_that_a_field_may_name():
    bases = component_bases(annotation_of(Algorithm.model_fields["stopping"]))
    assert bases == (Stopping,)
    assert list(candidates(bases)) == ["early_stopping"]
    assert "user_rule" not in candidates((Algorithm,))
    assert {cls.kind for cls in candidates((Schedule, Stopping)).values()} == {
        "schedule",
        "stopping",
    }


def test_fields_of_names_and_values():
    assert entry_class(annotation_of(Optax.model_fields["arguments"])) is Argument
    assert entry_class(Schedule) is None
    assert entry_class(int) is None
