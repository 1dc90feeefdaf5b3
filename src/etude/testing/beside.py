"""What a component is tried with: small problems, and the other parts of a study."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from etude.batch import Batch, Spec
from etude.component import Component
from etude.data.base import Data, Prepared, Source, Split
from etude.data.rows import Rows
from etude.data.synthetic_classes import Blobs, Moons
from etude.data.synthetic_regression import LinearRegression
from etude.data.synthetic_sequences import AddingProblem
from etude.data.table import Table
from etude.engine.material import Material
from etude.errors import InputError
from etude.loss.base import Loss
from etude.loss.classification import CrossEntropy
from etude.loss.next_token import NextToken
from etude.loss.regression import MSE
from etude.model.base import Model
from etude.model.linear import Linear
from etude.model.rnn import RNN
from etude.testing.images import SmallImages
from etude.testing.text import SmallText
from etude.validation.base import RowSplit

ROWS = 12
"""The rows of a batch on which components are tried."""

QUICK = {"xla_backend_optimization_level": 0}
"""Programs that are run once take longer to compile than to run."""


def demand(holds: Any, sentence: str) -> None:
    """Raise an AssertionError with this sentence unless something holds."""
    if not holds:
        raise AssertionError(sentence)


def close(first: Any, second: Any, relative: float = 1e-4, absolute: float = 1e-5) -> bool:
    """Whether two trees of numbers agree up to rounding."""
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.shape(a) == np.shape(b) and _near(a, b, relative, absolute) for a, b in pairs)


def _near(first: Any, second: Any, relative: float, absolute: float) -> bool:
    return np.allclose(np.asarray(first), np.asarray(second), relative, absolute, equal_nan=True)


def same_bits(first: Any, second: Any) -> bool:
    """Whether two trees of numbers are the same bit for bit."""
    pairs = list(zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True))
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


@dataclass(frozen=True)
class Problem:
    """Rows of some data, and what a network is to give for them.

    Attributes:
        spec: the sizes of the data.
        batch: `ROWS` rows of weight 1.
        loss: what outputs are for.
        outputs: how many numbers the network gives for each row.
    """

    spec: Spec
    batch: Batch
    loss: Loss
    outputs: int


@dataclass(frozen=True)
class Beside:
    """The other parts of a study that a component is tried with.

    Attributes:
        data: where rows come from; by default small tables of numbers and of classes, or images
            and text for a component that has no meaning for them.
        model: by default linear, and recurrent for text.
        loss: by default squared error for numbers and cross-entropy for classes and text.
    """

    data: tuple[Data, ...] = ()
    model: Model | None = None
    loss: Loss | None = None

    def prepared(self, component: Any) -> dict[Data, Prepared]:
        """The data for which the component has a meaning."""
        found = {}
        for candidates in (self.data,) if self.data else (small(), shaped()):
            for data in candidates:
                prepared = prepared_once(data)
                try:
                    component.check(prepared.spec)
                except InputError:
                    continue
                found[data] = prepared
            if found:
                break
        demand(
            found,
            f"{component} refuses all data that it is tried with: give some that it has a "
            "meaning for, as check(..., data=...)",
        )
        return found

    def problems(self, component: Any) -> list[Problem]:
        """Small problems for which the component has a meaning."""
        found = []
        for data, prepared in self.prepared(component).items():
            spec = prepared.spec
            loss = component if isinstance(component, Loss) else self.loss or _usual(spec)
            outputs = loss.outputs(spec)
            if isinstance(prepared.stream, Rows):
                batch = _rows_once(data)
            else:
                model = component if isinstance(component, Model) else self.model or Linear()
                batch = _rows(prepared, model.build(spec, outputs, nnx.Rngs(0)))
            found.append(Problem(spec, batch, loss, outputs))
        return found

    def module(self, problem: Problem) -> nnx.Module:
        """A network for a problem, with its initial weights."""
        usual = RNN(width=4, embedding=4) if problem.spec.task == "tokens" else Linear()
        return (self.model or usual).build(problem.spec, problem.outputs, nnx.Rngs(0))


def _usual(spec: Spec) -> Loss:
    if spec.task == "tokens":
        return NextToken()
    demand(
        spec.task in ("classes", "numbers"),
        f"data of the task {spec.task!r} have no usual loss: give one, as check(..., loss=...)",
    )
    return CrossEntropy() if spec.task == "classes" else MSE()


@lru_cache
def small() -> tuple[Data, ...]:
    """One and two targets of numbers, three and two classes."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(36, 3))
    targets = inputs @ generator.normal(size=(3, 2)) + generator.normal(size=(36, 2))
    return (
        LinearRegression(rows=36),
        Table.from_arrays(inputs, targets),
        Blobs(rows=36, classes=3),
        Moons(rows=36),
    )


