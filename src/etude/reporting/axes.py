"""What the charts share: where their rows come from, scales, ticks and tooltips."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

DATASET = "rows"

Row = dict[str, Any]

Domain = tuple[float, float]

DECADES = 30.0
"""Swept values that span more than this factor are drawn on a logarithmic axis."""

CROSS = "M-.9,-.6L-.6,-.9L0,-.3L.6,-.9L.9,-.6L.3,0L.9,.6L.6,.9L0,.3L-.6,.9L-.9,.6L-.3,0Z"

NARROW = "narrow"
"""The parameter that the page sets to true before it draws where there is little room."""

# A name is "place, rank, label" with en spaces between; where there is no room for labels the
# ranks lead to the table beside the chart.
_NAME_OR_RANK = (
    f"{NARROW} ? split(datum.label, '\u2002')[1] : "
    "slice(datum.label, indexof(datum.label, '\u2002') + 1)"
)


def rows_of(rows: list[Row] | None) -> Any:
    """The rows themselves; without any, the data set that the page fills in."""
    import altair as alt

    return alt.NamedData(name=DATASET) if rows is None else alt.Data(values=rows)


def names(grid: bool = False) -> "alt.Y":
    """An axis of choices in their order, by rank alone where there is no room for names.

    Args:
        grid: whether lines lead the eye from the names to their marks.
    """
    import altair as alt

    axis = alt.Axis(labelExpr=_NAME_OR_RANK, grid=grid)
    return alt.Y("name:N", sort=None, title=None, axis=axis)


def name_of(order: int, rank: int | None, label: str) -> str:
    """A name on the axis of choices, which no two of them share."""
    return f"{order}\u2002{rank or '–'}\u2002{label}"


def narrow() -> Any:
    """The parameter on which `names` depends."""
    import altair as alt

    return alt.param(name=NARROW, value=False)


def height_of(count: int) -> int:
    """The height of a chart with a line for each of so many names."""
    return 20 * max(1, count)


def domain_of(rows: list[Row], low: str = "low", high: str = "high") -> Domain | None:
    """The common range of several panels' rows, with a little air; None if there is none."""
    return with_air([row[key] for row in rows for key in (low, high) if row[key] is not None])


def with_air(values: list[float]) -> Domain | None:
    """The range of values, with a little air; None if there is none."""
    if not values:
        return None
    air = 0.03 * (max(values) - min(values)) or 0.01 * abs(max(values)) or 0.5
    return min(values) - air, max(values) + air


def log_domain_of(rows: list[Row], low: str, high: str) -> Domain | None:
    """The range for a logarithmic axis; None where a linear one serves better."""
    values = [row[key] for row in rows for key in (low, high) if row[key] is not None]
    return (min(values) * 0.9, max(values) * 1.1) if spans_decades(values) else None


def spans_decades(values: list[float]) -> bool:
    """Whether values are better drawn on a logarithmic axis."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= DECADES


def short(value: float | None) -> float | None:
    """Six significant digits: more cannot be seen, and would make the file larger."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def scale_of(domain: Domain | None, logarithmic: bool = False, zero: bool = False) -> "alt.Scale":
    """A scale that ends where the domain ends."""
    import altair as alt

    kind = {"type": "log"} if logarithmic else {"zero": zero}
    return alt.Scale(nice=False, **kind, **({"domain": list(domain)} if domain else {}))


def few(count: int) -> "alt.Axis":
    """An axis with about so many ticks."""
    import altair as alt

    return alt.Axis(tickCount=count)


def decades(domain: Domain | None) -> "alt.Axis":
    """Ticks at powers of ten, and at three times them where there are few."""
    import altair as alt

    if domain is None:
        return alt.Axis(format="~g")
    low, high = math.floor(math.log10(domain[0])), math.ceil(math.log10(domain[1]))
    step = max(1, (high - low) // 4)
    bases = (1.0,) if high - low > 3 else (1.0, 3.0)
    ticks = [base * 10.0**power for power in range(low, high + 1, step) for base in bases]
    inside = [tick for tick in ticks if 0.999 * domain[0] <= tick <= 1.001 * domain[1]]
    return alt.Axis(values=inside, format="~g") if len(inside) > 1 else alt.Axis(format="~g")


def tooltip_of(first: tuple[str, str], metric: str, *more: tuple[str, str]) -> list[Any]:
    """The row's name, its mean with both ends, and more: pairs of a field and its title."""
    import altair as alt

    return [
        *(alt.Tooltip(field, title=title) for field, title in (first, *more)),
        alt.Tooltip("mean:Q", title=metric, format="~g"),
        alt.Tooltip("low:Q", title="from", format="~g"),
        alt.Tooltip("high:Q", title="to", format="~g"),
    ]
