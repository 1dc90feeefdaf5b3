"""Whether Adam is the safest default, and whether tuned SGD ties it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from etude.etudes.base import Etude, Figure, Finding, Verdict
from etude.evidence.intervals import corrected_standard_error, t_quantile
from etude.evidence.paired import holm

if TYPE_CHECKING:
    from etude.evidence.comparison import Comparison
    from etude.evidence.result import Result

ADAM, SGD = "adam", "sgd"
MARGIN = 0.05
"""So much of the way from the trivial predictor to the best one is a tie; named before looking."""

LEVEL = 0.05


@dataclass(frozen=True)
class Errors:
    """The errors on the test rows of one data set, all `[splits]`.

    Attributes:
        data: its name.
        trivial: of the most frequent class, or the training mean.
        default, tuned: rule -> with its default rate, and with that of the validation rows.
        at_ends: rule -> on how many splits its tuned rate is the least or the greatest there is.
        test_over_train: rows that judge for each row that trained.
    """

    data: str
    trivial: np.ndarray
    default: dict[str, np.ndarray]
    tuned: dict[str, np.ndarray]
    at_ends: dict[str, int]
    test_over_train: float

    def lost(self, errors: np.ndarray) -> np.ndarray:
        """The share of the way from the trivial predictor to the best tuned rule that is lost."""
        best = min(float(values.mean()) for values in self.tuned.values())
        return (errors - best) / (float(self.trivial.mean()) - best)


@dataclass(frozen=True)
class Gap:
    """A difference of lost shares, averaged over the data sets.

    Attributes:
        mean: of the data sets' means over splits.
        stderr: from the corrected standard error of each.
        degrees: of freedom, after Welch and Satterthwaite.
    """

    mean: float
    stderr: float
    degrees: float

    @property
    def interval(self) -> tuple[float, float]:
        """The approximate 95 % interval."""
        half = t_quantile(1 - LEVEL / 2, self.degrees) * self.stderr
        return self.mean - half, self.mean + half

    @property
    def p(self) -> float:
        """Two-sided, against 0."""
        from scipy import special

        if self.stderr == 0:
            return 1.0
        return 2.0 * float(special.stdtr(self.degrees, -abs(self.mean) / self.stderr))

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        return f"{100 * self.mean:+.1f} points ({low:+.1f} to {high:+.1f})"


class AdamDefault(Etude):
    title = "Adam as the default"
    claim = (
        "With the learning rate that it comes with Adam loses less than other update rules do with "
        "theirs, and plain gradient descent ties it once the rates of both are tuned."
    )
    background = """
    Schmidt, Schneider and Hennig (2021) compared fifteen optimizers on eight problems and found no
    clear winner: trying several with their defaults is worth about as much as tuning one, and Adam
    is among the best throughout. Hence the advice to take Adam when there is no time to tune.

    Here five rules train the same small network on five data sets, 1,000 steps each, with the rate
    that the rule has by default (in Étude: 0.1 for gradient descent, 0.01 for momentum and
    Adagrad, 0.001 for RMSProp and Adam) and with the one of eleven rates, 0.0001 to 10, that does
    best on the validation rows of the split.
    """
    rule = """
    The error of a rule on the test rows of a split (1 − accuracy, or RMSE) is told as the share
    that it loses of the way from the trivial predictor to the best tuned rule: 0 % is as good as
    the best, 100 % as good as nothing. Rates are tuned on the validation rows of the same split, by
    the deciding metric and then by the loss; test rows only judge. Differences from Adam are
    paired by split, averaged over the splits of a data set and then over the five data sets; the
    standard error joins the corrected ones of the data sets.

    Supported: each of the four other defaults loses more than Adam's, with p ≤ 0.05 after Holm,
    and the 95 % interval of tuned gradient descent less tuned Adam lies within ±5 points.
    Refuted: one of the four defaults loses less than Adam's, with p ≤ 0.05 after Holm, or that
    interval lies wholly beyond 5 points. Undecided otherwise.
    """
    source = (
        'Schmidt, Schneider & Hennig 2021, "Descending through a crowded valley: benchmarking '
        'deep learning optimizers"; profiles after Dolan & Moré 2002.'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        errors = [
            _errors(result, comparison)
            for result in results.values()
            for comparison in result.comparisons
        ]
        others = [rule for rule in errors[0].default if rule != ADAM]
        defaults = {
            rule: _gap([(e.lost(e.default[rule]) - e.lost(e.default[ADAM]), e) for e in errors])
            for rule in others
        }
        tuned = _gap([(e.lost(e.tuned[SGD]) - e.lost(e.tuned[ADAM]), e) for e in errors])
        closest = min(others, key=lambda rule: defaults[rule].mean)
        splits = errors[0].trivial.size
        return Finding(
            verdict=verdict_of(defaults, tuned),
            decides=(
                f"Of the other defaults that of {closest} comes closest to Adam's: it loses "
                f"{defaults[closest]}; with tuned rates gradient descent loses {tuned} beside Adam "
                f"(approximate 95 % intervals, n = {len(errors)} data sets of {splits} splits)."
            ),
            table=_table(errors, defaults),
            figures=(_lost_figure(errors), _profile_figure(errors)),
            notes=(
                "What was changed after a first look: the nine rates ended at 1, which was the "
                "tuned rate of some rules on the easiest data, and two larger ones were added; "
                f"the verdict was refuted before. {_ends(errors)}",
                "Small networks and one budget of 1,000 steps: a rate that is too small costs less "
                "where training is longer, and one that is too large costs as much.",
                "A default is what Étude has. Those of gradient descent, momentum and Adagrad "
                "differ from library to library by factors of ten; others would be other claims.",
                "The data sets are five that were named beforehand, and the intervals are about "
                "other rows of these, not about other data sets.",
            ),
        )


def verdict_of(defaults: Mapping[str, Gap], tuned: Gap) -> Verdict:
    """The rule, applied to what the other defaults lose beside Adam's and tuned SGD beside Adam."""
    adjusted = dict(
        zip(defaults, holm(np.array([gap.p for gap in defaults.values()])), strict=True)
    )
    sure = {rule: gap.mean for rule, gap in defaults.items() if adjusted[rule] <= LEVEL}
    low, high = tuned.interval
    if any(mean < 0 for mean in sure.values()) or low > MARGIN or high < -MARGIN:
        return "refuted"
    ties = low >= -MARGIN and high <= MARGIN
    return "supported" if len(sure) == len(defaults) and ties else "undecided"


