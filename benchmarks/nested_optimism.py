"""How much does the best of 40 choices flatter, and do corrections undo it?

python benchmarks/nested_optimism.py            the table, into docs/validation.md (some minutes)
python benchmarks/nested_optimism.py --quick    two repeats, printed only
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import etude
from etude.algorithm.base import Algorithm
from etude.data.base import Data
from etude.data.bundled import BreastCancer, Diabetes, Digits
from etude.evidence.result import Result
from etude.study import Study
from etude.validation.base import Validation
from null_studies import write_section

DOCUMENT = Path(__file__).parents[1] / "docs" / "validation.md"
NAME = "nested-optimism"
REPEATS = 12

RULES: tuple[type[Algorithm], ...] = (etude.SGD, etude.Momentum, etude.RMSprop, etude.Adam)
RATES = etude.log_range(1e-4, 1.0, 10)


@dataclass(frozen=True)
class Problem:
    """A data set of which few rows are worked with, and all others tell the truth.

    Attributes:
        name: what the table calls it.
        data: where its rows come from.
        rows: how many are worked with.
        shuffled: whether targets are dealt anew to rows, so that there is nothing to learn.
    """

    name: str
    data: Data
    rows: int
    shuffled: bool = False


PROBLEMS = (
    Problem("digits", Digits(), 200),
    Problem("diabetes", Diabetes(), 100),
    Problem("breast_cancer", BreastCancer(), 100),
    Problem("digits, targets dealt at random", Digits(), 200, shuffled=True),
)


@dataclass(frozen=True)
class Outcome:
    """What one repeat promised of its best choice, and the truth.

    Attributes:
        truth: of the choice that K-fold ranks first, trained on all working rows, on all rows
            that were kept apart.
        naive: its own mean over the folds that chose it.
        corrected: the estimate of the best by the bootstrap of the choice.
        nested: the estimate of the best by nested validation.
        named: K-fold's mean less the truth for a choice named beforehand, on average over all:
            what folds that train on four fifths of the rows make of it, without any choosing.
    """

    truth: float
    naive: float
    corrected: float
    nested: float
    named: float


def outcome(problem: Problem, repeat: int) -> Outcome:
    """One repeat: other rows are worked with, and all else is drawn anew."""
    prepared = problem.data.prepare()
    random = np.random.RandomState(1000 + repeat)
    order = random.permutation(prepared.rows)
    inputs = np.asarray(prepared.arrays["inputs"], np.float64)[order]
    assert prepared.targets is not None
    targets = prepared.targets.reshape(prepared.rows, -1)[order, 0]
    if problem.shuffled:
        targets = random.permutation(targets)
    classes = bool(prepared.spec.classes)
    stratified = etude.KFold(folds=5, stratified=classes and not problem.shuffled)
    working = slice(0, problem.rows)
    plain = _trained(inputs[working], targets[working], classes, stratified, repeat)
    nested = _trained(
        inputs[working],
        targets[working],
        classes,
        etude.Nested(outer=stratified, inner=stratified),
        repeat,
    )
    # Working rows come first: those after them are judged by networks trained on all of them.
    share = 1 - problem.rows / prepared.rows
    apart = etude.Holdout(test=share, shuffle=False)
    truths = _trained(inputs, targets, classes, apart, repeat).comparisons[0].judged_values[:, 0]
    best = plain.best().choice
    folds = plain.comparisons[0].judged_values.mean(axis=1)
    corrected, inside = plain.estimate_of_best().mean, nested.estimate_of_best().mean
    assert corrected is not None
    assert inside is not None
    return Outcome(
        truth=float(truths[best]),
        naive=float(folds[best]),
        corrected=corrected,
        nested=inside,
        named=float(np.mean(folds - truths)),
    )


def _trained(
    inputs: np.ndarray, targets: np.ndarray, classes: bool, validation: Validation, seed: int
) -> Result:
    """A study of 40 choices: four update rules with ten learning rates each."""
    return etude.run(
        Study(
            data=etude.Table.from_arrays(inputs, targets, task="classes" if classes else "numbers"),
            model=etude.MLP(widths=(16,)),
            loss=etude.CrossEntropy() if classes else etude.MSE(),
            algorithm=tuple(
                rule(epochs=10, batch_size=16).changed(learning_rate=rate)
                for rule in RULES
                for rate in RATES
            ),
            validation=validation,
            seed=seed,
        )
    )


def line(problem: Problem, outcomes: Sequence[Outcome]) -> list[str]:
    """A row of the table: means over repeats, and how far each promise is from the truth."""
    classes = bool(problem.data.prepare().spec.classes)
    sign = 1.0 if classes else -1.0
    truths = np.array([each.truth for each in outcomes])
    cells = [problem.name, "accuracy" if classes else "rmse", _with_error(truths, classes)]
    for name in ("naive", "corrected", "nested"):
        promised = np.array([getattr(each, name) for each in outcomes])
        cells.append(_signed(sign * (promised - truths), classes))
    return [*cells, _signed(sign * np.array([each.named for each in outcomes]), classes)]


def table(repeats: int) -> str:
    """The whole table."""
    rows = []
    for problem in PROBLEMS:
        begin = time.perf_counter()
        outcomes = [outcome(problem, repeat) for repeat in range(repeats)]
        rows.append(line(problem, outcomes))
        seconds = time.perf_counter() - begin
        print(*rows[-1], f"{seconds:.0f} s", sep="  ", file=sys.stderr, flush=True)
    head = (
        "data",
        "metric",
        "truth",
        "naive best",
        "corrected (BBC-CV)",
        "nested",
        "a choice named beforehand",
    )
    sizes = ", ".join(f"{problem.rows} of {problem.name}" for problem in PROBLEMS[:3])
    lines = (head, ["---:"] * len(head), *rows)
    return (
        f"{repeats} repeats, each with other working rows ({sizes}); ± is one standard error over "
        "repeats.\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two repeats; printed only")
    options = parser.parse_args(arguments)
    text = table(2 if options.quick else REPEATS)
    print(text)
    if not options.quick:
        write_section(DOCUMENT, NAME, text)
    return 0


def _with_error(values: np.ndarray, classes: bool) -> str:
    digits = 3 if classes else 1
    return f"{values.mean():.{digits}f} ± {_error(values):.{digits}f}"


def _signed(values: np.ndarray, classes: bool) -> str:
    digits = 3 if classes else 1
    return f"{values.mean():+.{digits}f} ± {_error(values):.{digits}f}"


def _error(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


if __name__ == "__main__":
    sys.exit(main())
