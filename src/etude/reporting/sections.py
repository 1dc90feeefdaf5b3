"""The parts of a report that show evidence: ranking, curves, sensitivity, networks, divergence."""

from functools import partial

from etude.evidence.comparison import Comparison
from etude.evidence.ranking import ChoiceSummary
from etude.evidence.result import Result
from etude.evidence.rounding import (
    counted,
    decimals_for,
    interval_text,
    printable,
    rounded,
    share_text,
)
from etude.reporting import plots
from etude.reporting.figures import Figures
from etude.reporting.markup import Html, element, join, name
from etude.reporting.panels import (
    CurvePanel,
    Row,
    SensitivityPanel,
    best_of_kinds,
    curve_panels,
    member_rows,
    ranking_rows,
    sensitivity_panels,
    spans_decades,
)
from etude.reporting.tables import html_table

TOP = 20
"""So many choices are drawn and listed at first sight."""


def ranking(result: Result, comparison: Comparison, figures: Figures) -> Html:
    """The best of each kind, dots and intervals of the first 20, and the table of all."""
    metric = printable(result.record.metric)
    rows = [row for row in result.summaries if row.data == comparison.data]
    drawn = ranking_rows(rows[:TOP])
    of_kinds = best_of_kinds(result, comparison.data)
    first = [row for row in rows[:TOP] if row.mean is not None]
    parts: list[Html] = []
    if drawn:
        parts.append(
            figures.add(
                f"ranking-{comparison.data}",
                lambda: plots.ranking_chart(None, metric, len(drawn)),
                drawn,
                f"Dots and intervals: mean {metric} of the first {len(drawn)} choices. "
                f"From {_spoken(first[0])} to {_spoken(first[-1])}.",
            )
        )
    if 1 < len(of_kinds) < len(rows):
        parts.append(_ranking_table(result, comparison, of_kinds, "The best choice of each kind"))
    if len(rows) <= TOP:
        parts.append(_ranking_table(result, comparison, rows, "All choices"))
    else:
        parts.append(_ranking_table(result, comparison, rows[:TOP], f"The first {TOP} choices"))
        rest = _ranking_table(result, comparison, rows[TOP:], "The other choices")
        more = element("summary", f"The other {counted(len(rows) - TOP, 'choice')}")
        parts.append(element("details", more, rest))
    return join(*parts)


def _ranking_table(
    result: Result, comparison: Comparison, rows: list[ChoiceSummary], caption: str
) -> Html:
    inside = comparison.choosing != comparison.judged
    everything = [row for row in result.summaries if row.data == comparison.data]
    decimals = decimals_for(row.stderr for row in everything)
    spread = any(row.stderr is not None for row in everything)
    headers = ["rank", "choice"]
    headers += [f"on {comparison.choosing} rows"] if inside else []
    headers += [result.record.metric]
    headers += ["standard error", "95 % interval", "p best"] if spread else []
    uneven = len({row.n for row in everything}) > 1
    headers += ["splits"] if uneven else []
    diverged = any(row.diverged for row in rows)
    headers += ["diverged"] if diverged else []
    body = []
    for row in rows:
        note = element("small", row.note) if row.note else ""
        cells: list[object] = ["–" if row.rank is None else row.rank, join(name(row.label), note)]
        cells += [rounded(row.choosing_mean, decimals)] if inside else []
        cells += [rounded(row.mean, decimals)]
        if spread:
            cells += [
                rounded(row.stderr, decimals),
                interval_text(row.interval, decimals),
                share_text(row.p_best),
            ]
        cells += [row.n] if uneven else []
        cells += [f"{row.diverged} of {row.members}" if row.diverged else ""] if diverged else []
        body.append(cells)
    return html_table(caption, headers, body, label=1)


def learning_curves(result: Result, comparison: Comparison, figures: Figures) -> Html:
    """Curves with bands for training and held-out rows and their gap, best choice of each kind."""
    panels = curve_panels(result, comparison.data)
    if not panels:
        return element("p", "No learning curves were measured.", class_="quiet")
    metrics = list(dict.fromkeys(metric for panel in panels for metric in panel.curves))
    lines = {
        metric: [row for panel in panels for row in panel.curves.get(metric, [])]
        for metric in metrics
    }
    gaps = plots.domain_of([row for panel in panels for row in panel.gap])
    held_out = next((panel.held_out for panel in panels if panel.held_out), "")
    note = "The best choice of each kind. Lines are means, bands reach from the lowest to the "
    note += "highest split, seeds averaged inside each."
    if held_out:
        note += f" Held-out rows are the {held_out} rows. The gap is held-out minus training loss."
    if carried := sum(panel.carried for panel in panels):
        note += f" {counted(carried, 'network')} stopped early; their last value is carried on."
    key = element(
        "p",
        element("span", class_="key key-train"), "training rows (dashed)",
        element("span", class_="key key-held-out"), "held-out rows (solid)",
        class_="legend",
    )  # fmt: skip
    figures_of = [
        _curve_figure(panel, metrics, lines, gaps, comparison, figures) for panel in panels
    ]
    return join(
        element("p", note, class_="quiet"), key, element("div", *figures_of, class_="panels")
    )


