"""Whether normalization tolerates larger learning rates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from etude.etudes.base import WHOLE, Etude, Figure, Finding, Verdict
from etude.evidence.intervals import estimate

if TYPE_CHECKING:
    from etude.evidence.result import Result

PLAIN, JUDGED = "none", ("batch", "layer")
WORTH = 1.25
"""A ratio of rates below this is no gain in practice."""

FIRST = 2.0
"""At least so many times the rate: the first form of the claim."""

MARGIN = 0.05
"""A rate is tolerated where accuracy is at most so far below the best that plain networks reach."""

Place = tuple[int, str]
"""Hidden layers, and the normalization."""


@dataclass(frozen=True)
class Tolerance:
    """How many times the rate of a plain network a normalized one tolerates.

    Attributes:
        factor: the geometric mean over splits.
        low, high: its approximate 95 % interval.
    """

    factor: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.factor:.3g} times ({self.low:.2g} to {self.high:.2g})"


class NormalizationRates(Etude):
    title = "Normalization and learning rates"
    claim = (
        "With batch or layer normalization a network tolerates larger learning rates than without."
    )
    background = """
    A step that is too long makes the numbers of the next layer too large, whose gradients make the
    step after that longer still. Normalized layers forget the size of their inputs, and where
    weights grow their gradients shrink in proportion: the loop is broken. Ioffe and Szegedy (2015)
    trained with rates that were five and thirty times as large.

    Here networks with two and with six hidden layers of 32 units learn the digits by plain
    gradient descent with eleven rates from 0.1 to 10, without normalization, and with batch, layer
    and weight normalization.
    """
    rule = """
    At each depth a rate is tolerated on a split where the accuracy on its test rows, the mean of
    nine seeds, is at most 5 points below the mean of the best rate without normalization. What is
    compared is the largest tolerated rate of a split, read between the rates that were tried by a
    straight line (a step below the smallest where none is tolerated): the ratio to that without
    normalization, paired by split, its geometric mean over ten folds, and the corrected 95 %
    interval.

    Supported: for batch and for layer normalization the interval lies above 1 at both depths.
    Refuted: for one of them it lies below 1.25 at one depth, where there is no difference to speak
    of, and does not lie above 1. Undecided otherwise. Weight normalization is shown beside, and
    does not decide.
    """
    source = (
        'Ioffe & Szegedy 2015, "Batch normalization: accelerating deep network training by '
        'reducing internal covariate shift"; Ba, Kiros & Hinton 2016, "Layer normalization".'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        result = results[WHOLE]
        rates, accuracies = _accuracies(result)
        ratio = result.comparisons[0].test_over_train
        assert ratio is not None
        levels = {depth: level(accuracies[depth, PLAIN]) for depth, _ in accuracies}
        largest = {
            place: largest_tolerated(rates, values, levels[place[0]])
            for place, values in accuracies.items()
        }
        found = {
            (depth, kind): tolerance(values, largest[depth, PLAIN], ratio)
            for (depth, kind), values in largest.items()
            if kind != PLAIN
        }
        judged = {place: found[place] for place in found if place[1] in JUDGED}
        weakest = min(judged, key=lambda place: judged[place].low)
        first = first_verdict_of(judged)
        splits = largest[weakest].size
        return Finding(
            verdict=verdict_of(judged),
            decides=(
                f"The least gain is that of {weakest[1]} normalization with {weakest[0]} hidden "
                f"layers: it tolerates {judged[weakest]} the rate (approximate 95 % interval, "
                f"n = {splits} folds). That it is at least {FIRST:g} times the rate, the first "
                f"form of the claim, is {first}."
            ),
            table=_table(accuracies, largest, found),
            figures=(_figure(rates, accuracies, levels),),
            notes=(
                "One data set, plain gradient descent and four epochs: rules that scale their "
                "steps, such as Adam, tolerate other rates.",
                f"What was changed after a first look: the claim was at least {FIRST:g} times the "
                "rate, and networks with the root seed 0 left it undecided, for layer "
                "normalization with six hidden layers had 1.68 (1.4 to 2.1) times. So the claim "
                "was made weaker, which the same networks supported. Other networks and folds, of "
                "the root seed 1, left it undecided at 1.47 (0.92 to 2.4) with three seeds; it is "
                "judged by nine seeds now, of the root seed 2, which no trial had seen. By these "
                f"the first form is {first}: supported where every interval lies above {FIRST:g}, "
                "refuted where one lies below it.",
                "To tolerate a larger rate is not to be better: the table has the best accuracy "
                "of each.",
            ),
        )


def verdict_of(judged: Mapping[Place, Tolerance]) -> Verdict:
    """The rule, applied to the normalizations that decide."""
    if any(found.low <= 1 and found.high < WORTH for found in judged.values()):
        return "refuted"
    return "supported" if all(found.low > 1 for found in judged.values()) else "undecided"


def first_verdict_of(judged: Mapping[Place, Tolerance]) -> Verdict:
    """The rule of the first form of the claim, applied to the same."""
    if any(found.high < FIRST for found in judged.values()):
        return "refuted"
    return "supported" if all(found.low > FIRST for found in judged.values()) else "undecided"


def level(accuracies: np.ndarray) -> float:
    """What must be reached: the best mean of plain networks `[rates, splits]`, less the margin."""
    return float(accuracies.mean(axis=1).max()) - MARGIN


def largest_tolerated(rates: np.ndarray, accuracies: np.ndarray, level: float) -> np.ndarray:
    """`[splits]` log₁₀ of the largest rate with which `[rates, splits]` reach the level."""
    steps = np.log10(rates)
    found = np.full(accuracies.shape[1], 2 * steps[0] - steps[1])
    for split, curve in enumerate(accuracies.T):
        tolerated = np.flatnonzero(curve >= level)
        if tolerated.size:
            last = tolerated[-1]
            found[split] = steps[last]
            if last + 1 < len(steps):
                share = (curve[last] - level) / (curve[last] - curve[last + 1])
                found[split] += share * (steps[last + 1] - steps[last])
    return found


def tolerance(largest: np.ndarray, plain: np.ndarray, test_over_train: float) -> Tolerance:
    """The ratio of largest tolerated rates, both `[splits]` in log₁₀."""
    found = estimate(largest - plain, test_over_train)
    assert found.interval is not None
    return Tolerance(10**found.mean, 10 ** found.interval[0], 10 ** found.interval[1])


def _accuracies(result: "Result") -> tuple[np.ndarray, dict[Place, np.ndarray]]:
    """The rates, and `[rates, splits]` on test rows for each depth and normalization."""
    comparison = result.comparisons[0]
    found: dict[Place, dict[float, np.ndarray]] = {}
    for row, choice in enumerate(comparison.choices):
        document = result.record.choices[int(choice)].document
        model, rate = document["model"], document["algorithm"]["learning_rate"]
        place = len(model["widths"]), model.get("normalization", PLAIN)
        found.setdefault(place, {})[rate] = comparison.judged_values[row]
    rates = sorted(next(iter(found.values())))
    return np.array(rates), {
        place: np.stack([by_rate[rate] for rate in rates]) for place, by_rate in found.items()
    }


def _table(
    accuracies: Mapping[Place, np.ndarray],
    largest: Mapping[Place, np.ndarray],
    found: Mapping[Place, Tolerance],
) -> tuple[tuple[str, ...], ...]:
    header = ("hidden layers", "normalization", "largest rate", "beside none", "best accuracy")
    return (
        header,
        *(
            (
                str(depth),
                kind,
                f"{10 ** largest[depth, kind].mean():.2g}",
                str(found[depth, kind]) if kind != PLAIN else "–",
                f"{100 * values.mean(axis=1).max():.1f} %",
            )
            for (depth, kind), values in accuracies.items()
        ),
    )


def _figure(
    rates: np.ndarray, accuracies: Mapping[Place, np.ndarray], levels: Mapping[int, float]
) -> Figure:
    import altair as alt

    rows = [
        {
            "layers": f"{depth} hidden layers",
            "normalization": kind,
            "rate": float(rate),
            "accuracy": float(value),
            "level": levels[depth],
        }
        for (depth, kind), values in accuracies.items()
        for rate, value in zip(rates, values.mean(axis=1), strict=True)
    ]
    kinds = list(dict.fromkeys(kind for _, kind in accuracies))
    dashes = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2]]
    legend = alt.Legend(title="normalization", symbolStrokeWidth=2, symbolSize=300)
    base = alt.Chart()
    lines = base.mark_line(strokeWidth=1.75).encode(
        x=alt.X(
            "rate:Q",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(format="~g", values=[0.1, 0.3, 1, 3, 10]),
            title="learning rate",
        ),
        y=alt.Y("accuracy:Q", axis=alt.Axis(format="%"), title="accuracy on test rows"),
        color=alt.Color("normalization:N", scale=alt.Scale(domain=kinds), legend=legend),
        strokeDash=alt.StrokeDash(
            "normalization:N", scale=alt.Scale(domain=kinds, range=dashes), legend=legend
        ),
    )
    rule = base.mark_rule(style="zero", strokeDash=[2, 3]).encode(y="mean(level):Q")
    chart = (
        alt.layer(lines, rule, data=alt.Data(values=rows))
        .properties(width=270, height=200)
        .facet(facet=alt.Facet("layers:N", title=None, sort=None), columns=2)
    )
    ends = [
        f"{10 ** float(np.mean(largest_tolerated(rates, values, levels[depth]))):.2g} with {kind} "
        f"and {depth} layers"
        for (depth, kind), values in accuracies.items()
    ]
    return Figure(
        title="Accuracy by learning rate; the dotted line is what a tolerated rate has to reach",
        alt=(
            "Two panels of curves that rise and then fall as the rate grows. The largest rates "
            f"that are tolerated are on average {', '.join(ends)}."
        ),
        chart=chart,
    )
