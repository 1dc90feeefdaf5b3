"""What a search tried, and what left it when."""

from typing import TYPE_CHECKING

import numpy as np

from etude.evidence.comparison import Comparison
from etude.evidence.result import Result
from etude.evidence.rounding import decimals_for, printable, rounded
from etude.evidence.searched import Searched, searched, sign_of
from etude.reporting.axes import Domain, Row, few, rows_of, scale_of, short, with_air
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.markup import Html, join, name
from etude.reporting.nested_search import the_searches
from etude.reporting.panels import ROLES
from etude.reporting.tables import TOP, html_table
from etude.store.records import StudyRecord

if TYPE_CHECKING:
    import altair as alt

MOST_CURVES = 400
"""More curves than these, the first ones, are not drawn."""


def the_search(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """Every trial by its value: over epochs where choices left, else in the order of trials."""
    record, search = result.record, searched(result.record)
    if result.nested_search is not None:
        return the_searches(result, result.nested_search)
    if search is None:
        return LeftOut("the study has no search that has ended")
    metric, rows_of_role = printable(record.metric), f"{comparison.choosing} rows"
    parts: list[Html] = [quiet(" ".join(search.sentences()))]
    if search.left:
        rows = left_rows(record, comparison, search)
        drawn = {row["choice"] for row in rows}
        description = (
            f"Lines: the mean {metric} on {rows_of_role} of {len(drawn)} choices by epoch, each up "
            "to where it left; solid for those that were trained to the end."
        )
        subtitle = f"Mean {metric} on {rows_of_role} by epoch, up to where each choice left"
    else:
        rows = trial_rows(record, search)
        description = (
            f"Dots: the mean {metric} on {rows_of_role} of {len(rows)} trials in their order; a "
            "line follows the best so far."
        )
        subtitle = f"Mean {metric} on {rows_of_role} of every trial, in order"
    if len(rows) > 1:
        domain = with_air([row["value"] for row in rows])
        chart = left_chart if search.left else trials_chart
        parts.append(
            figures.add(
                f"search-{comparison.data}",
                lambda: chart(None, metric, domain),
                rows,
                description,
                title="The search",
                subtitle=subtitle,
            )
        )
    parts.append(_table(result, search))
    return join(*parts)


def left_rows(record: StudyRecord, comparison: Comparison, search: Searched) -> list[Row]:
    """`choice, name, epoch, value, ended` of the mean curves over the members of each choice."""
    role, metric = ROLES.index(comparison.choosing), record.metrics.index(record.metric)
    curves: dict[int, list[np.ndarray]] = {}
    for member in record.members:
        if len(member.curves):
            curves.setdefault(member.choice, []).append(member.curves[:, role, metric])
    rows = []
    tried = dict.fromkeys(trial for one in search.rounds for trial in one.trials)
    for choice in [choice for choice in tried if choice in curves][:MOST_CURVES]:
        length = min(map(len, curves[choice]))
        means = np.mean([curve[:length] for curve in curves[choice]], axis=0)
        rows += [
            {
                "choice": str(choice),
                "name": printable(record.choices[choice].label),
                "epoch": epoch,
                "value": short(value),
                "ended": choice not in search.left,
            }
            for epoch, value in enumerate(means.tolist(), 1)
            if np.isfinite(value)
        ]
    return rows


def trial_rows(record: StudyRecord, search: Searched) -> list[Row]:
    """`trial, name, value, best` of every trial that has a value, in their order."""
    rows: list[Row] = []
    best, sign = -np.inf, sign_of(record)
    told = [pair for one in search.rounds for pair in zip(one.trials, one.values, strict=True)]
    for trial, (choice, value) in enumerate(told, 1):
        if value is not None:
            best = max(best, value)
            label = printable(record.choices[choice].label)
            values = {"value": short(sign * value), "best": short(sign * best)}
            rows.append({"trial": trial, "name": label} | values)
    return rows


def left_chart(
    rows: list[Row] | None, metric: str, domain: Domain | None = None
) -> "alt.LayerChart":
    """A line for each choice, up to the epoch at which it left; a dot where it stopped."""
    import altair as alt

    y = alt.Y("value:Q", title=metric, scale=scale_of(domain), axis=few(5))
    x = alt.X("epoch:Q", title="epoch", scale=alt.Scale(nice=False, zero=False), axis=few(6))
    base = alt.Chart(rows_of(rows)).encode(
        x=x,
        y=y,
        detail="choice:N",
        tooltip=[
            alt.Tooltip("name:N", title="choice"),
            alt.Tooltip("epoch:Q", title="epoch"),
            alt.Tooltip("value:Q", title=metric, format="~g"),
        ],
    )
    left = base.transform_filter("!datum.ended")
    last = left.transform_joinaggregate(last="max(epoch)", groupby=["choice"])
    return alt.layer(
        left.mark_line(style="line_other"),
        last.transform_filter("datum.epoch == datum.last").mark_point(style="dot_open"),
        base.transform_filter("datum.ended").mark_line(style="line_best"),
    ).properties(width="container", height=220)


def trials_chart(
    rows: list[Row] | None, metric: str, domain: Domain | None = None
) -> "alt.LayerChart":
    """A dot for each trial in their order, and the best so far."""
    import altair as alt

    base = alt.Chart(rows_of(rows)).encode(
        x=alt.X("trial:Q", title="trial", scale=alt.Scale(nice=False, zero=False), axis=few(8)),
        tooltip=[
            alt.Tooltip("name:N", title="choice"),
            alt.Tooltip("trial:Q", title="trial"),
            alt.Tooltip("value:Q", title=metric, format="~g"),
            alt.Tooltip("best:Q", title="best so far", format="~g"),
        ],
    )
    scale = scale_of(domain)
    best = base.mark_line(style="held_out", interpolate="step-after").encode(
        y=alt.Y("best:Q", title=metric, scale=scale, axis=few(5))
    )
    dots = base.mark_point(style="dot").encode(y=alt.Y("value:Q", scale=scale))
    return alt.layer(best, dots).properties(width="container", height=220)


def _table(result: Result, search: Searched) -> Html:
    """The last rounds, the first trials of each."""
    record, sign = result.record, sign_of(result.record)
    decimals = decimals_for(row.stderr for row in result.summaries)
    body: list[list[object]] = []
    for number, one in enumerate(search.rounds, 1):
        told = [(value, trial) for trial, value in zip(one.trials, one.values, strict=True)]
        best = max((pair for pair in told if pair[0] is not None), default=None)
        goes_on = set(search.rounds[number].trials) if number < len(search.rounds) else set()
        body.append(
            [
                number,
                len(one.trials),
                "to the end" if not one.epochs else f"to epoch {one.epochs}",
                "–" if best is None or best[0] is None else rounded(sign * best[0], decimals),
                "–" if best is None else name(record.choices[best[1]].label),
                len(goes_on & set(one.trials)) if one.epochs else "–",
            ]
        )
    headers = ["round", "choices", "trained", f"best {printable(record.metric)}", "of", "go on"]
    shown = body if len(body) <= 2 * TOP else body[: 2 * TOP]
    return html_table("What was trained and judged together", headers, shown, label=4)
