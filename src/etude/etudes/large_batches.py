"""Whether large batches find sharper minima."""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.etudes.base import Etude, Figure, Finding, Verdict
from etude.evidence.intervals import Estimate, estimate

if TYPE_CHECKING:
    from etude.evidence.result import Result

SMALL, LARGE = 16, 256
ALIKE = 1.25
"""Ratios of eigenvalues from one over this to this are no difference in practice."""

BESIDE = 4
"""Seeds of the comparisons that do not decide."""

FAIR = "tuned rates, same loss"
RESCALED = 10.0
"""By so much a layer is rescaled to show what sharpness depends on."""

FIGURES = ("loss", "eigenvalue", "trace", "rise")
"""What is compared of a `Sharpness`."""

Arm = tuple[int, float]
"""Batch size and learning rate."""

Where = tuple[Arm, int, int]
"""Batch size and learning rate, seed, epochs."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Compared:
    """Networks of both batch sizes, one pair a seed.

    Attributes:
        rates: batch size -> learning rate.
        found: batch size -> the figures of each seed's network.
    """

    rates: dict[int, float]
    found: dict[int, list[Figures]]

    def ratio(self, figure: str) -> Estimate:
        """The logarithm of the ratio, large to small batches, of a figure of `Sharpness`.

        Seeds share no random numbers, and the rows are the same: nothing is corrected.
        """
        small, large = (
            np.log([one[figure] for one in self.found[size]]) for size in (SMALL, LARGE)
        )
        return estimate(large - small, test_over_train=0.0)


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
    With these rates networks are trained on all rows, 16 seeds each, the same initial weights
    for both batch sizes, down to the lowest training loss that all 32 reach. An epoch ends
    above it and the next one below: the eigenvalue at that loss is read between the two, on a
    straight line in the logarithms. What decides is the ratio of the largest eigenvalue with large
    batches to that with small ones, paired by seed: its geometric mean and 95 % interval over the
    seeds, which are independent.

    Supported: the interval lies above 1. Refuted: it lies below 1, or between 0.8 and 1.25, where
    there is no difference to speak of. Undecided otherwise. The same after 40 epochs, and with one
    rate for both batch sizes (the one of the best mean accuracy), is shown beside with four seeds.
    """
    source = (
        'Keskar et al. 2017, "On large-batch training for deep learning: generalization gap and '
        'sharp minima"; against it Dinh et al. 2017, "Sharp minima can generalize for deep nets".'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        accuracies = _accuracies(results["rates"])
        minima = _Minima(results["minima"])
        tuned = {
            size: max(
                (arm for arm in accuracies if arm[0] == size and arm in minima.curves),
                key=lambda arm: float(accuracies[arm].mean()),
            )[1]
            for size in (SMALL, LARGE)
        }
        shared = max(
            (rate for size, rate in accuracies if size == SMALL and _both(rate, minima.curves)),
            key=lambda rate: sum(float(accuracies[size, rate].mean()) for size in tuned),
        )
        one = dict.fromkeys(tuned, shared)
        compared = {
            FAIR: minima.at_one_loss(tuned),
            "tuned rates, same epochs": minima.at_the_end(tuned),
            "one rate, same loss": minima.at_one_loss(one, BESIDE),
            "one rate, same epochs": minima.at_the_end(one),
        }
        fair = compared[FAIR].ratio("eigenvalue")
        better = accuracies[LARGE, tuned[LARGE]] - accuracies[SMALL, tuned[SMALL]]
        gap = estimate(better, results["rates"].comparisons[0].test_over_train)
        assert gap.interval is not None
        return Finding(
            verdict=verdict_of(fair),
            decides=(
                "At the same training loss, each with its own best learning rate, the largest "
                f"eigenvalue after batches of {LARGE} is {_told(fair)} times that after batches "
                f"of {SMALL} (95 % interval, n = {fair.n} seeds)."
            ),
            table=_table(compared),
            figures=(_figure(compared),),
            notes=(
                "After the same epochs small batches have the lower loss, and with one rate for "
                "both one of them has the wrong one: those rows of the table compare how far "
                "training got.",
                f"Accuracy on held-out rows with large batches less that with small ones, rates "
                f"tuned: {100 * gap.mean:+.1f} points ({100 * gap.interval[0]:+.1f} to "
                f"{100 * gap.interval[1]:+.1f}).",
                minima.rescaled(tuned),
                "The trace of the Hessian and the rise of the loss within 0.05 of the weights "
                "stand in the table too, and need not agree with the largest eigenvalue.",
                "One small network on one data set of 1,797 rows; Keskar and others had deep "
                "networks and batches of thousands, and stopped by epochs.",
            ),
        )


def verdict_of(ratio: Estimate) -> Verdict:
    """The rule, applied to the logarithm of the ratio of eigenvalues."""
    assert ratio.interval is not None
    low, high = ratio.interval
    if low > 0:
        return "supported"
    alike = math.log(ALIKE)
    return "refuted" if high < 0 or (low > -alike and high < alike) else "undecided"


class _Minima:
    """Where training on all rows ends.

    Attributes:
        curves: of each arm whose networks all converged, `[seeds, epochs]` training losses.
    """

    def __init__(self, result: "Result") -> None:
        from etude.interface import stored_study

        self._result = result
        prepared = stored_study(result).data[0].prepare()
        labels = np.array(prepared.spec.classes)[prepared.arrays["targets"]]
        self._rows = prepared.arrays["inputs"], labels
        self._known: dict[Where, Figures] = {}
        loss = result.record.metrics.index("loss")
        self._choices: dict[Arm, int] = {}
        found: dict[Arm, list[np.ndarray]] = {}
        for member in result.record.members:
            arm = _arm(result.record.choices[member.choice].document)
            self._choices[arm] = member.choice
            found.setdefault(arm, []).append(
                member.curves[:, 0, loss] if member.status == "done" else np.full(1, np.nan)
            )
        self.curves = {
            arm: np.stack(curves)
            for arm, curves in found.items()
            if all(np.isfinite(curve).all() for curve in curves)
        }

    def at_one_loss(self, rates: dict[int, float], seeds: int | None = None) -> Compared:
        """Where the training loss is the lowest that the networks of both batch sizes reach."""
        arms = {(size, rate): self.curves[size, rate][:seeds] for size, rate in rates.items()}
        reached = max(float(curves.min(axis=1).max()) for curves in arms.values())
        # The epoch after which a network is there, and the one before.
        after = {
            (arm, seed): int(np.argmax(curve <= reached)) + 1
            for arm, curves in arms.items()
            for seed, curve in enumerate(curves)
        }
        if 1 in after.values():
            raise ValueError(f"a network has a lower loss than {reached:.3g} after its first epoch")
        self._measure([(*which, e) for which, epoch in after.items() for e in (epoch - 1, epoch)])
        found: dict[int, list[Figures]] = {size: [] for size in rates}
        for (arm, seed), epoch in after.items():
            earlier, later = (self._known[arm, seed, e] for e in (epoch - 1, epoch))
            found[arm[0]].append(_read(earlier, later, reached))
        return Compared(rates, found)

    def at_the_end(self, rates: dict[int, float]) -> Compared:
        """After the last epoch."""
        last = next(iter(self.curves.values())).shape[1]
        places = [(arm, seed, last) for arm in rates.items() for seed in range(BESIDE)]
        self._measure(places)
        return Compared(
            rates, {size: [self._known[p] for p in places if p[0][0] == size] for size in rates}
        )

    def _measure(self, places: list[Where]) -> None:
        """Train and measure networks, two at a time: each waits for its compiler now and then."""
        new = sorted(set(places).difference(self._known))
        with ThreadPoolExecutor(2) as pool:
            self._known |= dict(zip(new, pool.map(self._figures, new), strict=True))

    def rescaled(self, rates: dict[int, float]) -> str:
        """A sentence on what the same function has with other weights, after Dinh and others."""
        from etude.curvature import sharpness

        choice = self._choices[SMALL, rates[SMALL]]
        network = self._network(choice, 0, self.curves[SMALL, rates[SMALL]].shape[1])
        factors = {
            "params/layers/0/kernel": RESCALED,
            "params/layers/0/bias": RESCALED,
            "params/layers/1/kernel": 1 / RESCALED,
        }
        weights = {
            name: array * np.float32(factors.get(name, 1.0))
            for name, array in network.weights.items()
        }
        before, after = (
            sharpness(one, *self._rows, probes=2, steps=1)
            for one in (network, replace(network, weights=weights))
        )
        return (
            f"Sharpness is not a matter of the function alone (Dinh and others 2017): with the "
            f"first layer times {RESCALED:g} and the second divided by it, one of these networks "
            f"computes the same (its loss is {before.loss:.4g} and {after.loss:.4g}), and its "
            f"largest eigenvalue is {after.eigenvalue / before.eigenvalue:.3g} times what it was. "
            "Networks that were trained alike from the same weights are compared here."
        )

    def _figures(self, place: Where) -> Figures:
        from etude.curvature import sharpness

        arm, seed, epochs = place
        network = self._network(self._choices[arm], seed, epochs)
        found = sharpness(network, *self._rows, probes=8, steps=5)
        return {figure: getattr(found, figure) for figure in FIGURES}

    def _network(self, choice: int, seed: int, epochs: int) -> Any:
        from etude.interface import refit

        return refit(self._result, choice, seed=seed, epochs=epochs)


def _read(earlier: Figures, later: Figures, loss: float) -> Figures:
    """The figures at a loss between two, on straight lines in the logarithms."""
    share = math.log(earlier["loss"] / loss) / math.log(earlier["loss"] / later["loss"])
    return {
        figure: math.exp((1 - share) * math.log(earlier[figure]) + share * math.log(value))
        for figure, value in later.items()
    }


def _arm(document: dict[str, Any]) -> Arm:
    algorithm = document["algorithm"]
    return algorithm["batch_size"], algorithm["learning_rate"]


def _both(rate: float, arms: Mapping[Arm, Any]) -> bool:
    return (SMALL, rate) in arms and (LARGE, rate) in arms


def _accuracies(result: "Result") -> dict[Arm, np.ndarray]:
    """`[splits]` on held-out rows."""
    comparison = result.comparisons[0]
    return {
        _arm(result.record.choices[int(choice)].document): comparison.judged_values[row]
        for row, choice in enumerate(comparison.choices)
    }


def _told(ratio: Estimate) -> str:
    assert ratio.interval is not None
    low, high = map(math.exp, ratio.interval)
    return f"{math.exp(ratio.mean):.2f} ({low:.2f} to {high:.2f})"


def _table(compared: Mapping[str, Compared]) -> tuple[tuple[str, ...], ...]:
    header: tuple[str, ...] = (
        "comparison",
        "seeds",
        f"rates {SMALL} / {LARGE}",
        f"training loss {SMALL} / {LARGE}",
        f"largest eigenvalue {SMALL} / {LARGE}",
        "its ratio",
        "ratio of the trace",
        "ratio of the rise within 0.05",
    )
    rows = [header]
    for name, both in compared.items():
        rows.append(
            (
                name,
                str(len(both.found[SMALL])),
                " / ".join(f"{both.rates[size]:g}" for size in (SMALL, LARGE)),
                _mean(both, "loss"),
                _mean(both, "eigenvalue"),
                *(_told(both.ratio(figure)) for figure in ("eigenvalue", "trace", "rise")),
            )
        )
    return tuple(rows)


def _figure(compared: Mapping[str, Compared]) -> Figure:
    import altair as alt

    rows = [
        {
            "comparison": name,
            "batch": str(size),
            "seed": seed,
            "eigenvalue": one["eigenvalue"],
        }
        for name, both in compared.items()
        for size, found in both.found.items()
        for seed, one in enumerate(found)
    ]
    base = alt.Chart().encode(
        x=alt.X(
            "batch:N",
            sort=[str(SMALL), str(LARGE)],
            axis=alt.Axis(labelAngle=0),
            title="batch size",
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
    panels = [
        alt.layer(
            lines, points, data=alt.Data(values=[r for r in rows if r["comparison"] == name])
        ).properties(
            width=120,
            height=200,
            title=alt.TitleParams(name, subtitle=f"loss {_mean(both, 'loss')}", fontSize=11),
        )
        for name, both in compared.items()
    ]
    return Figure(
        title="The largest eigenvalue by batch size, a line for each seed",
        alt=(
            "Four panels on one logarithmic axis, the training loss told above each. From batches "
            f"of {SMALL} to those of {LARGE} the eigenvalue is multiplied by "
            + "; ".join(f"{_told(both.ratio('eigenvalue'))}, {n}" for n, both in compared.items())
            + "."
        ),
        chart=alt.hconcat(*panels).resolve_scale(y="shared"),
    )


def _mean(both: Compared, figure: str) -> str:
    """Geometric means over seeds, small batches / large batches."""
    return " / ".join(
        f"{math.exp(np.mean([math.log(one[figure]) for one in both.found[size]])):.2g}"
        for size in (SMALL, LARGE)
    )
