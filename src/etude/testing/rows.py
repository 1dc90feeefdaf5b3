"""What data must do: be the same every time, hold what it says, and keep held-out rows apart."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from types import new_class
from typing import Any

import jax
import numpy as np

from etude.batch import Batch
from etude.component import Component
from etude.data.base import Data, Prepared, Source
from etude.data.channel_scale import BYTE
from etude.data.rows import Rows
from etude.testing.beside import (
    QUICK,
    Beside,
    close,
    demand,
    prepared_once,
    program,
    same_bits,
    source_of,
)
from etude.validation.base import RowSplit

TRAINING, BATCH = 11, 4
"""Training rows of the split that is tried, and rows of its batches; the last batch is short."""

KEY = 3


def prepared_alike(data: Data, beside: Beside) -> None:
    """Prepared twice it is the same: content, sizes and fingerprint."""
    first, second = data.prepare(), data.prepare()
    demand(first.spec == second.spec, f"{data} has other sizes the second time it is prepared")
    demand(
        same_bits(first.arrays, second.arrays),
        f"{data} has other content the second time it is prepared: draw it from a seed of its own",
    )
    demand(
        first.fingerprint == second.fingerprint,
        f"{data} has another fingerprint the second time it is prepared",
    )


def fingerprint(data: Data, beside: Beside) -> None:
    """Other content has another fingerprint."""
    here = prepared_once(data)
    for name in type(data).model_fields:
        try:
            other = type(data)(**(dict(data) | {name: _other(getattr(data, name))})).prepare()
        except ValueError:
            continue
        if not same_content(here, other):
            demand(
                other.fingerprint != here.fingerprint,
                f"{data} has the same fingerprint with another `{name}`, which gives other "
                "content: results of one would be taken for those of the other",
            )


def same_content(first: Prepared, second: Prepared) -> bool:
    """Whether two data hold the same numbers."""
    one, other = jax.tree.leaves(first.arrays), jax.tree.leaves(second.arrays)
    shapes = [[(leaf.shape, leaf.dtype) for leaf in leaves] for leaves in (one, other)]
    return shapes[0] == shapes[1] and same_bits(one, other)


def sizes(data: Data, beside: Beside) -> None:
    """What it tells of itself fits its rows."""
    prepared = prepared_once(data)
    spec, rows = prepared.spec, prepared.rows
    demand(rows >= 1, f"{data} has {rows} rows")
    for name in ("targets", "strata", "groups", "truth", "weights"):
        told = getattr(prepared, name)
        demand(
            told is None or len(told) == rows,
            f"`{name}` of {data} are {0 if told is None else len(told)} where there are {rows} "
            "rows",
        )
    source, _ = _source(prepared, beside)
    every = np.arange(rows)
    batch = prepared.stream.evaluation(source, every, _module(prepared, beside), _key())
    for leaf in jax.tree.leaves(batch.inputs):
        demand(
            bool(np.isfinite(np.asarray(leaf)).all()) if leaf.dtype.kind == "f" else True,
            f"inputs of {data} are not finite",
        )
    if spec.task in ("classes", "numbers") and hasattr(batch.inputs, "shape"):
        demand(
            batch.inputs.shape[1:] == spec.inputs,
            f"`spec.inputs` of {data} is {list(spec.inputs)} and a row of its inputs has the "
            f"shape {list(batch.inputs.shape[1:])}",
        )
    if spec.task == "numbers":
        demand(
            batch.targets.shape[1:] == (spec.targets,),
            f"targets of {data} must have the shape [rows, {spec.targets}], got "
            f"{list(batch.targets.shape)}",
        )
    if spec.task == "tokens":
        targets = np.asarray(batch.targets)
        low, high = int(targets.min()), int(targets.max())
        demand(
            batch.targets.shape == batch.inputs.shape and low >= -1 and high < spec.vocabulary,
            f"targets of {data} must be tokens below {spec.vocabulary} at every step, or -1, got "
            f"the shape {list(batch.targets.shape)} and {low} to {high}",
        )
    if spec.task == "classes" and batch.targets.ndim == 1:
        targets = np.asarray(batch.targets)
        low, high = int(targets.min()), int(targets.max())
        demand(
            low >= 0 and high < len(spec.classes),
            f"targets of {data} must be class numbers below {len(spec.classes)}, got {low} to "
            f"{high}",
        )


def every_row(data: Data, beside: Beside) -> None:
    """An epoch draws every training row exactly once, and no other."""
    prepared = prepared_once(data)
    stream = prepared.stream
    if not isinstance(stream, Rows):
        return
    source, split = _source(prepared, beside)
    drawn: list[int] = []
    draw = type(stream).drawn

    def noting(self: Rows, source: Source, index: Any, weights: Any, key: Any) -> Batch:
        drawn.extend(np.asarray(index)[np.asarray(weights) > 0].tolist())
        return draw(self, source, index, weights, key)

    noted = _replaced(stream, "drawn", noting)
    for epoch in range(2):
        drawn.clear()
        for _ in _epoch(noted, source, _module(prepared, beside), epoch):
            pass
        demand(
            sorted(drawn) == sorted(split.train.tolist()),
            f"an epoch of {data} draws the rows {sorted(drawn)}, and its training rows are "
            f"{sorted(split.train.tolist())}",
        )


def evaluation(data: Data, beside: Beside) -> None:
    """Its evaluation is of the rows asked for, each the same whatever the others."""
    prepared = prepared_once(data)
    source, _ = _source(prepared, beside)
    module = _module(prepared, beside)
    few = np.unique(np.linspace(0, prepared.rows - 1, BATCH).astype(np.int64))

    def evaluated(rows: np.ndarray) -> Any:
        batch = prepared.stream.evaluation(source, rows, module, _key())
        for leaf in jax.tree.leaves((batch.inputs, batch.weights)):
            demand(
                leaf.shape[0] == len(rows),
                f"the evaluation of {len(rows)} rows of {data} gives {leaf.shape[0]}",
            )
        demand(
            bool(np.all(np.asarray(batch.weights) == 1)),
            f"rows in the evaluation of {data} must weigh 1: their roles weigh them",
        )
        return _numbers(batch)

    demand(
        close(
            jax.tree.map(lambda leaf: np.asarray(leaf)[::-1], evaluated(few[::-1])), evaluated(few)
        ),
        f"the evaluation of {data} gives other rows where they are asked for in another order",
    )


def held_out(data: Data, beside: Beside) -> None:
    """Nothing of the rows that are held out reaches training: neither batches nor scaling."""
    prepared = data.prepare()
    prepared = replace(prepared, arrays=jax.tree.map(np.array, prepared.arrays))
    module = _module(prepared, beside)
    source, split = _source(prepared, beside)
    before = source.fitted, list(_epoch(prepared.stream, source, module))
    outside = np.setdiff1d(np.arange(prepared.rows), split.train)
    # Arrays that belong to the memory of another library stay as they are.
    reached = _arrays((prepared.arrays, prepared.fit), prepared.rows)
    arrays = [array for array in reached if array.flags.writeable]
    kept = [array.copy() for array in arrays]
    for array in arrays:
        array[outside] = _spoilt(array, outside, split.train)
    source, _ = _source(prepared, beside)
    after = source.fitted, list(_epoch(prepared.stream, source, module))
    for array, content in zip(arrays, kept, strict=True):
        array[...] = content
    demand(
        same_bits(before[0], after[0]),
        f"what {data} fits to training rows depends on rows that are held out",
    )
    demand(
        same_bits(before[1], after[1]),
        f"the training batches of {data} depend on rows that are held out",
    )


def fitted(data: Data, beside: Beside) -> None:
    """What is fitted is fitted to the training rows that it is given."""
    prepared = prepared_once(data)
    rows = np.arange(prepared.rows)
    if prepared.rows < 4:
        return
    # Evenly spaced rows, such as times, spread in one half as in the other, but not in a third.
    some = (rows[::2], rows[1::2], rows[::3])
    parts = [prepared.fit(part, np.ones(len(part))) for part in some]
    paths = [
        jax.tree_util.keystr(path).strip("[]'.") for path, _ in jax.tree.leaves_with_path(parts[0])
    ]
    for path, first, *others in zip(paths, *map(jax.tree.leaves, parts), strict=True):
        # 0, 1 and the step of a byte are what is not fitted
        alike = all(np.array_equal(first, other) for other in others)
        alike = alike and not np.isin(first, (0, 1, BYTE)).all()
        demand(
            not alike,
            f"`{path}` of what {data} fits is the same for one half of the rows, for the "
            "other and for a third: is it fitted to all rows?",
        )


def in_programs(data: Data, beside: Beside) -> None:
    """Batches are drawn inside programs, of several members side by side."""
    prepared = prepared_once(data)
    stream = prepared.stream
    source, _ = _source(prepared, beside)
    module = _module(prepared, beside)

    def first_batch(seed: Any) -> Any:
        key = jax.random.key(seed)
        carry = _begun(stream, source, key)
        return _numbers(stream.batch(source, carry, 0, BATCH, module, key)[1])

    both = jax.jit(jax.vmap(first_batch), compiler_options=QUICK)(np.array([KEY, KEY + 1]))
    demand(
        close(jax.tree.map(lambda leaf: np.asarray(leaf)[0], both), first_batch(KEY)),
        f"{data} draws other rows inside a program",
    )


CHECKS = (
    prepared_alike,
    fingerprint,
    sizes,
    every_row,
    evaluation,
    held_out,
    fitted,
    in_programs,
)


def _key() -> Any:
    return jax.random.key(KEY)


def _source(prepared: Prepared, beside: Beside) -> tuple[Source, RowSplit]:
    """The source of a split that trains on a few rows, spread over the data."""
    rows = prepared.rows
    count = min(TRAINING, max(1, rows // 2))
    train = np.unique(np.linspace(0, rows - 1, count).astype(np.int64))
    test = np.setdiff1d(np.arange(rows), train)[:50]
    split = RowSplit(train, np.empty(0, np.int64), test)
    return source_of(prepared, split), split


def _module(prepared: Prepared, beside: Beside) -> Any:
    """The network that a stream may act by; none where none is given."""
    if beside.model is None or beside.loss is None:
        return None
    from flax import nnx

    spec = prepared.spec
    return beside.model.build(spec, beside.loss.outputs(spec), nnx.Rngs(0))


def _epoch(stream: Any, source: Source, module: Any, number: int = 0) -> Iterator[Any]:
    """The numbers of every batch of an epoch."""

    carry = program(_begun, stream)(source, jax.random.key(KEY + number))
    for index in range(int(stream.batches(source, BATCH))):
        carry, batch = stream.batch(source, carry, index, BATCH, module, jax.random.key(index))
        yield _numbers(batch)


def _begun(stream: Any, source: Source, key: Any) -> Any:
    return stream.epoch(source, stream.init(source, key), key)


def _numbers(batch: Batch) -> Any:
    return batch.inputs, batch.targets, batch.weights


def _replaced(stream: Component, method: str, function: Callable[..., Any]) -> Any:
    """The component with another method."""
    cls = type(stream)
    body = {method: function, "__module__": cls.__module__}
    # A kind that is given keeps the class out of the registry.
    noted = new_class(cls.__name__, (cls,), {"kind": cls.kind}, lambda made: made.update(body))
    return noted(**dict(stream))


def _other(held: Any) -> Any:
    match held:
        case bool():
            return not held
        case int():
            return held + 1
        case float():
            return held * 0.5 + 0.25
    raise ValueError("no other value is known")


def _spoilt(array: np.ndarray, outside: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Other values for rows that are held out: far off, or those of training rows."""
    if array.dtype.kind == "f":
        return 1000.0 - 7 * np.nan_to_num(array[outside])
    return array[np.resize(train, len(outside))]


def _arrays(held: Any, rows: int, seen: set[int] | None = None) -> Iterator[np.ndarray]:
    """Every array with a row for each of the data that can be reached: in fields and closures."""
    seen = set() if seen is None else seen
    if id(held) in seen:
        return
    seen.add(id(held))
    parts: list[Any] = []
    match held:
        case np.ndarray():
            if held.ndim and held.shape[0] == rows:
                yield held
        case dict():
            parts = list(held.values())
        case list() | tuple():
            parts = list(held)
        case partial():
            parts = [held.func, *held.args, *held.keywords.values()]
        case _ if is_dataclass(held) and not isinstance(held, type):
            parts = [getattr(held, field.name) for field in fields(held)]
        case _ if getattr(held, "__closure__", None):
            parts = [cell.cell_contents for cell in held.__closure__]
        case _ if getattr(held, "__self__", None) is not None:
            parts = [held.__self__]
        case _ if hasattr(held, "__dict__") and not isinstance(held, type | Component):
            parts = list(vars(held).values())
    for part in parts:
        yield from _arrays(part, rows, seen)
