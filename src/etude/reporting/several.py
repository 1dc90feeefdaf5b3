"""Choices compared over several data sets: performance profile, average ranks, signed ranks."""

from typing import TYPE_CHECKING

import numpy as np

from etude.evidence.matched import Matched, matched
from etude.evidence.result import Result
from etude.evidence.rounding import counted, printable
from etude.evidence.several import Profile, average_ranks, profile, wilcoxon
from etude.reporting.axes import Domain, Row, decades, few, rows_of, scale_of, short, spans_decades
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.markup import Html, join, name
from etude.reporting.tables import folded_table

if TYPE_CHECKING:
    import altair as alt

PROFILES = 6
"""So many choices have a line; each has its own dashes."""

TESTED = 8
"""Every pair of so many choices is tested: more pairs could not be told apart."""


def over_data_sets(result: Result, figures: Figures) -> Part:
    """How the choices that all data sets share do over all of them."""
    if len(result.comparisons) < 2:
        return LeftOut("there is a single data set")
    found = matched([result.record])
    if len(found.labels) < 2:
        return LeftOut("fewer than two choices are complete on every data set")
    ranks = average_ranks(found.scores)
    order = [int(place) for place in np.argsort(ranks.ranks, kind="stable")]
    parts: list[Html] = [quiet(str(found)), *_profile(found, order, figures)]
    body: list[list[object]] = [
        [name(found.labels[place]), f"{ranks.ranks[place]:.2f}"] for place in order
    ]
    parts.append(
        folded_table("Average rank over the data sets", ["choice", "average rank"], body, "choice")
    )
    if ranks.p is not None:
        text = f"Friedman's test of whether all are alike: χ² = {ranks.statistic:.3g}, "
        text += f"p = {ranks.p:.3g}, approximate for {counted(ranks.n, 'data set')}."
        parts.append(quiet(text))
    parts += _signed_ranks(found, order[:TESTED])
    return join(*parts)


def profile_rows(
    profiles: tuple[Profile, ...], order: list[int], labels: tuple[str, ...]
) -> list[Row]:
    """`ratio, share, line, choice`: the steps of the first choices, all to the same end."""
    chosen = [profiles[place] for place in order[:PROFILES]]
    end = 1.05 * max(ratio for one in chosen for ratio in one.ratios)
    rows: list[Row] = []
    for number, one in enumerate(chosen):
        steps = [*zip(one.ratios, one.shares, strict=True), (end, one.shares[-1])]
        rows += [
            {
                "ratio": short(ratio),
                "share": short(share),
                "line": number + 1,
                "choice": f"{number + 1}\u2002{printable(labels[one.choice])}",
            }
            for ratio, share in steps
        ]
    return rows


def profile_chart(rows: list[Row] | None, title: str, domain: Domain) -> "alt.LayerChart":
    """A step line for each choice, told apart by its dashes and its number."""
    import altair as alt

    log = spans_decades(list(domain))
    base = alt.Chart(rows_of(rows)).encode(
        x=alt.X("ratio:Q", title=title, scale=scale_of(domain, log),
                axis=decades(domain) if log else few(6)),
        y=alt.Y("share:Q", title="share of data sets", scale=scale_of((0, 1.04)),
                axis=alt.Axis(format="%", tickCount=5)),
        strokeDash=alt.StrokeDash(
            "choice:N", sort=None, scale=alt.Scale(range=_DASHES),
            legend=alt.Legend(orient="bottom", direction="vertical", title=None, labelLimit=300,
                              symbolType="stroke", symbolSize=600),
        ),
        tooltip=[
            alt.Tooltip("choice:N", title="choice"),
            alt.Tooltip("ratio:Q", title="within a factor of", format="~g"),
            alt.Tooltip("share:Q", title="share of data sets", format=".0%"),
        ],
    )  # fmt: skip
    return alt.layer(base.mark_line(style="profile", interpolate="step-after")).properties(
        width="container", height=240
    )


_DASHES = [[1, 0], [6, 3], [2, 2], [10, 3, 2, 3], [12, 4], [1, 4]]


def _profile(found: Matched, order: list[int], figures: Figures) -> list[Html]:
    costs, cost = found.errors(), "distance from the best value of the metric"
    if costs is None:
        costs, cost = found.to_target("steps"), "steps to the target"
    if not np.isfinite(costs).any():
        return [quiet("No choice reaches the target on any data set, so there is no profile.")]
    rows = profile_rows(profile(costs), order, found.labels)
    domain = (1.0, max(row["ratio"] for row in rows))
    first = rows[0]["choice"]
    note = f"Performance profile, of the {cost}: the share of the data sets on which a choice is "
    note += "within a factor of the least of any choice (Dolan and Moré 2002). Higher is better; a "
    note += f"choice that fails never gets there. The first {min(PROFILES, len(order))} by average "
    note += "rank."
    chart = figures.add(
        "profile",
        lambda: profile_chart(None, f"{cost}, as a multiple of the least", domain),
        rows,
        f"Step lines: share of data sets within a factor of the least {cost}, for "
        f"{counted(min(PROFILES, len(order)), 'choice')}; by average rank the first is {first}.",
        title="Performance profile",
        subtitle=f"Share of data sets on which the {cost} is within a factor of the least",
    )
    return [quiet(note), chart]


def _signed_ranks(found: Matched, order: list[int]) -> list[Html]:
    if found.metric is None:
        return []
    tests = wilcoxon(found.scores[order])
    if all(test.reason for test in tests):
        return [quiet(f"Pairwise signed ranks cannot decide here: {tests[0].reason}.")]
    body: list[list[object]] = [
        [
            join(name(found.labels[order[test.first]]), " against ",
                 name(found.labels[order[test.second]])),
            test.verdict,
            test.n,
            f"{test.p:.3g}",
            f"{test.p_holm:.3g}",
        ]
        for test in tests
    ]  # fmt: skip
    caption = "Wilcoxon's signed ranks of pairs over the data sets"
    headers = ["pair", "the first is", "data sets", "p", "p (Holm)"]
    return [folded_table(caption, headers, body, "pair", text=(1,))]
