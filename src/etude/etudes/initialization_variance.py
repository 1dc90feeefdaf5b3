"""Whether the initializers of LeCun, Xavier and He keep variance through depth."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from etude.etudes.base import Etude, Figure, Finding, Verdict, interval_of
from etude.etudes.spread import Spread, called, depth_of, spreads_of
from etude.evidence.intervals import Estimate, estimate

if TYPE_CHECKING:
    from etude.evidence.result import Result
    from etude.study import Study

MADE_FOR = {"tanh": ("lecun_normal", "xavier_normal"), "relu": ("he_normal",)}
"""Activation -> the initializers that are to keep its variance."""

FIXED = ("normal(0.01)", "normal(1)")
ZEROS = "zeros"
BAND = 2.0
"""Variance is kept where all layers together multiply it by one over this to this."""

FIRST_BAND = 1.25
"""The same for one layer: the first form of the rule, which was named before looking."""

LEARNED = 0.05
"""A network has learned nothing where its accuracy is at most so far above the trivial one."""


@dataclass(frozen=True)
class Evidence:
    """What the rule goes by, of both activations together.

    Attributes:
        kept: of the initializers made for an activation, the factors through the whole depth.
        fixed: of fixed standard deviations, the factor that is farther from 1.
        gains: accuracy of deep networks over that with a fixed standard deviation.
        zeros: accuracy of networks that start from zeros over the trivial one.
    """

    kept: tuple[Estimate, ...]
    fixed: tuple[Estimate, ...]
    gains: tuple[Estimate, ...]
    zeros: tuple[Estimate, ...]


class InitializationVariance(Etude):
    title = "Initial weights and variance through depth"
    claim = (
        "LeCun's and Xavier's initializers (for tanh) and He's (for ReLU) keep the variance of "
        "activations and gradients through depth, so that deep networks learn; a fixed standard "
        "deviation does not, and zeros never break the symmetry of the units."
    )
    background = """
    A layer multiplies the variance of what it is given by fan-in times the variance of its weights,
    times what the activation leaves of it. If that is not about 1, numbers vanish or explode
    exponentially with depth, and so do the gradients on their way back. LeCun (1998) chose the
    variance 1/fan-in, Glorot and Bengio (2010) 2/(fan-in + fan-out) to serve both ways, He and
    others (2015) 2/fan-in, for ReLU sets half of the numbers to 0.

    Networks of 2 and of 16 hidden layers of 32 units see the digits. Mean squares are measured by
    layer before training; then the networks are trained.
    """
    rule = """
    Mean squares are means over 200 draws of the weights and 300 rows. The factor of the depth is
    that of the last hidden layer's activations over that of the first, and that of the first
    layer's gradients over that of the last, 15 layers apart; each with its 95 % interval over the
    draws. Variance is kept where the interval lies between 1/2 and 2. Accuracy on the test rows of
    five folds is that of the best of three learning rates on validation rows, paired and corrected.

    Supported: the initializers keep both variances for the activation they were made for; fixed
    standard deviations of 0.01 and of 1 have an interval outside the band for one of the two; with
    16 layers those initializers are more accurate than either, the whole interval above 0; and from
    zeros no network is more than 5 points better than the trivial predictor, the whole interval.
    Refuted: an interval of the initializers lies outside the band, or one of the accuracies the
    other way round, or zeros learn. Undecided otherwise.
    """
    source = (
        'LeCun et al. 1998, "Efficient BackProp"; Glorot & Bengio 2010, "Understanding the '
        'difficulty of training deep feedforward neural networks"; He et al. 2015, "Delving deep '
        'into rectifiers". Theory of wide networks: Poole et al. 2016, "Exponential expressivity '
        'in deep neural networks through transient chaos"; Schoenholz et al. 2017, "Deep '
        'information propagation".'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        from etude.interface import stored_study

        spreads: dict[Place, Spread] = {}
        accuracies: Accuracies = {}
        for activation, result in results.items():
            study = stored_study(result)
            spreads |= {(activation, name): found for name, found in spreads_of(study).items()}
            accuracies |= {
                (activation, *place): found for place, found in _accuracies(result, study).items()
            }
        ratio = next(iter(results.values())).comparisons[0].test_over_train
        assert ratio is not None
        trivial = {activation: _trivial(result) for activation, result in results.items()}
        evidence = _evidence(spreads, accuracies, trivial, ratio)
        farthest = max(evidence.kept, key=lambda factor: abs(factor.mean))
        least = min(evidence.gains, key=lambda gain: gain.mean)
        zeros = max(evidence.zeros, key=lambda over: over.mean)
        he = spreads["relu", "he_normal"].activations
        steps = he.shape[1] - 1
        first = verdict_of(evidence, FIRST_BAND**steps)
        refuted = math.exp(max(max(low, -high) for low, high in map(interval_of, evidence.kept)))
        return Finding(
            verdict=verdict_of(evidence),
            decides=(
                "Of the initializers with the activation they were made for, the farthest from "
                f"keeping variance multiplies it by {_factor(farthest)} through {steps} layers, "
                f"{math.exp(farthest.mean / steps):.3g} a layer (95 % interval, n = {farthest.n} "
                f"draws; by the band of the first form, {1 / FIRST_BAND:g} to {FIRST_BAND:g} a "
                f"layer: {first}); {steps + 1} layers deep the least gain in accuracy over a fixed "
                f"standard deviation is {_points(least)} points (n = {least.n} folds); from zeros "
                f"accuracy is {_points(zeros)} points above the trivial predictor's."
            ),
            table=_table(spreads, accuracies),
            figures=(_variance_figure(spreads),),
            notes=(
                "What was changed after a first look: the rule had a band of "
                f"{1 / FIRST_BAND:g} to {FIRST_BAND:g} for a layer, and said supported. But "
                f"{steps} layers make that {FIRST_BAND**-steps:.2g} to {FIRST_BAND**steps:.2g}, so "
                "the band is on the whole depth now, and the root seed is 1 in place of 0. After "
                "that look geometric means over draws, with which the verdict was the same, gave "
                "way to means, for a variance is one. How wide the band is matters little: every "
                f"one narrower than {1 / refuted:.2g} to {refuted:.3g} refutes.",
                "Under tanh the variance falls like one over the depth, in the widest networks too "
                "(mean-field theory: Poole and others, Schoenholz and others), for tanh makes "
                "numbers smaller: it is not kept, but neither does it vanish exponentially, and "
                "the networks learn. Under ReLU He's keeps activations in expectation over draws; "
                f"of narrow networks most have less: half of the draws end with at most "
                f"{np.median(he[:, -1] / he[:, 0]):.2g} times the activations.",
                "LeCun's initializer under ReLU, for which it was not made, is in the table too.",
                _symmetry(results),
                "Plain networks: normalization and residual links make the start matter less.",
            ),
        )


def verdict_of(evidence: Evidence, widest: float = BAND) -> Verdict:
    """The rule, with a band of one over `widest` to `widest` on the whole depth."""
    kept = [interval_of(factor) for factor in evidence.kept]
    fixed = [interval_of(factor) for factor in evidence.fixed]
    gains = [interval_of(gain) for gain in evidence.gains]
    zeros = [interval_of(over) for over in evidence.zeros]
    band = math.log(widest)
    outside = [high < -band or low > band for low, high in kept]
    if any(outside) or any(high < 0 for _, high in gains) or any(low > LEARNED for low, _ in zeros):
        return "refuted"
    supported = (
        all(low > -band and high < band for low, high in kept)
        and all(high < -band or low > band for low, high in fixed)
        and all(low > 0 for low, _ in gains)
        and all(high <= LEARNED for _, high in zeros)
    )
    return "supported" if supported else "undecided"


Place = tuple[str, str]
"""Activation and initializer."""

Accuracies = dict[tuple[str, str, int], np.ndarray]
"""Activation, initializer and depth -> `[splits]`."""


def _evidence(
    spreads: Mapping[Place, Spread],
    accuracies: Accuracies,
    trivial: Mapping[str, np.ndarray],
    test_over_train: float,
) -> Evidence:
    deep = max(depth for _, _, depth in accuracies)
    kept: list[Estimate] = []
    fixed: list[Estimate] = []
    gains: list[Estimate] = []
    for activation, made in MADE_FOR.items():
        for name in made:
            kept += spreads[activation, name].factors().values()
            gains += [
                estimate(
                    accuracies[activation, name, deep] - accuracies[activation, other, deep],
                    test_over_train,
                )
                for other in FIXED
            ]
        for name in FIXED:
            factors = spreads[activation, name].factors().values()
            fixed.append(max(factors, key=lambda factor: abs(factor.mean)))
    zeros = [
        estimate(values - trivial[activation], test_over_train)
        for (activation, name, _), values in accuracies.items()
        if name == ZEROS
    ]
    return Evidence(tuple(kept), tuple(fixed), tuple(gains), tuple(zeros))


def _accuracies(result: "Result", study: "Study") -> dict[tuple[str, int], np.ndarray]:
    """Initializer and depth -> `[splits]` with the rate that is best on validation rows."""
    comparison, choices = result.comparisons[0], study.choices()
    best: dict[tuple[str, int], tuple[float, np.ndarray]] = {}
    for row, choice in enumerate(comparison.choices):
        model = choices[int(choice)].network[0]
        place = called(model), depth_of(model)
        chosen = float(comparison.choosing_values[row].mean())
        if place not in best or chosen > best[place][0]:
            best[place] = chosen, comparison.judged_values[row]
    return {place: values for place, (_, values) in best.items()}


def _trivial(result: "Result") -> np.ndarray:
    """`[splits]` accuracy of the most frequent class of the training rows."""
    splits = result.comparisons[0].splits
    return np.array([split.trivial["test"][result.record.metric] for split in splits], np.float64)


def _symmetry(results: "Mapping[str, Result]") -> str:
    """A sentence on the hidden units of trained networks that started from zeros."""
    from etude.interface import refit, stored_study

    equal = []
    for result in results.values():
        choices = stored_study(result).choices()
        number = next(n for n, c in enumerate(choices) if called(c.network[0]) == ZEROS)
        weights = refit(result, number).weights
        equal += [
            bool((array == array[..., :1]).all())
            for name, array in weights.items()
            if name.endswith("kernel") and "layers/2" not in name
        ]
    told = "all the same weights" if all(equal) else "weights that differ"
    return (
        "The hidden units of networks with two hidden layers that were trained from zeros on all "
        f"rows have {told}, to the last bit."
    )


def _factor(log: Estimate) -> str:
    low, high = map(math.exp, interval_of(log))
    return f"{math.exp(log.mean):.3g} ({low:.3g} to {high:.3g})"


def _points(share: Estimate) -> str:
    low, high = interval_of(share)
    return f"{100 * share.mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _table(spreads: Mapping[Place, Spread], accuracies: Accuracies) -> tuple[tuple[str, ...], ...]:
    depths = sorted({depth for _, _, depth in accuracies})
    rows: list[tuple[str, ...]] = [
        (
            "activation",
            "initializer",
            "activations × through depth",
            "gradients × through depth",
            *(f"accuracy, {depth} layers" for depth in depths),
        )
    ]
    for activation, name in dict.fromkeys([(a, n) for a, n, _ in accuracies] + list(spreads)):
        spread = spreads.get((activation, name))
        factors = ["–", "–"]
        if spread is not None:
            factors = [_factor(factor) for factor in spread.factors().values()]
        trained = [accuracies.get((activation, name, depth)) for depth in depths]
        means = ["–" if values is None else f"{100 * values.mean():.1f} %" for values in trained]
        made = " *" if name in MADE_FOR[activation] else ""
        rows.append((activation, name + made, *factors, *means))
    return tuple(rows)


def _variance_figure(spreads: Mapping[Place, Spread]) -> Figure:
    import altair as alt

    rows = [
        {
            "activation": activation,
            "initializer": name,
            "of": kind,
            "layer": layer,
            "square": float(square),
        }
        for (activation, name), spread in spreads.items()
        for kind, start in (("activations", 0), ("gradients", -1))
        for layer, square in enumerate(_relative(getattr(spread, kind), start), 1)
    ]
    names = list(dict.fromkeys(name for _, name in spreads))
    dashes = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 1]]
    legend = alt.Legend(title="initializer", symbolStrokeWidth=2, symbolSize=300)
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=1.75)
        .encode(
            x=alt.X("layer:Q", axis=alt.Axis(values=[1, 4, 8, 12, 16]), title="hidden layer"),
            y=alt.Y(
                "square:Q",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(format="~e", tickCount=6),
                title="mean square",
            ),
            color=alt.Color("initializer:N", scale=alt.Scale(domain=names), legend=legend),
            strokeDash=alt.StrokeDash(
                "initializer:N", scale=alt.Scale(domain=names, range=dashes), legend=legend
            ),
            column=alt.Column("of:N", title=None),
            row=alt.Row("activation:N", title=None, sort=list(MADE_FOR)),
        )
        .properties(width=240, height=150)
    )
    flat = [f"{name} with {activation}" for activation, made in MADE_FOR.items() for name in made]
    return Figure(
        title="Mean squares by layer before training, as shares of where they start from",
        alt=(
            "Four panels on a logarithmic axis, activations from the first layer on and gradients "
            "from the last one back, for tanh and for ReLU. Fixed standard deviations fall or rise "
            f"by many orders of magnitude; closest to level are {', '.join(flat)}."
        ),
        chart=chart,
    )


def _relative(squares: np.ndarray, start: int) -> np.ndarray:
    """`[seeds, layers]` -> `[layers]`, the mean over that of one layer."""
    means = squares.mean(axis=0)
    return np.asarray(means / means[start])
