"""Whether one hidden layer approximates more as it widens."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.etudes.base import WHOLE, CannotJudge, Etude, Figure, Finding, Verdict, logarithms
from etude.evidence.intervals import corrected_t_test, estimate
from etude.evidence.paired import holm

if TYPE_CHECKING:
    from etude.evidence.comparison import Comparison
    from etude.evidence.result import Result

MIDDLE = 16
"""The width at which the narrow half of the range ends and the wide half begins."""

HALVES = {"narrow": f"1 to {MIDDLE}", "wide": f"{MIDDLE} to 256"}

LEVEL = 0.05

FUNCTIONS = {"sine": "the sine", "polynomial_regression": "the polynomial"}


@dataclass(frozen=True)
class Best:
    """A width with the learning rate that validation rows choose.

    Attributes:
        rate: the learning rate.
        inside: whether a smaller and a larger one were tried too.
        errors: `[splits]` RMSE on test rows.
    """

    rate: float
    inside: bool
    errors: np.ndarray


Widths = dict[int, Best]
"""Width -> how well it can do."""


@dataclass(frozen=True)
class Slope:
    """How the error of a function changes over a range of widths.

    Attributes:
        function: which, by the name of its data.
        half: "narrow" or "wide".
        splits: `[splits]`, of log₂ error against log₂ width.
        p: two-sided, corrected for the rows that splits share.
        p_holm: the same, adjusted for all slopes of the étude.
        test_over_train: rows that judge for each row that trained.
    """

    function: str
    half: str
    splits: np.ndarray
    p: float
    p_holm: float
    test_over_train: float

    @property
    def told(self) -> str:
        """The factor for a doubling, with its interval."""
        found = estimate(self.splits, self.test_over_train)
        assert found.interval is not None
        low, high = (2.0**end for end in found.interval)
        return f"{2.0**found.mean:.2f} ({low:.2f} to {high:.2f})"


class UniversalApproximation(Etude):
    title = "One hidden layer, wider and wider"
    claim = (
        "A trained network with one hidden layer comes the closer to a function the wider it is, "
        "from 1 unit to 256."
    )
    background = """
    One hidden layer with enough units can come as close as one likes to any continuous function on
    a bounded range: that is the universal approximation theorem. It says that good weights exist
    and not that training finds them, so whether wider is closer in practice is left to see.

    Here networks of 1 to 256 tanh units learn a sine and a polynomial of fifth degree that waves
    twice as often, 16x⁵ − 20x³ + 5x, both without noise: whatever error is left is the
    approximation's and the training's.
    """
    rule = """
    For every width the learning rate with the lowest mean error on validation rows is taken, of six
    from 0.01 to 3. The error is the RMSE on test rows, which have no noise, seeds averaged. In each
    split the slope of log₂ error against log₂ width is fitted by least squares, over the narrow
    half of the range (1 to 16 units) and over the wide half (16 to 256) apart, for two functions:
    four slopes, each tested against 0 by the corrected t-test over splits, with Holm's adjustment
    for the four.

    Supported: all four slopes are below 0 with adjusted p ≤ 0.05. Refuted: one of them is above 0
    with adjusted p ≤ 0.05. Undecided otherwise, or where the best rate of a width is the smallest
    or the largest of the six.
    """
    source = (
        'Cybenko 1989, "Approximation by superpositions of a sigmoidal function"; Hornik, '
        'Stinchcombe & White 1989, "Multilayer feedforward networks are universal approximators".'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        result = results[WHOLE]
        comparisons = _by_function(result)
        widths = {name: _widths(result, found) for name, found in comparisons.items()}
        slopes = _slopes(widths, comparisons)
        edges = [
            f"{FUNCTIONS[name]} with {width}"
            for name, by_width in widths.items()
            for width, best in by_width.items()
            if not best.inside
        ]
        # The slope that is least in favour of the claim decides.
        worst = max(slopes, key=lambda slope: float(slope.splits.mean()))
        told = {
            half: " and ".join(slope.told for slope in slopes if slope.half == half)
            for half in HALVES
        }
        return Finding(
            verdict="undecided" if edges else _verdict(slopes),
            decides=(
                "By the fitted slopes a doubling of the width multiplies the error by "
                f"{told['narrow']} from {HALVES['narrow']} units, and by {told['wide']} from "
                f"{HALVES['wide']} (of the sine and of the polynomial; approximate 95 % intervals, "
                f"n = {worst.splits.size} splits; of the one least in favour p = "
                f"{worst.p_holm:.2g}"
                f"{'; best rates at the edge: ' + ', '.join(edges) if edges else ''})."
            ),
            table=_table(widths, slopes),
            figures=(_figure(widths),),
            notes=(
                "A slope is the trend over half of the range: the error need not fall or rise at "
                "every doubling.",
                "The theorem is about the best weights and this is about those that Adam finds in "
                "1,000 epochs: where wide networks stop gaining, training may be what limits them.",
                "Two smooth functions of one number, 192 points to train on, learning rates in "
                "steps of three.",
                "The study was changed twice after a look. With 5 splits it was undecided (p = "
                "0.054), so they became 10. Then a review found the best rate of the polynomial "
                "from 8 units on to be 0.3, the largest of the three there were, so that wide "
                "networks may have been held back: rates from 0.01 to 3, which a trial had "
                "shown to be enough, took their place, and a best rate at the edge came to mean "
                "undecided.",
            ),
        )


def _verdict(slopes: list[Slope]) -> Verdict:
    sure = [slope for slope in slopes if slope.p_holm <= LEVEL]
    if any(slope.splits.mean() > 0 for slope in sure):
        return "refuted"
    return "supported" if len(sure) == len(slopes) else "undecided"


def _by_function(result: "Result") -> "dict[str, Comparison]":
    documents = result.record.document["data"]
    return {documents[found.data]["name"]: found for found in result.comparisons}


def _widths(result: "Result", comparison: "Comparison") -> Widths:
    """Every width with the learning rate that validation rows choose."""
    tried: dict[int, dict[float, tuple[float, np.ndarray]]] = {}
    for place, choice in enumerate(comparison.choices):
        document = result.record.choices[int(choice)].document
        (width,) = document["model"]["widths"]
        chosen = float(comparison.choosing_values[place].mean())
        if math.isnan(chosen):
            raise CannotJudge(f"a network with {width} units is missing")
        rate = document["algorithm"]["learning_rate"]
        tried.setdefault(width, {})[rate] = chosen, comparison.judged_values[place]
    found = {}
    for width, rates in sorted(tried.items()):
        rate = min(rates, key=lambda rate: rates[rate][0])
        found[width] = Best(rate, min(rates) < rate < max(rates), rates[rate][1])
    return found


def _slopes(widths: dict[str, Widths], comparisons: "dict[str, Comparison]") -> list[Slope]:
    ends = {"narrow": (0, MIDDLE), "wide": (MIDDLE, math.inf)}
    found: list[tuple[str, str, np.ndarray, float, float]] = []
    for name, by_width in widths.items():
        ratio = comparisons[name].test_over_train
        assert ratio is not None
        for half, (low, high) in ends.items():
            inside = [width for width in by_width if low <= width <= high]
            errors = [by_width[width].errors for width in inside]
            values = logarithms(errors, f"the error of {FUNCTIONS[name]}")
            splits = np.polyfit(np.log(inside), values, 1)[0]
            found.append((name, half, splits, corrected_t_test(splits, ratio)[1], ratio))
    adjusted = holm(np.array([p for *_, p, _ in found]))
    return [
        Slope(name, half, splits, p, float(p_holm), ratio)
        for (name, half, splits, p, ratio), p_holm in zip(found, adjusted, strict=True)
    ]


def _table(widths: dict[str, Widths], slopes: list[Slope]) -> tuple[tuple[str, ...], ...]:
    header = ["units"]
    for name in widths:
        header += [f"error of {FUNCTIONS[name]}", "at η"]
    rows = []
    for width in sorted(set().union(*widths.values())):
        cells = [str(width)]
        for by_width in widths.values():
            best = by_width[width]
            cells += [f"{best.errors.mean():.2g}", f"{best.rate:g}"]
        rows.append(tuple(cells))
    for half, words in HALVES.items():
        cells = [f"fitted slope, {words}: times for a doubling"]
        for slope in slopes:
            if slope.half == half:
                cells += [slope.told, ""]
        rows.append(tuple(cells))
    return (tuple(header), *rows)


def _figure(widths: dict[str, Widths]) -> Figure:
    import altair as alt

    rows: list[dict[str, Any]] = [
        {
            "function": FUNCTIONS[name],
            "units": width,
            "error": float(best.errors.mean()),
            "low": float(best.errors.min()),
            "high": float(best.errors.max()),
        }
        for name, by_width in widths.items()
        for width, best in by_width.items()
    ]
    x = alt.X(
        "units:Q",
        title="units of the hidden layer",
        scale=alt.Scale(type="log", base=2, nice=False),
        axis=alt.Axis(values=sorted({row["units"] for row in rows}), format="d"),
    )
    y_scale = alt.Scale(type="log", nice=False)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)
    band = base.mark_area(style="held_out_band").encode(
        y=alt.Y("low:Q", title="test RMSE", scale=y_scale, axis=alt.Axis(format="~g")),
        y2="high:Q",
    )
    line = base.mark_line(style="held_out", point=True).encode(y=alt.Y("error:Q", scale=y_scale))
    chart = (band + line).properties(width=270, height=240)
    means = {
        name: [best.errors.mean() for best in by_width.values()]
        for name, by_width in widths.items()
    }
    ends = "; ".join(
        f"{FUNCTIONS[name]} goes from {found[0]:.2g} to {found[-1]:.2g}, its least {min(found):.2g}"
        for name, found in means.items()
    )
    return Figure(
        title="Error against width, on logarithmic axes; the band spans the splits",
        alt=f"A line for each of two functions over 1 to 256 units. The error of {ends}.",
        chart=chart.facet(
            column=alt.Column("function:N", title=None, sort=[FUNCTIONS[name] for name in widths])
        ),
    )
