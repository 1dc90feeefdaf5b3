"""The first choices split by split: they rise and fall together, so differences are paired."""

from typing import TYPE_CHECKING

import numpy as np

from etude.evidence.comparison import Comparison
from etude.evidence.ranking import ChoiceSummary
from etude.evidence.result import Result
from etude.evidence.rounding import counted, decimals_for, printable, rounded
from etude.reporting.axes import (
    Domain,
    Row,
    few,
    height_of,
    name_of,
    names,
    narrow,
    rows_of,
    scale_of,
    short,
    with_air,
)
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.markup import Html, element, join, name
from etude.reporting.tables import TOP, html_table

if TYPE_CHECKING:
    import altair as alt

LINES = 8
"""So many choices have a line."""

MOST_SPLITS = 50
"""Of more splits so many, evenly spread, are drawn."""

MOST_COLUMNS = 12
"""A table with more columns of splits cannot be read."""


def split_by_split(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """Lines of the first choices over the splits, and their differences from the first one."""
    rows = [row for row in result.summaries if row.data == comparison.data]
    ranked = [row for row in rows if row.rank is not None and row.mean is not None][:TOP]
    splits = len(comparison.splits)
    if splits < 2:
        return LeftOut("there is a single split")
    if len(ranked) < 2:
        return LeftOut("fewer than two choices have values on all splits")
    values = _values(comparison, ranked)
    chosen = np.unique(np.linspace(0, splits - 1, min(splits, MOST_SPLITS)).round().astype(int))
    metric = printable(result.record.metric)
    some = "" if len(chosen) == splits else f" {len(chosen)} of {splits} splits are drawn."
    lines = line_rows(ranked[:LINES], values, chosen)
    differences = difference_rows(ranked, values, chosen)
    domain = with_air([row["value"] for row in lines])
    apart = with_air([0.0, *(row["value"] for row in differences)])
    note = (
        f"The {metric} of the first {len(ranked[:LINES])} choices on the {comparison.judged} rows "
    )
    note += f"of each split, seeds averaged; the thick line is the first of the ranking.{some} "
    note += "All choices meet the same splits: where their lines rise and fall together, the "
    note += "splits differ more than the choices, and only differences within a split tell."
    parts: list[Html] = [quiet(note)]
    parts.append(
        figures.add(
            f"splits-{comparison.data}",
            lambda: lines_chart(None, metric, domain, splits),
            lines,
            f"Lines: {metric} of {counted(len(ranked[:LINES]), 'choice')} over "
            f"{counted(len(chosen), 'split')}, from {min(row['value'] for row in lines):g} to "
            f"{max(row['value'] for row in lines):g}.",
            title="Split by split",
            subtitle=f"{metric} of the first {len(ranked[:LINES])} choices",
        )
    )
    first = printable(ranked[0].label)
    better = "right" if comparison.greater_is_better else "left"
    parts.append(
        quiet(
            f"Difference from the first of the ranking on each split (dots) and on average "
            f"(stroke). Dots to the {better} of the line are splits on which the choice was better."
        )
    )
    parts.append(
        figures.add(
            f"differences-{comparison.data}",
            lambda: differences_chart(None, metric, apart, len(ranked) - 1),
            differences,
            f"Dots: difference in {metric} of {counted(len(ranked) - 1, 'choice')} from {first}, "
            f"one for each of {counted(len(chosen), 'split')}.",
            title=f"Differences from {first}",
            subtitle=f"{metric}, one dot for each split, a stroke for the mean",
        )
    )
    if splits <= MOST_COLUMNS:
        parts.append(_table(ranked, values, metric))
    return join(*parts)


def line_rows(ranked: list[ChoiceSummary], values: np.ndarray, splits: np.ndarray) -> list[Row]:
    """`split, value, choice, line`; the first of the ranking is line 0 and comes last."""
    return [
        {
            "split": int(split) + 1,
            "value": short(float(values[number, split])),
            "choice": printable(ranked[number].label),
            "line": number,
        }
        for number in reversed(range(len(ranked)))
        for split in splits
    ]


def difference_rows(
    ranked: list[ChoiceSummary], values: np.ndarray, splits: np.ndarray
) -> list[Row]:
    """`name, choice, split, value` of (choice − first of the ranking); split 0 is the mean."""
    rows: list[Row] = []
    for number, row in list(enumerate(ranked))[1:]:
        label = printable(row.label)
        place = {"name": name_of(number, row.rank, label), "choice": label}
        apart = values[number] - values[0]
        rows.append({**place, "split": 0, "value": short(float(apart.mean()))})
        rows += [
            {**place, "split": int(split) + 1, "value": short(float(apart[split]))}
            for split in splits
        ]
    return rows


def lines_chart(
    rows: list[Row] | None, metric: str, domain: Domain | None, splits: int
) -> "alt.LayerChart":
    """A line for each choice, the first of the ranking on top."""
    import altair as alt

    tooltip = [
        alt.Tooltip("choice:N", title="choice"),
        alt.Tooltip("split:Q", title="split"),
        alt.Tooltip("value:Q", title=metric, format="~g"),
    ]
    axis = alt.Axis(tickMinStep=1, tickCount=12, format="d")
    if splits <= MOST_COLUMNS:
        axis = alt.Axis(values=list(range(1, splits + 1)), format="d")
    base = alt.Chart(rows_of(rows)).encode(
        x=alt.X("split:Q", title="split", scale=scale_of((0.8, splits + 0.2)), axis=axis),
        y=alt.Y("value:Q", title=metric, scale=scale_of(domain), axis=few(5)),
        detail="line:N",
        tooltip=tooltip,
    )
    best, others = "datum.line == 0", "datum.line > 0"
    return alt.layer(
        base.mark_line(style="line_possible").transform_filter(others),
        base.mark_point(style="dot_open").transform_filter(others),
        base.mark_line(style="line_best").transform_filter(best),
        base.mark_point(style="dot").transform_filter(best),
    ).properties(width="container", height=220)


def differences_chart(
    rows: list[Row] | None, metric: str, domain: Domain | None, count: int
) -> "alt.LayerChart":
    """Dots for the splits and a stroke for the mean of each choice."""
    import altair as alt

    scale = scale_of(domain)
    base = alt.Chart(rows_of(rows)).encode(
        y=names(grid=True),
        x=alt.X("value:Q", title=f"difference in {metric}", scale=scale, axis=few(6)),
        tooltip=[
            alt.Tooltip("choice:N", title="choice"),
            alt.Tooltip("split:Q", title="split"),
            alt.Tooltip("value:Q", title="difference", format="~g"),
        ],
    )
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(style="zero")
    chart = alt.layer(
        zero.encode(x=alt.X("zero:Q", scale=scale)),
        base.mark_circle(style="split").transform_filter("datum.split > 0"),
        base.mark_tick(style="mean", size=12).transform_filter("datum.split == 0"),
    ).add_params(narrow())
    return chart.properties(width="container", height=height_of(count))


def _values(comparison: Comparison, ranked: list[ChoiceSummary]) -> np.ndarray:
    """`[choices, splits]` on the judged rows."""
    place = {int(choice): row for row, choice in enumerate(comparison.choices)}
    found: np.ndarray = comparison.judged_values[[place[row.choice] for row in ranked]]
    return found


def _table(ranked: list[ChoiceSummary], values: np.ndarray, metric: str) -> Html:
    decimals = decimals_for(row.stderr for row in ranked)
    headers = ["choice", *(f"split {split + 1}" for split in range(values.shape[1]))]
    body: list[list[object]] = [
        [name(row.label), *(rounded(float(value), decimals) for value in line)]
        for row, line in zip(ranked, values, strict=True)
    ]
    table = html_table(f"{metric} on each split", headers, body)
    return element("details", element("summary", "The values on each split"), table)