def _errors(result: "Result", comparison: "Comparison") -> Errors:
    """The errors of every rule on one data set."""
    from etude.component import component_class

    record = result.record
    places: dict[str, dict[float, int]] = {}
    for place, choice in enumerate(comparison.choices):
        algorithm = record.choices[int(choice)].document["algorithm"]
        places.setdefault(algorithm["name"], {})[algorithm["learning_rate"]] = place
    judged = _as_errors(comparison, comparison.judged_values)
    choosing = _as_errors(comparison, comparison.choosing_values)
    losses = _validation_losses(result, comparison)
    default, tuned, at_ends = {}, {}, {}
    for rule, rates in places.items():
        fields = component_class("algorithm", rule).model_fields
        default[rule] = judged[rates[fields["learning_rate"].default]]
        rows = list(rates.values())
        best = [
            min(rows, key=lambda row: (choosing[row, split], losses[row, split]))
            for split in range(judged.shape[1])
        ]
        tuned[rule] = judged[best, range(judged.shape[1])]
        at_ends[rule] = sum(row in (rates[min(rates)], rates[max(rates)]) for row in best)
    ratio = comparison.test_over_train
    assert ratio is not None
    trivial = [split.trivial["test"][record.metric] for split in comparison.splits]
    return Errors(
        data=record.document["data"][comparison.data]["name"],
        trivial=_as_errors(comparison, np.array(trivial, np.float64)),
        default=default,
        tuned=tuned,
        at_ends=at_ends,
        test_over_train=ratio,
    )


def _ends(errors: Sequence[Errors]) -> str:
    """A sentence on the tuned rates at the ends of the range that was tried."""
    counts = {(rule, e.data): n for e in errors for rule, n in e.at_ends.items() if n}
    total = sum(e.trivial.size * len(e.tuned) for e in errors)
    told = ", ".join(f"{rule} on {data} {n}" for (rule, data), n in counts.items())
    words = f"Of {total} tuned rates {sum(counts.values())} lie at an end of the range"
    return f"{words} ({told})." if told else f"{words}."


def _as_errors(comparison: "Comparison", values: np.ndarray) -> np.ndarray:
    return 1 - values if comparison.greater_is_better else values


def _validation_losses(result: "Result", comparison: "Comparison") -> np.ndarray:
    """`[choices, splits]`, infinite where a network diverged."""
    row = {int(choice): place for place, choice in enumerate(comparison.choices)}
    found = np.full(comparison.judged_values.shape, np.inf)
    for member in result.record.members:
        loss = member.values.get("validation", {}).get("loss")
        if member.choice in row and loss is not None:
            found[row[member.choice], member.split] = loss
    return found


def _gap(parts: Sequence[tuple[np.ndarray, Errors]]) -> Gap:
    """The mean over data sets of paired differences `[splits]`.

    The variance is that of a mean of independent means, its degrees of freedom those of
    Satterthwaite (1946), "An approximate distribution of estimates of variance components".
    """
    means, variances = [], []
    for differences, errors in parts:
        stderr = corrected_standard_error(differences, errors.test_over_train)
        assert stderr is not None
        means.append(float(differences.mean()))
        variances.append(stderr**2 / len(parts) ** 2)
    total = sum(variances)
    degrees = [differences.size - 1 for differences, _ in parts]
    spread = sum(v**2 / d for v, d in zip(variances, degrees, strict=True))
    return Gap(
        mean=float(np.mean(means)),
        stderr=math.sqrt(total),
        degrees=total**2 / spread if spread else float(sum(degrees)),
    )


