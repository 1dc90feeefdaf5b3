"""What must hold for every component, shown with schedules that break it."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BeforeValidator, Field

from etude.algorithm.schedule import Schedule
from etude.component import Component, Traced


class Falling(Schedule, kind="schedule"):
    """From 1 down to `final`.

    Attributes:
        final: the factor at the end.
    """

    final: Annotated[Traced, Field(ge=0)] = 0.0

    def shape(self, share: Any, progress: Any) -> Any:
        return 1 + (self.final - 1) * share


def document() -> Component:
    class Forgetful(Falling):
        """Its document lacks a field."""

        def document(self) -> dict[str, Any]:
            return {name: told for name, told in super().document().items() if name != "final"}

    return Forgetful(final=0.5)


def refusals() -> Component:
    class Mending(Falling):
        """It mends what it should refuse."""

        final: Annotated[Traced, BeforeValidator(lambda given: max(given, 0.0)), Field(ge=0)] = 0.0

    return Mending()


def tree() -> Component:
    class Whole(Falling):
        """Its traced number is no float."""

        final: Annotated[Traced, AfterValidator(int), Field(ge=0)] = 0.0

    return Whole(final=1)


def value() -> Component:
    class Itself(Falling):
        """It is hashed by where it lies."""

        def __hash__(self) -> int:
            return id(self)

    return Itself()


def specification() -> Component:
    class Anonymous(Falling):
        """Its identity lacks a field."""

        def specification(self) -> dict[str, Any]:
            return {k: told for k, told in super().specification().items() if k != "final"}

    return Anonymous()


def described() -> Component:
    class Unexplained(Falling):
        """It has a field that nobody explains."""

        power: Annotated[Traced, Field(gt=0)] = 1.0

    return Unexplained()


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make for make in (document, refusals, tree, value, specification, described)
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("stopping")
