"""The ranking: dots and intervals of the first choices, and the table of all."""

from etude.evidence.comparison import Comparison
from etude.evidence.out_of_bag import point_632
from etude.evidence.possible_bests import PossibleBests
from etude.evidence.ranking import ChoiceSummary, sizes_differ
from etude.evidence.ranking_table import size_cells
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
from etude.reporting.axes import domain_of
from etude.reporting.figures import Figures
from etude.reporting.markup import Html, element, join, name
from etude.reporting.panels import all_diverged, best_of_kinds, ranking_rows
from etude.reporting.tables import MOST, TOP, html_table


def ranking(result: Result, comparison: Comparison, figures: Figures) -> Html:
    """The best of each kind, dots and intervals of the first 20, and the table of all."""
    metric = printable(result.record.metric)
    rows = [row for row in result.summaries if row.data == comparison.data]
    found = result.possible_bests[comparison.data]
    drawn = ranking_rows(rows[:TOP], found.worse)
    of_kinds = best_of_kinds(result, comparison.data)
    first = [row for row in rows[:TOP] if row.mean is not None]
    parts: list[Html] = []
    if drawn:
        if found.worse:
            parts.append(_key())
        parts.append(
            figures.add(
                f"ranking-{comparison.data}",
                lambda: plots.ranking_chart(None, metric, len(drawn), domain_of(drawn)),
                drawn,
                f"Dots and intervals: mean {metric} of the first {len(drawn)} choices. "
                f"From {_spoken(first[0])} to {_spoken(first[-1])}.",
                title="Ranking",
                subtitle=f"Mean {metric} with approximate 95 % intervals; hollow: worse"
                if found.worse
                else f"Mean {metric} with approximate 95 % intervals",
            )
        )
    if 1 < len(of_kinds) < len(rows):
        parts.append(_table(result, comparison, of_kinds, "The best choice of each kind"))
    if len(rows) <= TOP:
        parts.append(_table(result, comparison, rows, "All choices"))
    else:
        parts.append(_table(result, comparison, rows[:TOP], f"The first {TOP} choices"))
        listed = rows[TOP : TOP + MOST]
        rest = _table(result, comparison, listed, "The other choices")
        text = f"The other {counted(len(rows) - TOP, 'choice')}"
        if len(listed) < len(rows) - TOP:
            text = f"The next {len(listed):,} of the other {len(rows) - TOP:,} choices"
        parts.append(element("details", element("summary", text), rest))
    return join(*parts)


def _key() -> Html:
    return element(
        "p",
        element("span", class_="dot", aria_hidden="true"), "may be the best",
        element("span", class_="dot dot-open", aria_hidden="true"), "worse than the best",
        class_="legend",
    )  # fmt: skip


def _table(result: Result, comparison: Comparison, rows: list[ChoiceSummary], caption: str) -> Html:
    inside = comparison.choosing != comparison.judged
    everything = [row for row in result.summaries if row.data == comparison.data]
    decimals = decimals_for(row.stderr for row in everything)
    spread = any(row.stderr is not None for row in everything)
    found = result.possible_bests[comparison.data]
    headers = ["rank", "choice"]
    bests = found.best is not None and not all_diverged(result, comparison.data)
    headers += ["may be best"] if bests else []
    choosing = "on inner splits" if comparison.nested else f"on {comparison.choosing} rows"
    headers += [choosing] if inside else []
    headers += [result.record.metric]
    headers += ["standard error", "95 % interval", "p best"] if spread else []
    corrected = point_632(result.record, comparison)
    headers += [".632 estimate"] if corrected else []
    uneven = len({row.n for row in everything}) > 1
    headers += ["splits"] if uneven else []
    diverged = any(row.diverged for row in rows)
    headers += ["diverged"] if diverged else []
    sizes = sizes_differ(everything)
    headers += ["parameters", "seconds a network"] if sizes else []
    body = []
    for row in rows:
        note = element("small", row.note) if row.note else ""
        cells: list[object] = ["–" if row.rank is None else row.rank, join(name(row.label), note)]
        cells += [_may_be_best(row, found)] if bests else []
        cells += [rounded(row.choosing_mean, decimals)] if inside else []
        cells += [rounded(row.mean, decimals)]
        if spread:
            cells += [
                rounded(row.stderr, decimals),
                interval_text(row.interval, decimals),
                share_text(row.p_best),
            ]
        cells += [rounded(corrected.get(row.choice), decimals)] if corrected else []
        cells += [row.n] if uneven else []
        cells += [f"{row.diverged} of {row.members}" if row.diverged else ""] if diverged else []
        cells += [text or "–" for text in size_cells(row)] if sizes else []
        body.append(cells)
    return html_table(caption, headers, body, label=1)


def _may_be_best(row: ChoiceSummary, found: PossibleBests) -> Html | str:
    if row.choice in found.choices:
        return join(element("span", class_="dot", aria_hidden="true"), "yes")
    if row.choice in found.worse:
        return join(element("span", class_="dot dot-open", aria_hidden="true"), "no")
    return "–"


def _spoken(row: ChoiceSummary) -> str:
    return f"{printable(row.label)} at {row.mean:.4g}"