def _table(errors: Sequence[Errors], defaults: Mapping[str, Gap]) -> tuple[tuple[str, ...], ...]:
    """Lost shares in percent, default / tuned."""
    header = ("rule", *(e.data for e in errors), "mean", "worst", "default, beside Adam's")
    rows = [header]
    for rule in errors[0].default:
        pairs = [(_lost(e, e.default[rule]), _lost(e, e.tuned[rule])) for e in errors]
        both = np.array(pairs)
        cells = [*pairs, tuple(both.mean(axis=0)), tuple(both.max(axis=0))]
        told = [f"{100 * first:.1f} / {100 * second:.1f}" for first, second in cells]
        rows.append((rule, *told, str(defaults[rule]) if rule in defaults else "–"))
    return tuple(rows)


def _lost(errors: Errors, values: np.ndarray) -> float:
    return float(errors.lost(values).mean())


def _lost_figure(errors: Sequence[Errors]) -> Figure:
    import altair as alt

    rows = [
        {"rule": rule, "data": e.data, "rate": rate, "lost": _lost(e, values[rule])}
        for e in errors
        for rate, values in (("default", e.default), ("tuned", e.tuned))
        for rule in values
    ]
    lost = [float(str(row["lost"])) for row in rows]
    ends = [min(0.0, *lost) - 0.01, 1.1 * max(lost)]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("rule:N", sort=None, title=None),
        x=alt.X(
            "lost:Q",
            scale=alt.Scale(type="symlog", constant=0.1, domain=ends, nice=False),
            axis=alt.Axis(format="%", values=[0, 0.05, 0.1, 0.2, 0.5, 1]),
            title="lost of the way from the trivial predictor to the best tuned rule",
        ),
    )
    shapes = alt.Scale(domain=["default", "tuned"], range=["circle", "diamond"])
    colors = alt.Scale(domain=["default", "tuned"], range=["#a85400", "#1f6fb8"])
    legend = alt.Legend(title="learning rate", symbolStrokeWidth=0)
    points = base.mark_point(filled=True, size=60, opacity=0.8).encode(
        shape=alt.Shape("rate:N", scale=shapes, legend=legend),
        color=alt.Color("rate:N", scale=colors, legend=legend),
    )
    chart = points.properties(width=560, height=150)
    worst = rows[lost.index(max(lost))]
    return Figure(
        title="What each rule loses on each of five data sets, mean over splits",
        alt=(
            "Five circles for the default rate of every rule and five diamonds for the tuned one. "
            f"Farthest from the best is {worst['rule']} with its {worst['rate']} rate on "
            f"{worst['data']}, which loses {100 * max(lost):.0f} %."
        ),
        chart=chart,
    )


def _profile_figure(errors: Sequence[Errors]) -> Figure:
    import altair as alt

    from etude.evidence.several import profile

    arms = [(rule, rate) for rate in ("default", "tuned") for rule in errors[0].default]
    costs = np.array(
        [[float(getattr(e, rate)[rule].mean()) for e in errors] for rule, rate in arms]
    )
    profiles = dict(zip(arms, profile(costs), strict=True))
    end = max(ratio for found in profiles.values() for ratio in found.ratios) * 1.1
    rows = [
        {"rule": rule, "rate": f"{rate} rate", "ratio": ratio, "share": share}
        for (rule, rate), found in profiles.items()
        for ratio, share in [
            *zip(found.ratios, found.shares, strict=True),
            (end, found.shares[-1]),
        ]
    ]
    dashes = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 1]]
    rules = list(errors[0].default)
    legend = alt.Legend(title="rule", symbolStrokeWidth=2, symbolSize=300)
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(interpolate="step-after", strokeWidth=1.75)
        .encode(
            x=alt.X(
                "ratio:Q",
                scale=alt.Scale(type="log", domain=[1, end], nice=False),
                axis=alt.Axis(format="~g"),
                title="error, times the least of all",
            ),
            y=alt.Y("share:Q", axis=alt.Axis(format="%"), title="data sets within it"),
            color=alt.Color("rule:N", scale=alt.Scale(domain=rules), legend=legend),
            strokeDash=alt.StrokeDash(
                "rule:N", scale=alt.Scale(domain=rules, range=dashes), legend=legend
            ),
            facet=alt.Facet("rate:N", columns=2, title=None),
        )
        .properties(width=260, height=180)
    )
    near = [f"{100 * profiles[rule, 'default'].at(1.5):.0f} % for {rule}" for rule in rules]
    return Figure(
        title="Performance profiles: the share of data sets on which an error is near the least",
        alt=(
            "Two panels of rising steps, for default and tuned rates. With default rates the error "
            f"is at most 1.5 times the least on these shares of the data sets: {', '.join(near)}."
        ),
        chart=chart,
    )