def _curve_figure(
    panel: CurvePanel,
    metrics: list[str],
    lines: dict[str, list[Row]],
    gaps: plots.Domain | None,
    comparison: Comparison,
    figures: Figures,
) -> Html:
    charts = []
    for metric in metrics:
        rows = panel.curves.get(metric, [])
        if not rows:
            continue
        everything = lines[metric]
        log = plots.log_domain_of(everything, "low", "high") if metric == "loss" else None
        domain = log or plots.domain_of(everything)
        label = printable(metric) + (" (logarithmic)" if log else "")
        ends = [
            f"{text} {first['mean']:g} at the start and {last['mean']:g} at the end"
            for text in ("training rows", "held-out rows")
            if (line := [row for row in rows if row["rows"] == text])
            for first, last in [(line[0], line[-1])]
        ]
        chart = figures.add(
            f"curve-{comparison.data}-{metrics.index(metric)}",
            partial(plots.curve_chart, None, domain, log is not None),
            rows,
            f"Lines: {label} by epoch of {panel.label}: {'; '.join(ends)}.",
        )
        charts += [element("p", label, class_="axis"), chart]
    if panel.gap:
        chart = figures.add(
            f"gap-{comparison.data}",
            lambda: plots.gap_chart(None, gaps),
            panel.gap,
            f"Line: gap between held-out and training loss of {panel.label}, "
            f"{panel.gap[-1]['mean']:g} at the end.",
        )
        charts += [element("p", "gap", class_="axis"), chart]
    return _figure(panel.kind, panel.label, charts)


def sensitivity(result: Result, comparison: Comparison, figures: Figures) -> Html:
    """The metric against every swept number, a panel for every kind of choice."""
    fields = sensitivity_panels(result, comparison.data)
    if not fields:
        return element("p", "No number was swept.", class_="quiet")
    best = next(row.mean for row in result.summaries if row.data == comparison.data)
    metric = printable(result.record.metric)
    every = [row for panels in fields.values() for panel in panels for row in panel.rows]
    y_domain = plots.domain_of(every)
    parts: list[Html] = []
    for number, (field, panels) in enumerate(fields.items()):
        shown = [
            _sensitivity_figure(
                panel, f"{comparison.data}-{number}", panels, metric, y_domain, best, figures
            )
            for panel in panels
        ]
        parts += [element("h3", _field(field)), element("div", *shown, class_="panels")]
        others = sorted({_field(other) for panel in panels for other in panel.others})
        if others:
            note = f"Each point is the best over the other swept fields ({', '.join(others)})."
            parts.append(element("p", note, class_="quiet"))
    note = f"Mean {metric} with its approximate 95 % interval; one scale for all panels. "
    note += "The dotted line is the best choice; a red cross marks choices with diverged networks."
    return join(element("p", note, class_="quiet"), *parts)


def _sensitivity_figure(
    panel: SensitivityPanel,
    key: str,
    panels: list[SensitivityPanel],
    metric: str,
    y_domain: plots.Domain | None,
    best: float | None,
    figures: Figures,
) -> Html:
    values = [row["x"] for other in panels for row in other.rows]
    log = spans_decades(values)
    air = 0.02 * (max(values) - min(values))
    domain = (min(values), max(values)) if log else (min(values) - air, max(values) + air)
    ordered = sorted(panel.rows, key=lambda row: row["mean"])
    chart = figures.add(
        f"sensitivity-{key}",
        lambda: plots.sensitivity_chart(None, metric, log, domain, y_domain, best),
        panel.rows,
        f"Line: {metric} of {panel.kind} for {len(ordered)} values of {_field(panel.field)} from "
        f"{panel.rows[0]['x']:g} to {panel.rows[-1]['x']:g}. Lowest mean {ordered[0]['mean']:g} "
        f"at {ordered[0]['x']:g}, highest {ordered[-1]['mean']:g} at {ordered[-1]['x']:g}.",
    )
    return _figure(panel.kind, "", [chart])


def members(result: Result, comparison: Comparison, figures: Figures) -> Html:
    """Every network as a dot, its choice in the order of the ranking."""
    rows = member_rows(result, comparison)
    if not rows:
        return element("p", "No network has finished.", class_="quiet")
    values = [row["value"] for row in rows]
    metric = printable(result.record.metric)
    diverged = sum(row["status"] == "diverged" for row in rows)
    chart = figures.add(
        f"members-{comparison.data}",
        lambda: plots.members_chart(None, metric),
        rows,
        f"Dots: {metric} of {counted(len(rows), 'network')} on {comparison.judged} rows, from "
        f"{min(values):g} to {max(values):g}, by the rank of their choice; {diverged} diverged.",
    )
    note = f"One dot for each of {counted(len(rows), 'network')}, choices from left to right in "
    note += "the order of the ranking. "
    if diverged:
        note += "A red cross diverged and stands at the value of the trivial predictor."
    return join(element("p", note, class_="quiet"), chart)


def diverged(result: Result) -> Html:
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
        table = html_table(
            "Choices with networks that diverged", ["choice", "networks", "first step"], body
        )
        parts.append(_folded(table, len(body), "choice"))
    else:
        parts.append(element("p", "No network diverged.", class_="quiet"))
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
        table = html_table("Networks that failed", headers, failed, text=(3,))
        parts.append(_folded(table, len(failed), "network"))
    return join(*parts)


def _folded(table: Html, count: int, noun: str) -> Html:
    if count <= TOP:
        return table
    return element("details", element("summary", counted(count, noun)), table)


def _figure(title: str, subtitle: str, charts: list[Html]) -> Html:
    caption: list[object] = [name(title)]
    if subtitle and subtitle != title:
        caption.append(element("small", name(subtitle)))
    return element("figure", element("figcaption", *caption), *charts)


def _field(field: str) -> str:
    """A swept field for people: "algorithm.learning_rate" is the algorithm's learning_rate."""
    return field.removeprefix("algorithm.")


def _spoken(row: ChoiceSummary) -> str:
    return f"{printable(row.label)} at {row.mean:.4g}"
