"""Whether shuffled folds flatter a time series."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.etudes.base import CannotJudge, Etude, Figure, Finding, Verdict, logarithms, ratio_told
from etude.evidence.intervals import Estimate, estimate

if TYPE_CHECKING:
    from etude.evidence.result import Result

WALK, DRIFTING, STATIONARY = (
    "a walk, read by its time",
    "a drifting series, read by its last values",
    "a stationary series, read by its last values",
)
KINDS = (WALK, DRIFTING, STATIONARY)
"""The first two decide; the third is told beside them."""

WAYS = {"shuffled": "shuffled folds", "forward": "forward in time"}

SMALL = 0.95
"""Promising at least so much of the error to come counts as no flattery."""


class ShuffledFolds(Etude):
    title = "Shuffled folds on a time series"
    claim = (
        "On a series that drifts, shuffled folds promise a smaller error than the network then "
        "has on later rows, and a smaller one than validation forward in time promises."
    )
    background = """
    Shuffled cross-validation predicts rows from their neighbours on both sides. Where neighbours
    are alike, that is easier than what is asked in the end: to predict what comes after all rows.
    Validation forward in time always trains on what came before the rows that it judges.

    Every series is cut at four times. What came before is dealt twice, into shuffled folds and
    into steps forward in time, and both promise an error. The same network, trained on all that
    came before, then predicts the 30 rows that come next, which no promise has seen.
    """
    rule = """
    Per series, the promise is the mean RMSE over the folds and the four cuts, and the outcome the
    mean RMSE on the rows after the cuts. What decides is the ratio promise / outcome: its
    geometric mean and 95 % interval over the series of a kind, which are independent, for two
    kinds that drift: a random walk read by its time (32 series), and an autoregressive series
    with the coefficient 0.995 read by its last two values (100 series).

    To flatter by less than a twentieth counts as not to flatter. The two ways are compared series
    by series: the ratio of the promise forward in time to that of shuffled folds. Supported: for
    both kinds the interval of shuffled folds lies below 1, and that of the ratio of promises above
    1. Refuted: for one of them the interval of shuffled folds lies above 0.95, or that of the ratio
    below 1. Undecided otherwise: too few series can support nothing. What validation forward in
    time promises of the error that comes, and a stationary series (8 of them), are told beside
    and decide nothing.
    """
    source = (
        'Bergmeir, Hyndman & Koo 2018, "A note on the validity of cross-validation for evaluating '
        'autoregressive time series prediction", who show when shuffling does no harm.'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        pairs = {
            (way, kind): pair
            for way in WAYS
            for kind, pair in _promises_and_outcomes(
                [result for part, result in results.items() if part.startswith(way)]
            ).items()
        }
        ratios, promises = {}, {}
        for (way, kind), (promised, came) in pairs.items():
            promises[way, kind] = logarithms(promised, f"what {WAYS[way]} promise for {kind}")
            later = logarithms(came, f"the error that comes for {kind}")
            ratios[way, kind] = estimate(promises[way, kind] - later, 0.0)
        gains = {
            kind: estimate(promises["forward", kind] - promises["shuffled", kind], 0.0)
            for kind in KINDS[:2]
        }
        shuffled = " and ".join(ratio_told(ratios["shuffled", kind]) for kind in KINDS[:2])
        stationary = ratio_told(ratios["shuffled", STATIONARY])
        forward = " and ".join(ratio_told(ratios["forward", kind]) for kind in KINDS[:2])
        return Finding(
            verdict=_verdict([ratios["shuffled", kind] for kind in KINDS[:2]], [*gains.values()]),
            decides=(
                f"For {WALK}, and {DRIFTING}, shuffled folds promise {shuffled} times the error "
                "that comes; validation forward in time promises "
                f"{' and '.join(map(ratio_told, gains.values()))} times what shuffled folds do, "
                f"and {forward} times the error that comes (95 % intervals over n = "
                f"{ratios['shuffled', WALK].n} and {ratios['shuffled', DRIFTING].n} series)."
            ),
            table=_table(pairs, ratios),
            figures=(_figure(pairs),),
            notes=(
                f"For {STATIONARY}, shuffled folds promise {stationary} "
                "times the error that comes: where rows hold what is needed of the past and "
                "nothing drifts, shuffling does no harm (Bergmeir, Hyndman & Koo 2018).",
                "Validation forward in time trains on shorter windows than the network that is "
                "used in the end, which makes its promise rather too large.",
                "One network and two ways to drift. Rows that lie further ahead than 30 times, "
                "or targets that overlap, would make the difference larger.",
                "The study was changed after a look, each time with series that no earlier "
                "trial had seen. It first asked of validation forward in time only that its "
                "interval should not lie below 1, which few series make easy: supported. Then that "
                "it should lie above 0.95, which takes some 200 walks to tell: undecided. Now the "
                "two ways are compared on the same series; 56 drifting ones left it undecided, so "
                "there are 100.",
            ),
        )


def _verdict(shuffled: list[Estimate], gains: list[Estimate]) -> Verdict:
    if any(_ends(ratio)[0] > SMALL for ratio in shuffled) or any(_ends(g)[1] < 1 for g in gains):
        return "refuted"
    if all(_ends(ratio)[1] < 1 for ratio in shuffled) and all(_ends(g)[0] > 1 for g in gains):
        return "supported"
    return "undecided"


def _promises_and_outcomes(results: "list[Result]") -> dict[str, np.ndarray]:
    """Kind -> `[2, series]`, mean RMSE promised by inner splits and found on the rows after."""
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for result in results:
        documents = result.record.document["data"]
        for comparison in result.comparisons:
            means = comparison.choosing_values.mean(), comparison.judged_values.mean()
            found[_kind(documents[comparison.data])].append((float(means[0]), float(means[1])))
    few = [kind for kind, pairs in found.items() if len(pairs) < 2]
    if few:
        raise CannotJudge(f"fewer than two series of {few[0]}")
    return {kind: np.array(pairs).T for kind, pairs in found.items()}


def _kind(document: dict[str, Any]) -> str:
    if document["name"] == "random_walk":
        return WALK
    return DRIFTING if len(document["coefficients"]) == 1 else STATIONARY


def _ends(ratio: Estimate) -> tuple[float, float]:
    assert ratio.interval is not None
    return math.exp(ratio.interval[0]), math.exp(ratio.interval[1])


def _table(
    pairs: dict[tuple[str, str], np.ndarray], ratios: dict[tuple[str, str], Estimate]
) -> tuple[tuple[str, ...], ...]:
    header = ("series", "validation", "RMSE promised", "RMSE on later rows", "promised / later")
    rows = [
        (kind, WAYS[way], *(f"{mean:.2f}" for mean in pairs[way, kind].mean(axis=1)),
         ratio_told(ratios[way, kind]))
        for kind in KINDS
        for way in WAYS
    ]  # fmt: skip
    return (header, *rows)


def _figure(pairs: dict[tuple[str, str], np.ndarray]) -> Figure:
    import altair as alt

    ratios = {place: pair[0] / pair[1] for place, pair in pairs.items()}
    rows = [
        {
            "series": kind,
            "validation": WAYS[way],
            "ratio": float(ratio),
            "middle": float(np.exp(np.log(values).mean())),
        }
        for (way, kind), values in ratios.items()
        for ratio in values
    ]
    scale = alt.Scale(type="log", nice=False)
    axis = alt.Axis(values=[0.25, 0.5, 1, 2, 4], format="~g")
    title = "error promised / error on later rows"
    base = alt.Chart().encode(y=alt.Y("validation:N", title=None, sort=None))
    chart = alt.layer(
        alt.Chart().mark_rule(style="zero").encode(x=alt.datum(1, scale=scale)),
        base.mark_circle(style="split").encode(
            x=alt.X("ratio:Q", title=title, scale=scale, axis=axis)
        ),
        base.mark_tick(style="mean", size=14).encode(x=alt.X("middle:Q", scale=scale)),
        data=alt.Data(values=rows),
    ).properties(width=420, height=60)
    header = alt.Header(labelOrient="top", labelAnchor="start")
    told = "; ".join(
        f"{kind}, {WAYS[way]}: {values.min():.2f} to {values.max():.2f}"
        for (way, kind), values in ratios.items()
    )
    return Figure(
        title="Promise over outcome, a dot for each series and a stroke for their geometric mean; "
        "left of 1 the promise flattered",
        alt=f"Dots on a logarithmic axis. {told}.",
        chart=chart.facet(row=alt.Row("series:N", title=None, sort=list(KINDS), header=header)),
    )
