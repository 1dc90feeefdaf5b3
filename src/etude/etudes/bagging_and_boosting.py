"""Whether bagging cuts variance and boosting cuts bias."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from etude.etudes.base import Etude, Figure, Finding, Verdict
from etude.evidence.bias_variance import BiasVariance, Term
from etude.evidence.intervals import Estimate, estimate

if TYPE_CHECKING:
    from etude.evidence.result import Result

STRONG, WEAK = "strong", "weak"
"""The parts: a network that fits noise, and one too small for its target."""

SINGLE, AVERAGING, BAGGING, BOOSTING = range(4)
"""The choices, in the order of both study files."""

NAMES = ("one network", "averaging", "bagging", "boosting")

WORDS = {
    STRONG: "64 units, a noisy plane",
    WEAK: "2 units, a polynomial of degree 5",
}


class BaggingAndBoosting(Etude):
    title = "Bagging and boosting"
    claim = "Bagging cuts the variance of networks, and boosting cuts their bias."
    background = """
    Had a network been trained on other rows, it would predict something else. Over many such
    draws the mean squared distance of its predictions from the truth is, exactly, the squared
    bias, how far their mean is off, plus the variance, how they scatter around it (Geman,
    Bienenstock & Doursat 1992).

    Bagging averages ten networks, each trained on a bootstrap sample of the rows: what is random
    in each should average out, and what all get wrong alike stay. Boosting adds ten networks up,
    each fitted to what those before it left over: what one of them cannot express should come
    together piece by piece.

    One study has a network that fits too much, 64 units on 70 noisy points of a plane in ten
    inputs; the other one that fits too little, 2 units on a polynomial that waves twice. Both are
    trained 60 times on 70 rows drawn anew from 700, and judged by the distance from the truth on
    300 others. Averaging, ten networks on the same rows from other initial weights, tells how
    much of what bagging does is due to the bootstrap.
    """
    rule = """
    The jackknife over the 60 replicates gives a value of bias and variance for each replicate.
    What decides are two 95 % t-intervals of the mean paired difference, ensemble minus single
    network: of the variance, for bagging and the network that fits too much; and of the squared
    bias, for boosting and the network that fits too little.

    Supported: both intervals lie below 0. Refuted: one of them lies above 0. Undecided otherwise.
    What else bagging and boosting do is told in the table, and decides nothing.
    """
    source = (
        'Breiman 1996, "Bagging predictors"; Friedman 2001, "Greedy function approximation: a '
        'gradient boosting machine"; Geman, Bienenstock & Doursat 1992, "Neural networks and the '
        'bias/variance dilemma".'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        parts = {part: results[part].bias_variance() for part in (STRONG, WEAK)}
        for part, found in parts.items():
            if len(found) != len(NAMES):
                raise ValueError(f"{part} has {len(found)} choices, {len(NAMES)} are due")
        spread = _difference(parts[STRONG][BAGGING].variance, parts[STRONG][SINGLE].variance)
        off = _difference(_bias(parts[WEAK][BOOSTING]), _bias(parts[WEAK][SINGLE]))
        return Finding(
            verdict=_verdict(spread, off),
            decides=(
                f"Bagging changed the variance of the network that fits too much, "
                f"{parts[STRONG][SINGLE].variance.value:.3f}, by {_told(spread)}; boosting changed "
                f"the squared bias of the network that fits too little, "
                f"{_bias(parts[WEAK][SINGLE]).value:.3f}, by {_told(off)} (95 % intervals over "
                f"n = {spread.n} replicates)."
            ),
            table=_table(parts),
            figures=(_figure(parts),),
            notes=(
                "The rule was first applied to 64 units on a noisy sine of one input, with 30 and "
                "then 60 replicates. Bagging changed their variance of 0.028 by −0.004 (−0.009 to "
                "0.000) there, which is undecided: such a network hardly fits noise, and has "
                "little variance to cut. With ten inputs it does.",
                "Replicates draw a tenth of one pool of rows and share some of them, so that they "
                "are nearly but not quite independent.",
                "Each network of an ensemble has the budget of the single one: an ensemble takes "
                "ten times as many steps.",
                "Averaging keeps all 70 rows for each network; what it does to the variance is "
                "due to initial weights and the order of rows alone.",
            ),
        )


def _bias(parts: BiasVariance) -> Term:
    """The squared bias; both data sets know their truth."""
    assert parts.squared_bias is not None
    return parts.squared_bias


def _difference(first: Term, second: Term) -> Estimate:
    """First minus second, paired by replicate, with a t-interval."""
    differences = np.subtract(first.of_replicates, second.of_replicates)
    return estimate(differences, test_over_train=0.0)


def _verdict(spread: Estimate, off: Estimate) -> Verdict:
    (spread_low, spread_high), (off_low, off_high) = _ends(spread), _ends(off)
    if spread_low > 0 or off_low > 0:
        return "refuted"
    return "supported" if spread_high < 0 and off_high < 0 else "undecided"


def _ends(difference: Estimate) -> tuple[float, float]:
    assert difference.interval is not None
    return difference.interval


def _told(difference: Estimate) -> str:
    low, high = _ends(difference)
    return f"{difference.mean:+.3f} ({low:+.3f} to {high:+.3f})"


def _table(parts: Mapping[str, tuple[BiasVariance, ...]]) -> tuple[tuple[str, ...], ...]:
    header = ("network", "ensemble", "squared bias", "variance", "sum")
    rows = [header]
    for part, found in parts.items():
        for name, one in zip(NAMES, found, strict=True):
            bias, error = _bias(one), one.error_to_truth
            assert error is not None
            rows.append(
                (
                    WORDS[part],
                    name,
                    f"{bias.value:.4f} ± {bias.stderr:.4f}",
                    f"{one.variance.value:.4f} ± {one.variance.stderr:.4f}",
                    f"{error:.4f}",
                )
            )
    return tuple(rows)


def _figure(parts: Mapping[str, tuple[BiasVariance, ...]]) -> Figure:
    import altair as alt

    rows = [
        {"network": WORDS[part], "ensemble": name, "part of the error": word, "value": value}
        for part, found in parts.items()
        for name, one in zip(NAMES, found, strict=True)
        for word, value in (
            ("squared bias", _bias(one).value),
            ("variance", one.variance.value),
        )
    ]
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            y=alt.Y("ensemble:N", sort=list(NAMES), title=None),
            x=alt.X("value:Q", title="squared distance from the truth"),
            color=alt.Color("part of the error:N", sort=["squared bias", "variance"]),
            order=alt.Order("part of the error:N"),
        )
        .properties(width=560, height=120)
    )
    header = alt.Header(labelAngle=0, labelAlign="left", labelAnchor="start", labelOrient="top")
    chart = bars.facet(
        row=alt.Row("network:N", title=None, sort=list(WORDS.values()), header=header)
    ).resolve_scale(x="independent")
    strong, weak = parts[STRONG], parts[WEAK]
    return Figure(
        title="Squared bias and variance of a network and of three ensembles of ten",
        alt=(
            "Stacked bars, one panel for each network. Bagging brings the variance of the large "
            f"network from {strong[SINGLE].variance.value:.3f} to "
            f"{strong[BAGGING].variance.value:.3f}; boosting brings the squared bias of the small "
            f"one from {_bias(weak[SINGLE]).value:.3f} to {_bias(weak[BOOSTING]).value:.3f}."
        ),
        chart=chart,
    )
