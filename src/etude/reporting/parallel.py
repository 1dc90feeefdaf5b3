"""Every choice as a line through its swept fields to the metric (parallel coordinates)."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

from etude.evidence.comparison import Comparison
from etude.evidence.ranking import ChoiceSummary
from etude.evidence.result import Result
from etude.evidence.rounding import counted, printable
from etude.reporting.axes import Row, rows_of, scale_of, short, spans_decades
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.markup import element, join
from etude.reporting.panels import field_name
from etude.store.records import StudyRecord

if TYPE_CHECKING:
    import altair as alt

MOST_LINES = 200
MOST_AXES = 8
MOST_LEVELS = 12
"""An axis of names tells so many; the others stand together below them."""

ABSENT = -0.14
"""The height at which a line passes a field that its choice does not have."""

GROUPS = ("other", "possible", "best")
"""The styles of lines, in the order in which they are drawn."""


@dataclass(frozen=True)
class Scale:
    """One vertical axis: a swept field or the metric.

    Attributes:
        name: unique among the axes.
        heights: value, as `_key` calls it or as a mean -> height between 0 and 1.
        ticks: pairs of height and text.
    """

    name: str
    heights: dict[Any, float]
    ticks: list[tuple[float, str]]


def parallel(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """A line for every choice, up to 200; those that may be the best stand out."""
    ranked = [
        row
        for row in result.summaries
        if row.data == comparison.data and row.rank is not None and row.mean is not None
    ]
    fields = swept_fields(result.record, ranked)
    if len(fields) < 2:
        return LeftOut("fewer than two fields were swept")
    found = result.possible_bests[comparison.data]
    shown = _sample(ranked)
    axes = [
        scale_of_field(field, [result.record.choices[row.choice].swept.get(field) for row in shown])
        for field in fields[:MOST_AXES]
    ]
    metric = _scale_of_metric(printable(result.record.metric), shown)
    rows = _lines(result.record, shown, fields, axes, metric, set(found.choices))
    some = "" if len(shown) == len(ranked) else f" {len(shown)} of {len(ranked):,} are drawn."
    left = fields[MOST_AXES:]
    if left:
        some += f" Left out: {', '.join(map(field_name, left))}."
    note = f"One line for each of {counted(len(ranked), 'choice')}, from the values of its swept "
    note += f"fields on the left to the {metric.name} on the right, spaced by rank.{some}"
    note += " The thick line is the first of the ranking"
    if found.best is not None:
        note += "; full blue lines may be the best, dashed grey ones are worse"
    best = rows[-1]["choice"]
    chart = figures.add(
        f"parallel-{comparison.data}",
        lambda: parallel_chart(None, len(axes) + 1),
        rows,
        f"Parallel coordinates of {len(shown)} choices over "
        f"{', '.join(axis.name for axis in axes)} and {metric.name}; the best is {best}.",
        title="All choices at a glance",
        subtitle="Thick: first of the ranking; full: may be the best; dashed: worse",
    )
    size = min(len(axes) + 1, MOST_AXES)
    place = element("div", chart, class_=f"wide axes-{size}")
    region = element(
        "div", place, class_="scroll", tabindex="0", role="region", aria_label="All choices"
    )
    return join(quiet(note + "."), region)


def swept_fields(record: StudyRecord, rows: Iterable[ChoiceSummary]) -> list[str]:
    """The fields, but for the data, that take several values among these choices."""
    swept = [record.choices[row.choice].swept for row in rows]
    return [
        field
        for field in dict.fromkeys(field for one in swept for field in one)
        if field != "data"
        and not field.startswith("data.")
        and len({str(one.get(field)) for one in swept}) > 1
    ]


def scale_of_field(field: str, values: list[Any]) -> Scale:
    """Numbers by size, logarithmically over decades; names one below the other, the best first."""
    there = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in there):
        heights = _heights([float(value) for value in there])
        return Scale(
            printable(field_name(field)),
            {_key(value): heights[float(value)] for value in there},
            _ticks(heights),
        )
    texts = list(dict.fromkeys(map(_key, there)))
    step = 1 / max(1, min(len(texts), MOST_LEVELS) - 1)
    ticks = [(1 - number * step, text) for number, text in enumerate(texts[:MOST_LEVELS])]
    if len(texts) > MOST_LEVELS:
        ticks[-1] = (0.0, f"{len(texts) - MOST_LEVELS + 1} others")
    found = {text: max(0.0, 1 - number * step) for number, text in enumerate(texts)}
    return Scale(printable(field_name(field)), found, ticks)


def parallel_chart(rows: list[Row] | None, count: int) -> "alt.LayerChart":
    """Axes, lines in the order of the rows and ticks with their texts.

    Args:
        rows: `axis, height, line, group, choice, text`.
        count: how many axes there are.
    """
    import altair as alt

    x = alt.X(
        "axis:N",
        sort=None,
        title=None,
        scale=alt.Scale(padding=0.35),
        axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False, labelLimit=130,
                      labelOverlap=False, labelFontWeight="bold", labelPadding=12),
    )  # fmt: skip
    y = alt.Y("height:Q", axis=None, scale=scale_of((ABSENT - 0.04, 1.04)))
    base = alt.Chart(rows_of(rows)).encode(x=x, y=y)
    poles = base.transform_filter("datum.group == 'pole'")
    tooltip = [alt.Tooltip("choice:N", title="choice"), alt.Tooltip("text:N", title="at")]
    layers: list[alt.Chart] = [poles.mark_rule(style="axis_line").encode(y2="low:Q")]
    for group in GROUPS:
        lines = base.transform_filter(f"datum.group == '{group}'")
        layers.append(
            lines.mark_line(style=f"line_{group}").encode(detail="line:N", tooltip=tooltip)
        )
    ticks = base.transform_filter("datum.group == 'tick'")
    for style in ("halo", "words"):
        words = ticks.mark_text(style=style, align="left", dx=5, limit=110)
        layers.append(words.encode(text="text:N"))
    return alt.layer(*layers).properties(width="container", height=300)


def _lines(
    record: StudyRecord,
    shown: list[ChoiceSummary],
    fields: list[str],
    axes: list[Scale],
    metric: Scale,
    possible: set[int],
) -> list[Row]:
    """Rows of the axes, their ticks and the lines, the first of the ranking last."""
    every = (*axes, metric)
    rows = [_row(axis.name, 1.0, "pole", low=0.0) for axis in every]
    rows += [_row(axis.name, at, "tick", text) for axis in every for at, text in axis.ticks]
    lines: list[Row] = []
    for number, row in reversed(list(enumerate(shown))):
        group = "best" if number == 0 else "possible" if row.choice in possible else "other"
        label, swept = printable(row.label), record.choices[row.choice].swept
        for field, axis in zip(fields, axes, strict=False):
            value = swept.get(field)
            height = ABSENT if value is None else axis.heights[_key(value)]
            text = "–" if value is None else _key(value)
            lines.append(_row(axis.name, height, group, text, number, label))
        height = metric.heights[row.mean]
        lines.append(_row(metric.name, height, group, f"{row.mean:.4g}", number, label))
    absent = dict.fromkeys(line["axis"] for line in lines if line["height"] == ABSENT)
    return [*rows, *(_row(axis, ABSENT, "tick", "not set") for axis in absent), *lines]


def _row(
    axis: str,
    height: float,
    group: str,
    text: str = "",
    line: int = -1,
    choice: str = "",
    low: float | None = None,
) -> Row:
    return {
        "axis": axis, "height": short(height), "low": low, "group": group, "line": line,
        "choice": choice, "text": printable(text),
    }  # fmt: skip


def _sample(ranked: list[ChoiceSummary]) -> list[ChoiceSummary]:
    """All choices; of too many the first of the ranking, and the others evenly spread over it."""
    if len(ranked) <= MOST_LINES:
        return ranked
    first = ranked[: MOST_LINES // 2]
    rest = ranked[MOST_LINES // 2 :]
    count = MOST_LINES - len(first)
    return first + [rest[(place * len(rest)) // count] for place in range(count)]


def _scale_of_metric(metric: str, shown: list[ChoiceSummary]) -> Scale:
    """Spaced by rank: a few bad choices would press all good ones together."""
    means = list(dict.fromkeys(row.mean for row in shown))
    step = 1 / max(1, len(means) - 1)
    heights = {mean: 1 - number * step for number, mean in enumerate(means)}
    count = min(len(means), 6)
    told = {round(place * (len(means) - 1) / max(1, count - 1)) for place in range(count)}
    return Scale(
        f"mean {metric}",
        heights,
        [(heights[mean], f"{mean:.4g}") for n, mean in enumerate(means) if n in told],
    )


def _heights(values: list[float]) -> dict[float, float]:
    low, high = min(values), max(values)
    if low == high:
        return dict.fromkeys(values, 0.5)
    if spans_decades(values):
        return {value: log(value / low) / log(high / low) for value in values}
    return {value: (value - low) / (high - low) for value in values}


def _ticks(heights: dict[float, float]) -> list[tuple[float, str]]:
    """The values themselves where there is room between them, from both ends inwards."""
    ordered = sorted(heights.items(), key=lambda pair: pair[1])
    shown = [ordered[0], ordered[-1]] if len(ordered) > 1 else ordered
    for value, height in ordered:
        if all(abs(height - other) >= 0.12 for _, other in shown):
            shown.append((value, height))
    return [(height, f"{value:.4g}") for value, height in shown]


def _key(value: Any) -> str:
    """What a value is called on its axis."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return printable(str(value))
    return f"{value:.6g}"
