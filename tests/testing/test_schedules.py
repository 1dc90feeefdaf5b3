"""Schedules of which each breaks one promise, and is found out."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import Field

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


def factors() -> Component:
    class Negative(Falling):
        """It turns round."""

        def shape(self, share: Any, progress: Any) -> Any:
            return 1 - 2 * share

    return Negative()


def traced() -> Component:
    class Branching(Falling):
        """It branches on a number in Python."""

        def shape(self, share: Any, progress: Any) -> Any:
            return 1.0 if share < 0.5 else 0.5

    return Branching()


def warm_up() -> Component:
    class Cold(Falling):
        """It knows no warm-up."""

        def factor(self, progress: Any) -> Any:
            return self.shape(progress.step / progress.total, progress)

    return Cold()


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make for make in (factors, traced, warm_up)
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("schedule")
