"""Every network: all of them as dots, and those that diverged or failed."""

from etude.evidence.comparison import Comparison
from etude.evidence.result import Result
from etude.evidence.rounding import counted, printable
from etude.reporting import plots
from etude.reporting.axes import domain_of
from etude.reporting.figures import CANVAS, Figures, LeftOut, Part, quiet
from etude.reporting.markup import Html, join, name
from etude.reporting.panels import member_rows, spread_rows
from etude.reporting.tables import folded_table


def every_network(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """Every network as a dot, its choice in the order of the ranking; quartiles of many."""
    rows = member_rows(result, comparison)
    if not rows:
        return LeftOut("no network has finished")
    metric = printable(result.record.metric)
    values = [row["value"] for row in rows]
    networks = counted(len(rows), "network")
    diverged = sum(row["status"] == "diverged" for row in rows)
    places = (0.5, max(row["place"] for row in rows) + 0.5)
    what = f"{metric} of {networks} on {comparison.judged} rows, from {min(values):g} to "
    what += f"{max(values):g}, by the rank of their choice; {diverged} diverged."
    if len(rows) > CANVAS:
        spread = spread_rows(rows)
        chart = figures.add(
            f"spread-{comparison.data}",
            lambda: plots.spread_chart(None, metric, places, domain_of(spread)),
            spread,
            f"Quartiles: {what}",
            title="Every network",
            subtitle="Medians, middle halves, lowest and highest by the rank of the choice",
        )
        each = "each choice" if len(spread) == len({row["place"] for row in rows}) else (
            f"{len(spread)} groups of neighbouring choices"
        )  # fmt: skip
        note = f"{networks}, too many to draw one by one. For {each}, from left to right in the "
        note += "order of the ranking: median (dot), middle half (band), lowest and highest (line)."
        if diverged:
            note += f" {counted(diverged, 'network')} diverged and stand at the value of the "
            note += "trivial predictor."
        return join(quiet(note), chart)
    chart = figures.add(
        f"networks-{comparison.data}",
        lambda: plots.members_chart(None, metric, places, domain_of(rows, "value", "value")),
        rows,
        f"Dots: {what}",
        title="Every network",
        subtitle="By the rank of the choice"
        + ("; a cross diverged and stands at the trivial predictor" if diverged else ""),
    )
    note = f"One dot for each of {networks}, choices from left to right in the order of the "
    note += "ranking."
    if diverged:
        note += " A red cross diverged and stands at the value of the trivial predictor."
    return join(quiet(note), chart)


def lost_networks(result: Result) -> Part:
    """Which choices diverged and when, and which failed and why."""
    record = result.record
    lost = [row for row in result.summaries if row.diverged]
    steps: dict[int, list[int]] = {}
    for member in record.members:
        if member.status == "diverged":
            steps.setdefault(member.choice, []).append(member.diverged_step)
    body: list[list[object]] = [
        [
            name(row.label),
            f"{row.diverged} of {row.members}",
            min((step for step in steps[row.choice] if step), default="–"),
        ]
        for row in lost
    ]
    parts: list[Html] = []
    if body:
        headers = ["choice", "networks", "first step"]
        caption = "Choices with networks that diverged"
        parts.append(folded_table(caption, headers, body, "choice"))
    failed: list[list[object]] = [
        [
            name(record.choices[member.choice].label),
            member.split + 1,
            member.seed + 1,
            name(member.reason or "no reason is known"),
        ]
        for member in record.members
        if member.status == "failed"
    ]
    if failed:
        headers = ["choice", "split", "seed", "reason"]
        caption = "Networks that failed"
        parts.append(folded_table(caption, headers, failed, "network", text=(3,)))
    return join(*parts) if parts else LeftOut("no network diverged and none failed")
