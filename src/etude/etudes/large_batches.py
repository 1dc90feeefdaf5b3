"""Whether large batches find sharper minima."""

import math
from collections.abc import Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.etudes.base import CannotJudge, Etude, Figure, Finding, Verdict, logarithms, ratio_told
from etude.etudes.minima import Arm, Found, Minima, arm_of
from etude.evidence.intervals import Estimate, estimate

if TYPE_CHECKING:
    from etude.evidence.result import Result

SMALL, LARGE = 16, 256
ALIKE = 1.25
"""Ratios of eigenvalues from one over this to this are no difference in practice."""

BESIDE = 4
"""Seeds of the comparisons that do not decide."""

FAIR = "rates near the best, same loss"


class LargeBatches(Etude):
    title = "Large batches and sharp minima"
    claim = "Training with large batches ends in sharper minima than training with small ones."
    background = """
    Keskar and others (2017) found that networks trained with large batches generalize worse, and
    that the loss rises faster around the weights they end at: their minima are sharp, and those of
    small batches, whose noise shakes them out of narrow valleys, are flat.

    How sharp a minimum is can be told by the largest eigenvalue of the Hessian of the training
    loss. It falls along with the loss itself, for under cross-entropy the curvature vanishes where
    the network is sure of every row. Small batches take many more steps in an epoch; after the same
    epochs they are farther down, and flatter for that reason alone. It also depends on the learning
    rate, which every batch size wants for itself. So the fair comparison gives every batch size its
    own best rate, and stops at the same training loss.

    Batches of 16 and of 256 of the 1,797 digits (0.9 and 14 percent of the rows) train a network of
    64 hidden units by plain gradient descent, for up to 40 epochs.
    """
    rule = """
    Five-fold cross-validation chooses the learning rate of each batch size, of four, by accuracy.
    It cannot tell rates apart that are near each other, and the curvature depends on the rate: so
    every rate is judged whose mean accuracy is at most one corrected standard error of the best
    below it, of those with which every network converges. With these rates networks are trained on
    all rows, 12 seeds each, the same initial weights for all, down to the lowest training loss that
    every one of them reaches. An epoch ends above it and the next one below: the eigenvalue at that
    loss is read between the two, on a straight line in the logarithms. What decides is the ratio of
    the largest eigenvalue with large batches to that with small ones, for every pair of their
    rates, paired by seed: its geometric mean and 95 % interval over the seeds, which are
    independent. The rows are the same throughout.

    A pair supports the claim where the interval lies above 1, and refutes it where it lies below 1,
    or between 0.8 and 1.25, where there is no difference to speak of. Supported: every pair
    supports it. Refuted: every pair refutes it. Undecided otherwise. The same after 40 epochs, and
    with one rate for both batch sizes (the one of the best mean accuracy), is shown beside with
    four seeds.
    """
    source = (
        'Keskar et al. 2017, "On large-batch training for deep learning: generalization gap and '
        'sharp minima"; against it Dinh et al. 2017, "Sharp minima can generalize for deep nets".'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        accuracies = _accuracies(results["rates"])
        test_over_train = results["rates"].comparisons[0].test_over_train
        minima = Minima(results["minima"])
        trained = {arm: values for arm, values in accuracies.items() if arm in minima.curves}
        near = {
            size: near_best(_of_size(trained, size), test_over_train) for size in (SMALL, LARGE)
        }
        best = [(size, rates[0]) for size, rates in near.items()]
        shared = _best_for_both(trained)
        judged = [(size, rate) for size, rates in near.items() for rate in sorted(rates)]
        fair = minima.at_one_loss(judged)
        compared = {
            FAIR: fair,
            "best rates, same epochs": minima.at_the_end(best, BESIDE),
            "one rate, same loss": minima.at_one_loss(shared, BESIDE),
            "one rate, same epochs": minima.at_the_end(shared, BESIDE),
        }
        ratios = {pair: ratio(fair, pair, "eigenvalue") for pair in _pairs(fair)}
        small, large = best
        gap = estimate(accuracies[large] - accuracies[small], test_over_train)
        assert gap.interval is not None
        return Finding(
            verdict=verdict_of(ratios.values()),
            decides=(
                "At the same training loss, each with the learning rates that cross-validation "
                "cannot tell from its best, the largest eigenvalue after batches of "
                f"{LARGE} is {_range(ratios.values())} times that after batches of {SMALL} (95 % "
                f"intervals over n = {len(fair[small])} seeds; the rows are fixed, and the "
                "intervals say nothing about other rows)."
            ),
            table=_table(compared),
            figures=(_figure(compared),),
            notes=(
                "What was changed after a first look: the rule first judged the one best rate of "
                "each batch size, by 16 networks each with the root seed 0, and said refuted, 1.03 "
                "(0.92 to 1.15) times with the rates 0.3 and 1. For batches of 16 that rate was a "
                "coin toss, 97.66 % right with 0.3 and 97.61 % with 0.1. Now every rate within a "
                "standard error is judged, at one loss for all, and the root seed is 1. To save "
                "time 12 networks of each took the place of 16, with which these were refuted too. "
                f"The best rates alone ({small[1]:g} and {large[1]:g}) would say "
                f"{verdict_of([ratios[small, large]])}: {ratio_told(ratios[small, large])} times.",
                "After the same epochs small batches have the lower loss, and with one rate for "
                "both one of them has the wrong one: those rows of the table compare how far "
                "training got.",
                f"Accuracy on held-out rows with large batches less that with small ones, each "
                f"with its best rate: {100 * gap.mean:+.1f} points ({100 * gap.interval[0]:+.1f} "
                f"to {100 * gap.interval[1]:+.1f}).",
                minima.rescaled(small),
                "The trace of the Hessian and the rise of the loss within 0.05 of the weights "
                "stand in the table too, and need not agree with the largest eigenvalue.",
                "One small network on one data set of 1,797 rows; Keskar and others had deep "
                "networks and batches of thousands, and stopped by epochs.",
            ),
        )


def near_best(accuracies: Mapping[float, np.ndarray], test_over_train: float | None) -> list[float]:
    """The rates that cannot be told from the best, which comes first.

    Args:
        accuracies: rate -> `[splits]`.
        test_over_train: rows that judge for each row that trained.

    Raises:
        CannotJudge: there is no rate, or the spread over splits is not known.
    """
    if not accuracies:
        raise CannotJudge("no learning rate is left with which every network converges")
    means = {rate: float(values.mean()) for rate, values in accuracies.items()}
    best = max(means, key=lambda rate: means[rate])
    error = estimate(accuracies[best], test_over_train).stderr
    if error is None:
        raise CannotJudge("accuracies of a single split have no standard error")
    return [best, *(r for r, mean in means.items() if r != best and mean >= means[best] - error)]


def verdict_of(ratios: Iterable[Estimate]) -> Verdict:
    """The rule, applied to the logarithms of the ratios of eigenvalues of all pairs of rates."""
    told = {_told_by(ratio) for ratio in ratios}
    return told.pop() if len(told) == 1 else "undecided"


def _told_by(ratio: Estimate) -> Verdict:
    """What one pair says."""
    assert ratio.interval is not None
    low, high = ratio.interval
    if low > 0:
        return "supported"
    alike = math.log(ALIKE)
    return "refuted" if high < 0 or (low > -alike and high < alike) else "undecided"


def ratio(found: Found, pair: tuple[Arm, Arm], figure: str) -> Estimate:
    """The logarithm of the ratio, large to small batches, of a figure of `Sharpness`.

    Seeds share no random numbers, and the rows are the same: nothing is corrected.

    Raises:
        CannotJudge: one of them is not above 0.
    """
    small, large = (
        logarithms([one[figure] for one in found[arm]], f"the {figure} of every minimum")
        for arm in pair
    )
    return estimate(large - small, test_over_train=0.0)


def _of_size(accuracies: Mapping[Arm, np.ndarray], size: int) -> dict[float, np.ndarray]:
    """Rate -> `[splits]`."""
    return {rate: values for (batch, rate), values in accuracies.items() if batch == size}


def _best_for_both(accuracies: Mapping[Arm, np.ndarray]) -> list[Arm]:
    """Both batch sizes with the one rate that has the best mean accuracy."""
    small, large = (_of_size(accuracies, size) for size in (SMALL, LARGE))
    means = {rate: float((small[rate] + large[rate]).mean()) for rate in small if rate in large}
    if not means:
        raise CannotJudge("with no learning rate the networks of both batch sizes converge")
    shared = max(means, key=lambda rate: means[rate])
    return [(SMALL, shared), (LARGE, shared)]


def _pairs(arms: Iterable[Arm]) -> list[tuple[Arm, Arm]]:
    """Every arm with small batches beside every one with large batches."""
    known = list(arms)
    small, large = ([arm for arm in known if arm[0] == size] for size in (SMALL, LARGE))
    return list(product(small, large))


def _accuracies(result: "Result") -> dict[Arm, np.ndarray]:
    """`[splits]` on held-out rows."""
    comparison = result.comparisons[0]
    return {
        arm_of(result.record.choices[int(choice)].document): comparison.judged_values[row]
        for row, choice in enumerate(comparison.choices)
    }


def _range(ratios: Iterable[Estimate]) -> str:
    """The ratio; of several the least and the greatest."""
    known = sorted(ratios, key=lambda ratio: ratio.mean)
    if len(known) == 1:
        return ratio_told(known[0])
    low, high = ratio_told(known[0]), ratio_told(known[-1])
    return f"from {low} to {high}, by the pair of rates ({len(known)}),"


def _beside(found: Found, pair: tuple[Arm, Arm], figure: str) -> str:
    """A ratio that does not decide, and may be missing."""
    try:
        return ratio_told(ratio(found, pair, figure))
    except CannotJudge:
        return "–"


def _mean(found: Found, arm: Arm, figure: str) -> str:
    """The geometric mean over seeds."""
    logs = logarithms([one[figure] for one in found[arm]], f"the {figure} of every minimum")
    return f"{math.exp(logs.mean()):.2g}"


def _table(compared: Mapping[str, Found]) -> tuple[tuple[str, ...], ...]:
    header = (
        "comparison",
        "seeds",
        f"rates {SMALL} / {LARGE}",
        f"training loss {SMALL} / {LARGE}",
        f"largest eigenvalue {SMALL} / {LARGE}",
        "its ratio",
        "ratio of the trace",
        "ratio of the rise within 0.05",
    )
    rows = [
        (
            name,
            str(len(found[pair[0]])),
            " / ".join(f"{rate:g}" for _, rate in pair),
            *(
                " / ".join(_mean(found, arm, figure) for arm in pair)
                for figure in ("loss", "eigenvalue")
            ),
            *(_beside(found, pair, figure) for figure in ("eigenvalue", "trace", "rise")),
        )
        for name, found in compared.items()
        for pair in _pairs(found)
    ]
    return header, *rows


def _figure(compared: Mapping[str, Found]) -> Figure:
    import altair as alt

    base = alt.Chart().encode(
        x=alt.X(
            "arm:N",
            sort=None,
            axis=alt.Axis(labelAngle=0, labelExpr="split(datum.label, ', ')"),
            title="batch size, learning rate",
        ),
        y=alt.Y(
            "eigenvalue:Q",
            scale=alt.Scale(type="log", nice=False, padding=8),
            axis=alt.Axis(format="~g", tickCount=5),
            title="largest eigenvalue",
        ),
    )
    lines = base.mark_line(style="spread").encode(detail="seed:N")
    points = base.mark_circle(style="split")

    def panel(name: str, found: Found) -> Any:
        rows = [
            {"arm": f"{size}, η {rate:g}", "seed": seed, "eigenvalue": one["eigenvalue"]}
            for (size, rate), each in found.items()
            for seed, one in enumerate(each)
        ]
        losses = " / ".join(dict.fromkeys(_mean(found, arm, "loss") for arm in found))
        title = alt.TitleParams(name, subtitle=f"loss {losses}", fontSize=11)
        return alt.layer(lines, points, data=alt.Data(values=rows)).properties(
            width=60 * len(found), height=200, title=title
        )

    told = [
        f"{_beside(found, pair, 'eigenvalue')}, {name} ({pair[0][1]:g} and {pair[1][1]:g})"
        for name, found in compared.items()
        for pair in _pairs(found)
    ]
    return Figure(
        title="The largest eigenvalue by batch size and learning rate η, a line for each seed",
        alt=(
            "Four panels on one logarithmic axis, the training loss told above each. From batches "
            f"of {SMALL} to those of {LARGE} the eigenvalue is multiplied by {'; '.join(told)}."
        ),
        chart=alt.hconcat(*(panel(*one) for one in compared.items())).resolve_scale(y="shared"),
    )
