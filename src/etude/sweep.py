"""Sweeps: several components that differ in some of their fields."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from etude.component import Component

C = TypeVar("C", bound=Component)


def grid(cls: type[C], /, **fields: Any) -> tuple[C, ...]:
    """Every combination of the values given as lists; other values are fixed.

    Args:
        cls: the component class.
        fields: a list means "each of these in turn"; anything else is one value. The last
            list varies fastest.

    Returns:
        A tuple of components, so that sweeps are joined by `+`.

    Example:
        >>> from etude.algorithm import SGD
        >>> [rule.learning_rate for rule in grid(SGD, learning_rate=[0.01, 0.1])]
        [0.01, 0.1]
    """
    swept = {name: values for name, values in fields.items() if isinstance(values, list)}
    fixed = {name: value for name, value in fields.items() if name not in swept}
    for name, values in swept.items():
        if not values:
            raise ValueError(f"`{name}` must list at least one value, got []")
    return tuple(
        cls(**fixed, **dict(zip(swept, values, strict=True)))
        for values in itertools.product(*swept.values())
    )


def linear_range(low: float, high: float, count: int) -> list[float]:
    """`count` evenly spaced numbers from `low` to `high`, both included.

    Numbers between them are rounded to six significant digits, or to as many more as keep them
    apart, so that they read the same everywhere.

    Example:
        >>> linear_range(0, 1, 5)
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    _check_range(low, high, count)
    shares = (i / (count - 1) for i in range(1, count - 1))
    return _between(low, high, count, [low * (1 - share) + high * share for share in shares])


def log_range(low: float, high: float, count: int) -> list[float]:
    """`count` numbers from `low` to `high`, both included, each a constant times the last.

    Numbers between them are rounded as in `linear_range`.

    Example:
        >>> log_range(1e-3, 1e-1, 3)
        [0.001, 0.01, 0.1]
    """
    _check_range(low, high, count)
    if low <= 0:
        raise ValueError(f"`low` must be greater than 0 on a logarithmic range, got {low}")
    shares = (i / (count - 1) for i in range(1, count - 1))
    bottom, top = math.log(low), math.log(high)
    inner = [math.exp(bottom * (1 - share) + top * share) for share in shares]
    return _between(low, high, count, inner)


def _between(low: float, high: float, count: int, inner: list[float]) -> list[float]:
    """A range of which the inner numbers are rounded, its ends as they were given."""
    if count == 1:
        return [float(low)]
    for digits in range(6, 18):
        values = [float(low), *(_rounded(value, digits) for value in inner), float(high)]
        if all(one < other for one, other in itertools.pairwise(values)):
            return values
    raise ValueError(f"there are no {count} different numbers from {low} to {high}")


def _check_range(low: float, high: float, count: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int):
        raise ValueError(f"`count` must be a whole number, got {count!r}")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"a range must be between finite numbers, got {low} and {high}")
    if count < 1:
        raise ValueError(f"`count` must be at least 1, got {count}")
    if low > high or (low == high and count > 1):
        raise ValueError(f"`low` must be less than `high`, got {low} and {high}")


def _rounded(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}g}")


@dataclass(frozen=True)
class Distribution:
    """Values to draw from: `uniform`, `log_uniform`, `int_uniform` or `choice`."""

    form: str
    low: float = 0.0
    high: float = 0.0
    values: tuple[Any, ...] = ()

    def draw(self, generator: random.Random) -> Any:
        """One value."""
        match self.form:
            case "uniform":
                return self.within(generator.uniform(self.low, self.high))
            case "log_uniform":
                return self.within(
                    math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
                )
            case "int_uniform":
                return generator.randint(int(self.low), int(self.high))
            case _:
                return generator.choice(self.values)

    def within(self, value: float) -> float:
        """A number of six significant digits, which reads the same everywhere, in the bounds."""
        return min(max(_rounded(value), float(self.low)), float(self.high))

    @property
    def middle(self) -> Any:
        """What stands for the distribution where one value is needed."""
        match self.form:
            case "uniform":
                return self.within((self.low + self.high) / 2)
            case "log_uniform":
                return self.within(math.exp((math.log(self.low) + math.log(self.high)) / 2))
            case "int_uniform":
                return (int(self.low) + int(self.high)) // 2
            case _:
                return self.values[0]

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values between which all others lie; of a `choice` all of them."""
        match self.form:
            case "choice":
                return self.values
            case "int_uniform":
                return int(self.low), int(self.high)
            case _:
                return float(self.low), float(self.high)

    @property
    def written(self) -> tuple[Any, ...]:
        """What a study file writes after its name: the bounds as they were given, or the values."""
        return self.values if self.form == "choice" else (self.low, self.high)

    @property
    def is_finite(self) -> bool:
        """Whether its values can be counted."""
        return self.form in ("choice", "int_uniform")

    @property
    def count(self) -> int:
        """How many values it has, where they can be counted."""
        return len(self.values) if self.form == "choice" else int(self.high - self.low) + 1

    def document(self) -> dict[str, Any]:
        """The distribution as plain JSON values: `{"log_uniform": [0.0001, 0.1]}`."""
        return {self.form: [_plain(value) for value in self.written]}


def uniform(low: float, high: float) -> Distribution:
    """Any number between `low` and `high` with equal density."""
    _check_range(low, high, 2)
    return Distribution("uniform", float(low), float(high))


def log_uniform(low: float, high: float) -> Distribution:
    """Any number between `low` and `high`, its logarithm with equal density."""
    _check_range(low, high, 2)
    if low <= 0:
        raise ValueError(f"`low` must be greater than 0 for log_uniform, got {low}")
    return Distribution("log_uniform", float(low), float(high))


def int_uniform(low: int, high: int) -> Distribution:
    """Any whole number from `low` to `high`, both included, equally likely."""
    _check_range(low, high, 2)
    if low != int(low) or high != int(high):
        raise ValueError(f"`int_uniform` is between whole numbers, got {low} and {high}")
    return Distribution("int_uniform", int(low), int(high))


def choice(values: Sequence[Any]) -> Distribution:
    """Any of the values, equally likely."""
    if not values:
        raise ValueError("`choice` must list at least one value, got none")
    if len(set(values)) < len(values):
        raise ValueError(f"`choice` must list different values, got {list(values)}")
    return Distribution("choice", values=tuple(values))


def sample(cls: type[C], count: int, /, *, seed: int = 0, **fields: Any) -> tuple[C, ...]:
    """`count` components with fields drawn at random.

    Args:
        cls: the component class.
        count: how many to draw.
        seed: the same seed draws the same components.
        fields: distributions to draw from; anything else is one fixed value.

    Example:
        >>> from etude.algorithm import SGD
        >>> drawn = sample(SGD, 2, learning_rate=log_uniform(1e-3, 1e-1), epochs=5)
        >>> all(1e-3 <= rule.learning_rate <= 1e-1 for rule in drawn)
        True
    """
    if count < 1:
        raise ValueError(f"`count` must be at least 1, got {count}")
    generator = random.Random(seed)
    return tuple(
        cls(
            **{
                name: value.draw(generator) if isinstance(value, Distribution) else value
                for name, value in fields.items()
            }
        )
        for _ in range(count)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Component):
        return value.document()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


DISTRIBUTIONS: dict[str, Callable[[Any, Any], Distribution]] = {
    "uniform": uniform,
    "log_uniform": log_uniform,
    "int_uniform": int_uniform,
}
"""The distributions between two bounds, by name; `choice` has values."""
