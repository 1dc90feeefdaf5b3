"""A leak detector: does anything of held-out rows reach those that train?

One line looks for leaks in a validation, in data, in an algorithm, or in all together:

    def test_nothing_leaks() -> None:
        assert etude.testing.leaks(MyValidation(), my_data, algorithm=MyAlgorithm()) == {}

where `my_data` makes data from columns: `lambda columns: MyData(columns["number"], ...)`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from etude.algorithm.adam import Adam
from etude.algorithm.base import Algorithm
from etude.batch import ROLES
from etude.data.base import Data
from etude.data.table import Table
from etude.engine.device import current_device
from etude.engine.material import Material
from etude.engine.plan import Plan, plan
from etude.engine.population import Population
from etude.execution.rows import rows_of
from etude.execution.streaming import trained_alone
from etude.loss.regression import MSE
from etude.model.linear import Linear
from etude.study import Study
from etude.testing.beside import QUICK, Beside, demand, same_bits
from etude.testing.validations import APART, dealt
from etude.validation.base import RowSplit, Validation
from etude.validation.kfold import KFold

ROWS = 120
MOST_SPLITS = 6
"""Of more splits so many, evenly spread, are tried."""

HELPED = 0.5
"""A column helps where it explains more than this share of the variance of held-out targets.

The weight of a column of noise in some 80 rows is ±0.11, so that it seems to explain up to about
0.3; a column that holds the target in all rows explains 1.
"""

Columns = Mapping[str, np.ndarray]
Maker = Callable[[Columns], Data]


def table(columns: Columns) -> Data:
    """A table in memory of these columns, which predicts `target`."""
    import polars

    return Table.from_frame(polars.DataFrame(dict(columns)), target="target", task="numbers")


def leaks(
    validation: Validation | None = None,
    make: Maker = table,
    *,
    rows: int = ROWS,
    algorithm: Algorithm | None = None,
) -> dict[str, str]:
    """What leaks from held-out rows, by the name of the check; {} where nothing does.

    - `roles`, `inner_rows`, `groups`, `order`: the rows of a split stand apart, those that choose
      for another split come from its training rows, groups stay together where the validation
      says so, and a series goes forward.
    - `fitted`: what training rows look like, scaled and encoded, stays the same bit for bit when
      everything in the other rows changes: numbers, words that were never seen, targets. Features
      in which all training rows are alike tell nothing and do not count.
    - `column`: a column that holds the target in the held-out rows, and noise in the others, does
      not help least squares on the training rows to predict them.
    - `trained`: a linear network that the engine trains, with the batches and augmentations of
      the data and with the algorithm, has the same losses on its training rows bit for bit when
      the numbers and targets of the other rows change. Tried where data or an algorithm are
      given, and `fitted` is not found, from which this follows.

    Args:
        validation: how rows are dealt; by default 5 folds.
        make: makes data from columns of `rows` cells, in their order: "number" and "held_out"
            of numbers, "word" of text, and "target", numbers to be predicted. By default a table.
        rows: how many rows are dealt.
        algorithm: what trains, with its ensemble if it has one; by default Adam for two epochs.
            One that stops early may look at validation rows.
    """
    validation = KFold() if validation is None else validation
    found: dict[str, str] = {}
    for check in APART:
        _note(found, check.__name__, partial(check, validation, Beside()))
    splits = [
        split
        for split in dealt(validation, rows).splits
        if not np.array_equal(split.train, split.test)  # such a fit forecasts nothing
    ]
    if not splits:
        return found
    places = np.unique(np.linspace(0, len(splits) - 1, min(len(splits), MOST_SPLITS)).round())
    tried = [splits[int(place)] for place in places]
    _note(found, "fitted", partial(_fitted, tried, make, rows))
    _note(found, "column", partial(_column, tried, make, rows))
    if "fitted" not in found and (make is not table or algorithm is not None):
        algorithm = Adam(learning_rate=0.05, epochs=2) if algorithm is None else algorithm
        _note(found, "trained", partial(_trained, tried[0], make, rows, algorithm))
    return found


def _note(found: dict[str, str], name: str, check: Callable[[], None]) -> None:
    try:
        check()
    except AssertionError as error:
        found[name] = str(error)


def _columns(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Columns that tell nothing of the target."""
    generator = np.random.default_rng(seed)
    return {
        "number": generator.normal(size=rows),
        "held_out": generator.normal(size=rows),
        "word": generator.choice(["one", "two", "three"], size=rows).astype(object),
        "target": generator.normal(size=rows),
    }


def _fitted(splits: list[RowSplit], make: Maker, rows: int) -> None:
    """Training rows look the same whatever the others hold."""
    columns = _columns(rows, 0)
    for number, split in enumerate(splits):
        others = np.setdiff1d(np.arange(rows), split.train)
        changed = _changed(columns, others, number)
        generator = np.random.default_rng(number)
        changed["word"][others] = generator.choice(["two", "four"], size=len(others))
        seen = [_seen(make(each), split) for each in (columns, changed)]
        demand(
            same_bits(*seen),
            f"training rows change with rows that do not train, in a split of {len(split.train)} "
            f"training rows: {_where(*seen)}; fit scales, vocabularies and means to the training "
            "rows of each split, in `Prepared.fit`",
        )


