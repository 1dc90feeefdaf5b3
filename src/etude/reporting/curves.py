"""Learning curves of the best choice of each kind."""

from functools import partial

from etude.evidence.comparison import Comparison
from etude.evidence.result import Result
from etude.evidence.rounding import counted, printable
from etude.reporting import plots
from etude.reporting.axes import Domain, Row, domain_of, log_domain_of
from etude.reporting.figures import Figures, LeftOut, Part, panel_of, quiet
from etude.reporting.markup import Html, element, join
from etude.reporting.panels import CurvePanel, curve_panels

MOST_KINDS = 12
"""So many kinds have their panel."""


def learning_curves(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """Curves with bands for training and held-out rows and their gap, best choice of each kind."""
    every = curve_panels(result, comparison.data)
    if not every:
        return LeftOut("no values were measured while the networks trained")
    panels = every[:MOST_KINDS]
    metrics = list(dict.fromkeys(metric for panel in panels for metric in panel.curves))
    lines = {
        metric: [row for panel in panels for row in panel.curves.get(metric, [])]
        for metric in metrics
    }
    gaps = domain_of([row for panel in panels for row in panel.gap])
    held_out = next((panel.held_out for panel in panels if panel.held_out), "")
    note = "The best choice of each kind. " if len(every) > 1 else "The best choice. "
    if len(panels) < len(every):
        note = f"The best choice of each of the first {len(panels)} of {len(every)} kinds. "
    note += "Lines are means, bands reach from the lowest to the highest split, seeds averaged "
    note += "inside each."
    if held_out:
        note += f" Held-out rows are the {held_out} rows. The gap is held-out minus training loss."
    if carried := sum(panel.carried for panel in panels):
        note += f" {counted(carried, 'network')} stopped early; their last value is carried on."
    key = element(
        "p",
        element("span", class_="key key-train", aria_hidden="true"), "training rows (dashed)",
        element("span", class_="key key-held-out", aria_hidden="true"), "held-out rows (solid)",
        class_="legend",
    )  # fmt: skip
    figures_of = [
        _curve_figure(panel, metrics, lines, gaps, comparison, figures) for panel in panels
    ]
    return join(quiet(note), key, element("div", *figures_of, class_="panels"))


def _curve_figure(
    panel: CurvePanel,
    metrics: list[str],
    lines: dict[str, list[Row]],
    gaps: Domain | None,
    comparison: Comparison,
    figures: Figures,
) -> Html:
    charts = []
    for metric in metrics:
        rows = panel.curves.get(metric, [])
        if not rows:
            continue
        everything = lines[metric]
        log = log_domain_of(everything, "low", "high") if metric == "loss" else None
        domain = log or domain_of(everything)
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
            title=panel.label,
            subtitle=f"{label} by epoch; dashed: training rows, solid: held-out rows",
            small=True,
        )
        charts += [element("p", label, class_="axis"), chart]
    if panel.gap:
        chart = figures.add(
            f"gap-{comparison.data}",
            lambda: plots.gap_chart(None, gaps),
            panel.gap,
            f"Line: gap between held-out and training loss of {panel.label}, "
            f"{panel.gap[-1]['mean']:g} at the end.",
            title=panel.label,
            subtitle="held-out minus training loss",
            small=True,
        )
        charts += [element("p", "gap", class_="axis"), chart]
    return panel_of(panel.kind, panel.label, charts)
