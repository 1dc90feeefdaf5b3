"""What the étude of large batches measures: the minima that training on all rows ends in."""

import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.etudes.base import CannotJudge, logarithms

if TYPE_CHECKING:
    from etude.evidence.result import Result

RESCALED = 10.0
"""By so much a layer is rescaled to show what sharpness depends on."""

FIGURES = ("loss", "eigenvalue", "trace", "rise")
"""What is compared of a `Sharpness`."""

Arm = tuple[int, float]
"""Batch size and learning rate."""

Where = tuple[Arm, int, int]
"""Batch size and learning rate, seed, epochs."""

Figures = dict[str, float]

Found = dict[Arm, list[Figures]]
"""The figures of each seed's network, for batches of both sizes."""


class Minima:
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
            arm = arm_of(result.record.choices[member.choice].document)
            self._choices[arm] = member.choice
            found.setdefault(arm, []).append(
                member.curves[:, 0, loss] if member.status == "done" else np.full(1, np.nan)
            )
        self.curves = {
            arm: np.stack(curves)
            for arm, curves in found.items()
            if all(np.isfinite(curve).all() for curve in curves)
        }

    def at_one_loss(self, arms: Iterable[Arm], seeds: int | None = None) -> Found:
        """Where the training loss is the lowest that all networks reach."""
        curves = {arm: self.curves[arm][:seeds] for arm in arms}
        reached = max(float(losses.min(axis=1).max()) for losses in curves.values())
        # The epoch after which a network is there, and the one before.
        after = {
            (arm, seed): int(np.argmax(losses <= reached)) + 1
            for arm, each in curves.items()
            for seed, losses in enumerate(each)
        }
        if 1 in after.values():
            raise CannotJudge(f"after its first epoch a network has a loss below {reached:.3g}")
        self._measure([(*which, e) for which, epoch in after.items() for e in (epoch - 1, epoch)])
        found: Found = {arm: [] for arm in curves}
        for (arm, seed), epoch in after.items():
            earlier, later = (self._known[arm, seed, e] for e in (epoch - 1, epoch))
            found[arm].append(read(earlier, later, reached))
        return found

    def at_the_end(self, arms: Iterable[Arm], seeds: int) -> Found:
        """After the last epoch."""
        last = next(iter(self.curves.values())).shape[1]
        places = {arm: [(arm, seed, last) for seed in range(seeds)] for arm in arms}
        self._measure([place for each in places.values() for place in each])
        return {arm: [self._known[place] for place in each] for arm, each in places.items()}

    def _measure(self, places: list[Where]) -> None:
        """Train and measure networks, two at a time: each waits for its compiler now and then."""
        new = sorted(set(places).difference(self._known))
        with ThreadPoolExecutor(2) as pool:
            self._known |= dict(zip(new, pool.map(self._figures, new), strict=True))

    def rescaled(self, arm: Arm) -> str:
        """A sentence on what the same function has with other weights, after Dinh and others."""
        from etude.curvature import sharpness

        network = self._network(self._choices[arm], 0, self.curves[arm].shape[1])
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


def read(earlier: Figures, later: Figures, loss: float) -> Figures:
    """The figures at a loss between two, on straight lines in the logarithms.

    A figure that is not above 0 at both ends has none there: an estimated trace may be below, and
    a loss need not rise.

    Raises:
        CannotJudge: the losses are not above 0, or do not fall.
    """
    first, here, last = logarithms([earlier["loss"], loss, later["loss"]], "the training losses")
    if not first > last:
        raise CannotJudge(f"from {earlier['loss']:.6g} to {later['loss']:.6g} no loss falls")
    share = (first - here) / (first - last)

    def between(start: float, end: float) -> float:
        if not min(start, end) > 0:
            return math.nan
        return math.exp((1 - share) * math.log(start) + share * math.log(end))

    return {figure: between(earlier[figure], value) for figure, value in later.items()}


def arm_of(document: dict[str, Any]) -> Arm:
    algorithm = document["algorithm"]
    return algorithm["batch_size"], algorithm["learning_rate"]
