"""How soon the networks of each choice reach a value that good choices reach."""

from typing import TYPE_CHECKING

from etude.evidence.comparison import Comparison
from etude.evidence.ranking import ChoiceSummary
from etude.evidence.result import Result
from etude.evidence.rounding import counted, decimals_for, printable, rounded, share_text
from etude.evidence.targets import Reached, default_target, to_target
from etude.reporting.axes import (
    Domain,
    Row,
    decades,
    few,
    height_of,
    log_domain_of,
    name_of,
    names,
    narrow,
    rows_of,
    scale_of,
    short,
    with_air,
)
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.markup import Html, join, name
from etude.reporting.panels import best_of_kinds
from etude.reporting.tables import TOP, html_table

if TYPE_CHECKING:
    import altair as alt


def time_to_target(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """Median steps and seconds to a target, for the first choices and the best of each kind."""
    target = default_target(comparison)
    if target is None:
        return LeftOut("no choice is complete, so there is no target")
    reached = {row.choice: row for row in to_target(result.record, comparison, target)}
    ranked = [
        row for row in result.summaries if row.data == comparison.data and row.choice in reached
    ]
    told = [row for row in ranked if reached[row.choice].share is not None]
    if all(row.diverged == row.members for row in told):  # of these it is known without curves
        return LeftOut(next(row.reason for row in reached.values() if row.share is None))
    best = {row.choice for row in best_of_kinds(result, comparison.data)}
    shown = [row for number, row in enumerate(told) if number < TOP or row.choice in best]
    shown = shown[: 2 * TOP]
    spread = comparison.test_over_train is not None and len(comparison.splits) > 1
    metric = printable(result.record.metric)
    decimals = decimals_for(row.stderr for row in told)
    bound = "at least" if comparison.greater_is_better else "at most"
    goal = f"{metric} of {bound} {rounded(target, decimals)} on {comparison.choosing} rows"
    error = "one standard error short of " if spread else ""
    note = f"The target is {goal}: {error}the mean of the best choice."
    note += " Steps and seconds are medians over networks; one that never gets there counts as "
    note += "infinite. Seconds are a network's share of those that trained beside it."
    parts: list[Html] = [quiet(note)]
    rows: list[Row] = [
        {
            "name": name_of(order, row.rank, printable(row.label)),
            "choice": printable(row.label),
            "steps": short(steps),
            "share": share_text(reached[row.choice].share),
        }
        for order, row in enumerate(shown)
        if (steps := reached[row.choice].steps) is not None
    ]
    if len(rows) > 1:
        log = log_domain_of(rows, "steps", "steps")
        domain = log or with_air([row["steps"] for row in rows])
        parts.append(
            figures.add(
                f"target-{comparison.data}",
                lambda: target_chart(None, domain, log is not None, len(rows)),
                rows,
                f"Dots: median steps of {counted(len(rows), 'choice')} to {goal}, from "
                f"{min(row['steps'] for row in rows):g} to {max(row['steps'] for row in rows):g}.",
                title="Steps to the target",
                subtitle=f"Median steps to {goal}",
            )
        )
    parts.append(_table(shown, reached))
    return join(*parts)


def target_chart(
    rows: list[Row] | None, domain: Domain | None, logarithmic: bool, count: int
) -> "alt.LayerChart":
    """A dot for each choice at its median number of steps."""
    import altair as alt

    base = alt.Chart(rows_of(rows)).encode(
        y=names(grid=True),
        x=alt.X(
            "steps:Q",
            title="median steps to the target",
            scale=scale_of(domain, logarithmic),
            axis=decades(domain) if logarithmic else few(6),
        ),
        tooltip=[
            alt.Tooltip("choice:N", title="choice"),
            alt.Tooltip("steps:Q", title="median steps", format="~g"),
            alt.Tooltip("share:N", title="networks that reach it"),
        ],
    )
    chart = alt.layer(base.mark_point(style="dot")).add_params(narrow())
    return chart.properties(width="container", height=height_of(count))


def _table(shown: list[ChoiceSummary], reached: dict[int, Reached]) -> Html:
    headers = ["rank", "choice", "networks that reach it", "epochs", "steps", "seconds"]
    body: list[list[object]] = []
    for row in shown:
        found = reached[row.choice]
        seconds = "–" if found.seconds is None else f"{found.seconds:.2g}"
        body.append(
            [
                row.rank,
                name(row.label),
                share_text(found.share),
                "–" if found.epochs is None else f"{found.epochs:g}",
                "–" if found.steps is None else f"{found.steps:,.0f}",
                seconds,
            ]
        )
    return html_table("Median epochs, steps and seconds to the target", headers, body, label=1)
