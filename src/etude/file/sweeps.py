"""The tables of a study file that stand for several values."""

import math
from collections.abc import Callable
from typing import Any

from etude.component import nearest
from etude.file.problems import Problem, shown
from etude.sweep import DISTRIBUTIONS, Distribution, choice, linear_range, log_range

RANGES: dict[str, Callable[[float, float, int], list[float]]] = {
    "linear_range": linear_range,
    "log_range": log_range,
}
EXPANDERS = ("grid", *RANGES)
DRAWN = (*DISTRIBUTIONS, "choice")
"""What stands for values that a search draws."""

MOST_CHOICES = 100_000
"""A study file may ask for at most this many choices."""


def is_expander(value: Any) -> bool:
    """Whether a value is a table that stands for several values."""
    return (
        isinstance(value, dict) and "name" not in value and any(key in value for key in EXPANDERS)
    )


def is_distribution(value: Any) -> bool:
    """Whether a value is a table that stands for a value which a search draws."""
    return isinstance(value, dict) and "name" not in value and any(key in value for key in DRAWN)


def distribution_of(form: str, items: list[Any], path: str) -> Distribution | Problem:
    """The distribution of a form, or what is wrong with it.

    Args:
        form: one of `DRAWN`.
        items: two bounds; of a `choice` its values.
        path: where it stands.
    """
    try:
        if form == "choice":
            return choice(items)
        if not (len(items) == 2 and all(map(_is_number, items))):
            return Problem(path, f"`{form}` must be two numbers [low, high], got {shown(items)}")
        return DISTRIBUTIONS[form](*items)
    except (ValueError, OverflowError) as error:
        return Problem(path, str(error))


def how_many(value: Any) -> int:
    """For how many values a value of a study file stands, told without making them."""
    if is_expander(value):
        if isinstance(value.get("grid"), list):
            return sum(how_many(item) for item in value["grid"])
        count = value.get("count")
        return count if isinstance(count, int) and count > 0 else 1
    if isinstance(value, dict):
        return math.prod(how_many(item) for item in value.values())
    if isinstance(value, list):
        return math.prod(how_many(item) for item in value)
    return 1


def range_values(table: dict[str, Any], path: str) -> list[float] | Problem:
    """The numbers of a `linear_range` or `log_range`, or what is wrong with it.

    Numbers of a range between whole numbers are whole where they can be.
    """
    form = next(key for key in RANGES if key in table)
    extra = [key for key in table if key not in (form, "count")]
    if extra:
        return Problem(
            f"{path}.{extra[0]}",
            f"a {form} has no field `{extra[0]}`{nearest(extra[0], [form, 'count'])}",
        )
    bounds, count = table[form], table.get("count")
    if not (isinstance(bounds, list) and len(bounds) == 2 and all(map(_is_number, bounds))):
        return Problem(path, f"`{form}` must be two numbers [low, high], got {shown(bounds)}")
    if count is None:
        return Problem(path, f"`{form}` needs a `count` of values")
    if not isinstance(count, int) or isinstance(count, bool):
        return Problem(path, f"`count` must be a whole number, got {shown(count)}")
    low, high = bounds
    try:
        values = RANGES[form](low, high, count)
    except (ValueError, OverflowError) as error:
        return Problem(path, str(error))
    if all(isinstance(bound, int) for bound in bounds):
        return [int(value) if value.is_integer() else value for value in values]
    return values


def grid_items(table: dict[str, Any], path: str) -> list[Any] | Problem:
    """The values of a `grid`, or what is wrong with it."""
    return _items(table, "grid", path)


def drawn_from(table: dict[str, Any], path: str) -> tuple[str, list[Any]] | Problem:
    """The form of a distribution and its values or bounds, or what is wrong with it."""
    form = next(key for key in DRAWN if key in table)
    rule = "a list of at least one value" if form == "choice" else "two numbers [low, high]"
    items = _items(table, form, path, rule)
    return items if isinstance(items, Problem) else (form, items)


def _items(
    table: dict[str, Any], form: str, path: str, rule: str = "a list of at least one value"
) -> list[Any] | Problem:
    extra = [key for key in table if key != form]
    if extra:
        article = "an" if form == "int_uniform" else "a"
        return Problem(f"{path}.{extra[0]}", f"{article} {form} has no field `{extra[0]}`")
    items = table[form]
    if not isinstance(items, list) or not items:
        return Problem(path, f"`{form}` must be {rule}, got {shown(items)}")
    return items


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
