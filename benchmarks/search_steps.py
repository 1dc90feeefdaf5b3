"""Do searches end as well as the full grid, and with how many of its training steps?

python benchmarks/search_steps.py            ten repeats, into docs/search.md (about 6 minutes)
python benchmarks/search_steps.py --quick    one repeat, printed only

Every repeat has another seed: other folds, other initial weights and other draws. The full grid is
trained first. The searches choose among the choices of the same grid; they find those members in
the store, so that nothing is trained twice. The steps told are those that each search takes alone.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import etude
from etude.search import Bayesian, Halving, RandomSearch
from etude.study import Study
from etude.sweep import grid, log_range
from null_studies import write_section

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "search.md"
REPEATS = 10
TRIALS = 12
"""A quarter of the 48 choices of each grid."""

SEARCHES = {
    "halving": Halving(factor=3, first=1),
    "Bayesian": Bayesian(trials=TRIALS, batch=3, startup=4),
    "random": RandomSearch(trials=TRIALS),
}


@dataclass(frozen=True)
class Ended:
    """How one search of one repeat ended.

    Attributes:
        share: its steps as a share of those of the full grid.
        gap: by how much its best choice is worse than the best of the grid, in corrected standard
            errors of that one.
        possible: whether its best choice is among the possible bests of the grid.
        same: whether it is the best of the grid.
    """

    share: float
    gap: float
    possible: bool
    same: bool


def studies() -> dict[str, dict[str, Any]]:
    """The three grids of 12 × 4 choices, all of 27 epochs and five folds."""
    penguins = etude.Table(
        path=str(ROOT / "examples" / "penguins.csv"), target="species", drop=("year",)
    )
    networks = grid(etude.MLP, widths=[(16,), (64,)], dropout=[0.0, 0.2])
    rules = grid(etude.Adam, learning_rate=log_range(1e-4, 1e-1, 12), epochs=27)
    parts = {"model": networks, "algorithm": rules}
    classes = parts | {"loss": etude.CrossEntropy()}
    numbers = parts | {"loss": etude.MSE()}
    return {
        "digits": classes | {"data": etude.Digits(), "validation": etude.Stratified(folds=5)},
        "diabetes": numbers | {"data": etude.Diabetes(), "validation": etude.KFold(folds=5)},
        "penguins": classes
        | {
            "data": penguins,
            "validation": etude.Stratified(folds=5),
            "metric": etude.LogLoss(),
        },
    }


def repeated(parts: dict[str, Any], seed: int) -> dict[str, Ended]:
    """The searches of one repeat, by name, against the full grid."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "etude.db"
        whole = etude.run(Study(**parts, seed=seed), store=store)
        summaries = {row.choice: row for row in whole.summaries}
        documents = [choice.document for choice in whole.record.choices]
        best = summaries[whole.best().choice]
        possible = whole.possible_bests[0].choices
        sign = 1 if whole.record.greater_is_better else -1
        found = {}
        for name, search in SEARCHES.items():
            result = etude.run(Study(**parts, seed=seed, search=search), store=store)
            told = result.record.findings["search"]
            chosen = documents.index(result.best().document)
            found[name] = Ended(
                share=told["steps"] / told["steps_of_the_grid"],
                gap=max(0.0, sign * (best.mean - summaries[chosen].mean) / best.stderr),
                possible=chosen in possible,
                same=chosen == best.choice,
            )
    return found


def table(repeats: int) -> str:
    """The table of all data sets and searches."""
    lines = [
        "| data | search | steps, % of the grid's | within one standard error of the grid's best "
        "| among its possible bests | the same choice | mean gap, standard errors | largest |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for data, parts in studies().items():
        ended = [repeated(parts, seed) for seed in range(repeats)]
        for name in SEARCHES:
            some = [one[name] for one in ended]
            within = sum(one.gap <= 1 for one in some)
            gaps = [one.gap for one in some]
            cells = [
                data,
                name,
                f"{100 * np.mean([one.share for one in some]):.1f}",
                f"{within} of {repeats}",
                f"{sum(one.possible for one in some)} of {repeats}",
                f"{sum(one.same for one in some)} of {repeats}",
                f"{np.mean(gaps):.2f}",
                f"{max(gaps):.2f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one repeat; print")
    options = parser.parse_args(arguments)
    text = table(1 if options.quick else REPEATS)
    print(text, flush=True)
    if not options.quick:
        write_section(DOCUMENT, "steps", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
