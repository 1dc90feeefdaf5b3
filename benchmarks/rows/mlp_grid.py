"""Grids of small networks under cross-validation, beside scikit-learn, skorch and PyTorch."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from measuring.etude_runs import EtudeRuns
from measuring.peers import measured
from measuring.rounds import Aim, Side, comparison, in_rounds
from rows.options import Options
from sides.grid_work import FOLDS, HIDDEN, RULES, Grid

COLD, WARM = "Étude cold", "Étude warm"


class Peer(NamedTuple):
    """A side of the comparison.

    Attributes:
        module: in `sides`.
        every: it trains every so manieth learning rate.
        aims: by which factor Étude is to be faster.
    """

    module: str
    every: int
    aims: tuple[Aim, ...]


SKLEARN = "scikit-learn GridSearchCV(n_jobs=2)"
SKORCH = "skorch GridSearchCV(n_jobs=2)"
TORCH = "PyTorch, two processes of one thread"


def digits(options: Options) -> str:
    """960 networks on digits."""
    peers = {
        SKLEARN: Peer("grid_sklearn", 2, (Aim(7, COLD),)),
        SKORCH: Peer("grid_skorch", 4 if options.quick else 8, (Aim(22, COLD),)),
        TORCH: Peer("grid_torch", 4, (Aim(18, COLD),)),
    }
    grid = Grid(rates=4, seeds=1, epochs=2) if options.quick else Grid()
    return _compare(grid, peers, options)


def digits_small(options: Options) -> str:
    """60 networks on digits."""
    peers = {SKLEARN: Peer("grid_sklearn", 1, (Aim(1.3, COLD), Aim(2, WARM)))}
    grid = Grid(rates=3, seeds=1, epochs=2 if options.quick else 20)
    return _compare(grid, peers, options)


def table(options: Options) -> str:
    """A table of 20,000 rows and 50 columns."""
    rows = 2_000 if options.quick else 20_000
    file = options.folder / "table.npy"
    write_table(file, rows)
    peers = {
        SKLEARN: Peer("grid_sklearn", 1, (Aim(3, COLD),)),
        SKORCH: Peer("grid_skorch", 1 if options.quick else 6, (Aim(8, COLD),)),
        TORCH: Peer("grid_torch", 1 if options.quick else 3, (Aim(6, COLD),)),
    }
    if options.quick:
        grid = Grid(str(file), rates=1, seeds=1, epochs=2, batch_size=100)
    else:
        grid = Grid(str(file), rates=6, seeds=1, epochs=10, batch_size=100)
    text = f"{rows:,} rows of 50 numbers and one of 5 classes, made by `make_classification`. "
    return text + _compare(grid, peers, options)


def write_table(file: Path, rows: int) -> None:
    """Write a table with 50 columns of numbers, 20 of which tell something, and a class."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        rows, 50, n_informative=20, n_redundant=10, n_classes=5, random_state=0
    )
    np.save(file, np.column_stack([x, y]).astype(np.float32))


def study(grid: Grid) -> str:
    """The grid as a study file."""
    data = ["name = 'digits'"]
    if grid.table:
        data = ["name = 'table'", f"path = '{grid.table}'", "target = '50'", "task = 'classes'"]
    parts = [
        "name = 'grid'",
        f"seeds = {grid.seeds}",
        "metric = 'accuracy'",
        "[data]",
        *data,
        "[model]",
        "name = 'mlp'",
        f"widths = [{HIDDEN}]",
        "initializer = { name = 'xavier_uniform' }",
        "[loss]",
        "name = 'cross_entropy'",
        "[validation]",
        "name = 'stratified'",
        f"folds = {FOLDS}",
    ]
    for rule in RULES:
        parts += [
            "[[algorithm]]",
            f"name = '{rule}'",
            f"learning_rate = {{ grid = {grid.values(rule)} }}",
            f"epochs = {grid.epochs}",
            f"batch_size = {grid.batch_size}",
        ]
    return "\n".join(parts) + "\n"


def _compare(grid: Grid, peers: dict[str, Peer], options: Options) -> str:
    own = EtudeRuns(study(grid), options.folder)
    sides: dict[str, Side] = {COLD: own.cold, WARM: own.warm}
    for name, peer in peers.items():
        part = replace(grid, every=peer.every)
        sides[name] = lambda peer=peer, part=part: measured(
            peer.module, part.work, part.networks / grid.networks
        )
    rounds = in_rounds(sides, options.repeats, options.tell)
    aims = {name: peer.aims for name, peer in peers.items()}
    return (
        f"{grid}; {HIDDEN} hidden units with ReLU, inputs standardized as fitted to the training "
        "rows, cross-entropy, single precision. Seconds from the start of a process to its end. "
        "Étude measures loss and accuracy after every epoch, on the test rows and on as many "
        "training rows, and writes a store with all of it and the evidence; peers measure accuracy "
        "on the test rows at the end.\n\n"
        + comparison(rounds, (COLD, WARM), aims, score="best mean accuracy")
    )