def _changed(columns: Columns, others: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The columns with other numbers and targets in some rows."""
    generator = np.random.default_rng(seed)
    changed = {name: values.copy() for name, values in columns.items()}
    for name in ("number", "held_out", "target"):
        changed[name][others] = 50 + 20 * generator.normal(size=len(others))
    return changed


def _trained(split: RowSplit, make: Maker, rows: int, algorithm: Algorithm) -> None:
    """A network goes the same way whatever the rows hold that do not train it.

    Words stay, for one that was never seen may ask for another feature, and so for a weight more.
    """
    read = split.train
    if algorithm.stopping is not None:
        read = np.concatenate([read, split.validation])
    columns = _columns(rows, 0)
    changed = _changed(columns, np.setdiff1d(np.arange(rows), read), 0)
    first, second = _losses([make(columns), make(changed)], split, algorithm)
    demand(
        same_bits(first, second),
        f"a network that trains on {len(split.train)} rows goes another way when other rows "
        f"change: its training loss ends at {first[-1]:.3g} or {second[-1]:.3g}; batches, "
        "augmentations and ensembles may draw from training rows alone",
    )


def _losses(several: list[Data], split: RowSplit, algorithm: Algorithm) -> list[np.ndarray]:
    """`[epochs]` for each data: the losses on training rows of a split that trains on them."""
    found: list[np.ndarray] = []
    population = None
    for data in several:
        study = Study(data=data, model=Linear(), loss=MSE(), algorithm=algorithm)
        material, device = Material(data.prepare(), (split,), ()), current_device(1)
        whole = plan(study, device, Plan(study, (), (), (material,), (), device))
        (program,) = whole.programs
        if population is None or population.member.task != program.task:
            options = {name: str(value) for name, value in QUICK.items()}
            population = Population(program.training, program.width, options)
        epochs = program.task.all_epochs
        trained = trained_alone(whole, 0, population, material.on_device(), 0, epochs)
        assert trained is not None
        _, carry = population.unstack(trained, 1)[0]
        history = np.asarray(carry.history, np.float64)[: int(carry.epoch)]
        found.append(history[:, ROLES.index("train"), program.training.columns[0]].ravel())
    return found


def _column(splits: list[RowSplit], make: Maker, rows: int) -> None:
    """A column that holds the target in held-out rows alone does not help to predict them."""
    errors, spreads = [], []
    for number, split in enumerate(splits):
        columns = _columns(rows, 1 + number)
        held = np.concatenate([split.validation, split.test])
        columns["held_out"][held] = columns["target"][held]
        material = Material(make(columns).prepare(), (split,), ())
        batch = rows_of(material, 0, np.arange(rows))
        inputs = np.concatenate([_flat(batch.inputs), np.ones((rows, 1))], axis=1)
        targets = _flat(batch.targets)
        roots = np.sqrt(split.weights if split.weights.size else np.ones(len(split.train)))[:, None]
        weights = np.linalg.lstsq(
            roots * inputs[split.train], roots * targets[split.train], rcond=None
        )[0]
        errors.append((inputs[held] @ weights - targets[held]) ** 2)
        spreads.append((targets[held] - targets[split.train].mean()) ** 2)
    # Over all rows at once: where few are held out, one near the mean can be predicted by nothing.
    share = 1 - np.concatenate(errors).mean() / np.concatenate(spreads).mean()
    demand(
        share <= HELPED,
        "a column that holds the target in held-out rows alone explains "
        f"{share:.2f} of their variance: held-out rows reach training",
    )


def _seen(data: Data, split: RowSplit) -> dict[str, np.ndarray]:
    """What a learner sees of training rows: features in which they differ, targets, weights."""
    material = Material(data.prepare(), (split,), ())
    # Filled up with the same rows again: splits of all sizes are then read by one program.
    count = len(split.train)
    batch = rows_of(material, 0, np.resize(split.train, max(count, material.prepared.rows)))
    inputs = _flat(batch.inputs)[:count]
    differing = inputs.max(axis=0) > inputs.min(axis=0)
    scales = {"scale of targets": batch.scale, "offset of targets": batch.offset}
    return {
        "inputs": inputs[:, differing],
        "targets": _flat(batch.targets)[:count],
        "weights": material.shared.splits.weights[0, split.train],
        **{name: np.asarray(value) for name, value in scales.items()},
    }


def _where(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> str:
    return " and ".join(_different(first, second))


def _different(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> Iterator[str]:
    for name, values in first.items():
        other = second[name]
        if values.shape != other.shape:
            yield f"{name} of {values.shape[1]} and {other.shape[1]} features"
        elif values.tobytes() != other.tobytes():
            yield f"{name} by up to {np.abs(values - other).max():.2g}"


def _flat(tree: Any) -> np.ndarray:
    """`[rows, features]` in double precision."""
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
