"""The deciding metric against each swept number."""

from dataclasses import dataclass
from functools import partial

from etude.evidence.comparison import Comparison
from etude.evidence.result import Result
from etude.evidence.rounding import printable
from etude.reporting import plots
from etude.reporting.axes import Domain, Row, domain_of, spans_decades
from etude.reporting.figures import Figures, LeftOut, Part, panel_of, quiet
from etude.reporting.markup import Html, element, join
from etude.reporting.panels import SensitivityPanel, field_name, sensitivity_panels

MOST_PANELS = 12
"""So many kinds of choices are drawn for each swept number."""

SQUEEZED = 0.15
"""A panel that would fill less of the common scale than this share has a scale of its own."""


@dataclass(frozen=True)
class _Scale:
    """The vertical scale of some panels.

    Attributes:
        domain: from the lowest to the highest end of an interval.
        own: whether it is the scale of one panel alone.
    """

    domain: Domain | None
    own: bool


def sensitivity(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """The metric against every swept number, a panel for every kind of choice."""
    fields = sensitivity_panels(result, comparison.data)
    if not fields:
        return LeftOut("no number was swept")
    best = next(row.mean for row in result.summaries if row.data == comparison.data)
    metric = printable(result.record.metric)
    every = [row for panels in fields.values() for panel in panels for row in panel.rows]
    shared = _domain(every)
    parts: list[Html] = []
    notes: dict[str, None] = {}
    for number, (field, panels) in enumerate(fields.items()):
        shown = []
        for position, panel in enumerate(panels[:MOST_PANELS]):
            scale = _scale(panel.rows, shared)
            key = f"sensitivity-{comparison.data}-{number}" + (f"-{position}" if scale.own else "")
            if _beyond(panel.rows, scale.domain):
                notes["What lies far below or above its panel is drawn at the edge."] = None
            shown.append(_figure(panel, key, panels, metric, scale, best, figures))
        parts += [element("h3", field_name(field)), element("div", *shown, class_="panels")]
        others = sorted({field_name(other) for panel in panels for other in panel.others})
        told = []
        if others:
            told.append(
                f"Each point is the best over the other swept fields ({', '.join(others)})."
            )
        if any(panel.thinned for panel in panels):
            told.append("Where there are many values, each point is the best choice of a range.")
        if len(panels) > MOST_PANELS:
            told.append(f"The first {MOST_PANELS} of {len(panels)} kinds are drawn.")
        parts += [quiet(" ".join(told))] if told else []
    note = f"Mean {metric} with its approximate 95 % interval; one scale for all panels, but for "
    note += "those that say they have their own. The dotted line is the best choice"
    if any(row["diverged"] for row in every):
        note += "; a red cross marks choices with diverged networks"
    return join(quiet(" ".join([note + ".", *notes])), *parts)


def _domain(rows: list[Row]) -> Domain | None:
    """From the rows without diverged networks, whose values say nothing about the others."""
    return domain_of([row for row in rows if not row["diverged"]] or rows)


def _scale(rows: list[Row], shared: Domain | None) -> _Scale:
    own = _domain(rows)
    if shared is None or own is None:
        return _Scale(shared, False)
    squeezed = own[1] - own[0] < SQUEEZED * (shared[1] - shared[0])
    return _Scale(own, True) if squeezed else _Scale(shared, False)


def _beyond(rows: list[Row], domain: Domain | None) -> bool:
    return domain is not None and any(
        row["mean"] < domain[0] or row["mean"] > domain[1] for row in rows
    )


def _figure(
    panel: SensitivityPanel,
    key: str,
    panels: list[SensitivityPanel],
    metric: str,
    scale: _Scale,
    best: float | None,
    figures: Figures,
) -> Html:
    values = [row["x"] for other in panels for row in other.rows]
    log = spans_decades(values)
    air = 0.02 * (max(values) - min(values))
    domain = (min(values), max(values)) if log else (min(values) - air, max(values) + air)
    if best is not None and scale.domain and not scale.domain[0] <= best <= scale.domain[1]:
        best = None
    ordered = sorted(panel.rows, key=lambda row: row["mean"])
    chart = figures.add(
        key,
        partial(plots.sensitivity_chart, None, metric, log, domain, scale.domain, best),
        panel.rows,
        f"Line: {metric} of {panel.kind} for {len(ordered)} values of {field_name(panel.field)} "
        f"from {panel.rows[0]['x']:g} to {panel.rows[-1]['x']:g}. Lowest mean "
        f"{ordered[0]['mean']:g} at {ordered[0]['x']:g}, highest {ordered[-1]['mean']:g} at "
        f"{ordered[-1]['x']:g}.",
        title=panel.kind,
        subtitle=f"{metric} by {printable(field_name(panel.field))}",
        small=True,
    )
    return panel_of(panel.kind, "own scale" if scale.own else "", [chart])