@lru_cache
def shaped() -> tuple[Data, ...]:
    """Rows that are no features side by side, for components that have no meaning for tables."""
    return (SmallImages(), SmallText(), AddingProblem(rows=36, steps=5))


@lru_cache(maxsize=16)
def prepared_once(data: Data) -> Prepared:
    """The data on the host; they are prepared once for many checks."""
    return data.prepare()


def source_of(prepared: Prepared, split: RowSplit) -> Source:
    """What the stream of a member on this split reads, as the engine puts it together."""
    shared = Material(prepared, (split,), ()).shared
    fitted, of_split = jax.tree.map(lambda leaf: leaf[0], (shared.fitted, shared.splits))
    return jax.tree.map(jnp.asarray, Source(shared.arrays, fitted, Split(*of_split)))


@lru_cache(maxsize=16)
def _rows_once(data: Data) -> Batch:
    """The rows of a table, which are the same for every network."""
    return _rows(prepared_once(data), None)


def _rows(prepared: Prepared, module: Any) -> Batch:
    """`ROWS` rows of the evaluation, spread over the data; again from the first where few."""
    every = np.arange(prepared.rows)
    empty = np.empty(0, np.int64)
    source = source_of(prepared, RowSplit(every, empty, empty))
    count = prepared.rows
    if count < ROWS:
        chosen = np.arange(ROWS) % count
    else:
        chosen = np.linspace(0, count - 1, ROWS).round().astype(int)
    return prepared.stream.evaluation(source, jnp.asarray(chosen), module, jax.random.key(0))


def outputs_of(module: nnx.Module, loss: Loss, batch: Batch) -> Any:
    """Outputs for a batch, and what the module keeps beside its weights afterwards."""
    graph, params, rest = nnx.split(module, nnx.Param, ...)
    return program(_evaluated, graph, loss)(params, rest, batch)


def _evaluated(graph: Any, loss: Loss, params: Any, rest: Any, batch: Batch) -> Any:
    module = nnx.merge(graph, params, rest, copy=True)
    return loss.evaluate(module, batch), nnx.split(module, nnx.Param, ...)[2]


def program(function: Callable[..., Any], *parts: Any) -> Callable[..., Any]:
    """`function(*parts, ...)` as a program, compiled once for equal parts and shapes.

    Args:
        function: one of a module, so that it is the same at every call.
        parts: its first arguments; what they hold is constant in the program.
    """
    try:
        return _program(function, parts)
    except TypeError:  # a network may hold what has no hash, such as a list of numbers
        return jax.jit(partial(function, *parts), compiler_options=QUICK)


@lru_cache(maxsize=64)
def _program(function: Callable[..., Any], parts: tuple[Any, ...]) -> Callable[..., Any]:
    return jax.jit(partial(function, *parts), compiler_options=QUICK)


def others(component: Component, part: float = 0.97) -> Component:
    """The component with every traced number changed a little."""
    return jax.tree.map(lambda leaf: leaf * part, component)


def is_float(leaf: Any) -> bool:
    """Whether an array holds floating-point numbers."""
    return bool(jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.floating))
