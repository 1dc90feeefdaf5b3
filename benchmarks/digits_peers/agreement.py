"""Whether Étude's networks become as accurate as the peers', rule by rule and rate by rate."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits_peers import etude_side
from digits_peers.peer import accuracies
from digits_peers.work import RULES, SKLEARN_RULES, Job, Work, folds, write_starts
from measuring.results_file import table

TOLERANCE = 1.0
"""Points of accuracy by which a mean may differ."""

STABLE_ACCURACY = 90.0
PEERS = {"torch": "PyTorch", "sklearn": "scikit-learn"}

Means = dict[tuple[str, float], float]
"""Mean test accuracy in percent by rule and value."""


class Row(NamedTuple):
    """One rule and value, as Étude and a peer train it."""

    peer: str
    rule: str
    value: float
    etude: float
    other: float
    stable: bool

    @property
    def difference(self) -> float:
        """Étude's mean accuracy minus the peer's, in points."""
        return self.etude - self.other

    @property
    def verdict(self) -> str:
        """Whether they agree; "not stable" where that is not asked."""
        if not self.stable:
            return "not stable"
        return "pass" if abs(self.difference) <= TOLERANCE else "FAIL"


def compare(work: Work) -> list[Row]:
    """Train the work on all sides.

    All start from the same weights. PyTorch sees the same batches as Étude too, so what differs
    there is rounding alone; scikit-learn draws its own, so that Étude's order of rows is tested
    as well.
    """
    data = folds()
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "starts.npz")
        write_starts(file, etude_side.starts(work, data))
        own = _means(work.jobs(), etude_side.train_all(work))
        rows = []
        for side, rules in (("torch", tuple(RULES)), ("sklearn", SKLEARN_RULES)):
            part = replace(work, rules=rules, starts=file)
            theirs = _means(part.jobs(), accuracies(side, part))
            rows += _rows(side, own, theirs)
    return rows


def _means(jobs: list[Job], accuracies: list[float]) -> Means:
    values: dict[tuple[str, float], list[float]] = {}
    for job, accuracy in zip(jobs, accuracies, strict=True):
        values.setdefault((job.rule, job.value), []).append(100 * accuracy)
    return {choice: float(np.mean(group)) for choice, group in values.items()}


def _rows(side: str, own: Means, theirs: Means) -> list[Row]:
    found = []
    for (rule, value), other in theirs.items():
        of_rule = {v: accuracy for (r, v), accuracy in theirs.items() if r == rule}
        best = max(of_rule, key=of_rule.__getitem__)
        # A decay is no step size: a large one does not make training unstable.
        in_range = value <= best or RULES[rule].swept != "learning_rate"
        stable = other >= STABLE_ACCURACY and in_range
        found.append(Row(side, rule, value, own[rule, value], other, stable))
    return found


def passed(rows: list[Row]) -> bool:
    """Whether no row fails and every rule of every peer has one that was asked."""
    asked = {(row.peer, row.rule) for row in rows if row.stable}
    every = {(row.peer, row.rule) for row in rows}
    return asked == every and all(row.verdict != "FAIL" for row in rows)


def section(rows: list[Row], work: Work) -> str:
    """The figures as Markdown."""
    return "\n\n".join([_introduction(work), _summary(rows), _conclusion(rows), _details(rows)])


def _introduction(work: Work) -> str:
    return (
        f"{work}; means over folds and seeds of the accuracy on the test rows, in "
        "percent. **Stable part**: the peer's mean accuracy is at least "
        f"{STABLE_ACCURACY:g} % and the rate at most the peer's best rate (for Adadelta, which "
        f"has no rate, the accuracy alone). There a row passes within {TOLERANCE:g} point. "
        "A network that diverged counts with the accuracy of the most frequent class."
    )


def _summary(rows: list[Row]) -> str:
    lines = []
    for peer in PEERS:
        for rule in RULES:
            stable = [row for row in rows if (row.peer, row.rule) == (peer, rule) and row.stable]
            total = sum((row.peer, row.rule) == (peer, rule) for row in rows)
            if not total:
                continue
            differences = [row.difference for row in stable]
            lines.append(
                (
                    PEERS[peer],
                    rule,
                    f"{len(stable)} of {total}",
                    _signed(float(np.mean(differences))) if stable else "",
                    f"{max(map(abs, differences)):.2f}" if stable else "",
                    _verdict(stable),
                )
            )
    head = ("peer", "rule", "stable rows", "mean difference", "largest difference", "verdict")
    return table(head, lines, right=(2, 3, 4))


def _signed(points: float) -> str:
    return f"{round(points, 2) + 0.0:+.2f}"


def _verdict(stable: list[Row]) -> str:
    if not stable:
        return "no stable row"
    failed = sum(row.verdict == "FAIL" for row in stable)
    return f"FAIL ({failed} rows)" if failed else "pass"


def _conclusion(rows: list[Row]) -> str:
    stable = [row for row in rows if row.stable]
    failed = [row for row in stable if row.verdict == "FAIL"]
    text = f"{len(stable) - len(failed)} of {len(stable)} stable rows pass."
    outside = [row for row in rows if not row.stable]
    if outside:
        far = sum(abs(row.difference) > TOLERANCE for row in outside)
        text += f" Of the {len(outside)} other rows, {far} differ by more than {TOLERANCE:g} point."
    return text


def _details(rows: list[Row]) -> str:
    by_choice: dict[tuple[str, float], dict[str, Row]] = {}
    for row in rows:
        by_choice.setdefault((row.rule, row.value), {})[row.peer] = row
    lines = []
    for (rule, value), peers in by_choice.items():
        cells = [rule, f"{value:.3g}", f"{peers['torch'].etude:.2f}"]
        for peer in PEERS:
            row = peers.get(peer)
            cells += (
                ["", "", ""]
                if row is None
                else [f"{row.other:.2f}", _signed(row.difference), row.verdict]
            )
        lines.append(tuple(cells))
    head = ("rule", "rate", "Étude")
    for peer in PEERS.values():
        head += (peer, "difference", "verdict")
    return table(head, lines, right=(1, 2, 3, 4, 6, 7))
