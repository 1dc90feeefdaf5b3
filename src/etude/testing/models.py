"""What a model must do."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from etude.batch import Batch
from etude.model.base import Model
from etude.testing.beside import (
    QUICK,
    ROWS,
    Beside,
    Problem,
    close,
    demand,
    is_float,
    outputs_of,
    same_bits,
)

PADDED = 4
"""How many rows of a padded batch weigh 0."""


def output_shape(model: Model, beside: Beside) -> None:
    """It gives for every row as many finite numbers as the loss wants."""
    for problem in _problems(model, beside):
        outputs, _ = outputs_of(_module(model, problem), problem.loss, problem.batch)
        for leaf in jax.tree.leaves(outputs):
            demand(
                leaf.shape[:1] == (ROWS,),
                f"{model} gives outputs of shape {list(leaf.shape)} for {ROWS} rows",
            )
            demand(np.isfinite(leaf).all(), f"{model} gives outputs that are not finite")
        if isinstance(outputs, jax.Array) and beside.loss is None:
            steps = problem.spec.inputs if problem.spec.task == "tokens" else ()
            wanted = (ROWS, *steps, problem.outputs)
            demand(
                outputs.shape == wanted,
                f"{model} gives outputs of shape {list(outputs.shape)} where the loss wants "
                f"{list(wanted)}",
            )


def same_key(model: Model, beside: Beside) -> None:
    """The same key draws the same weights: they come from `rngs` and the sizes alone."""
    for problem in _problems(model, beside):
        first, second = (_parts(_module(model, problem))[1:] for _ in range(2))
        demand(
            jax.tree.structure(first) == jax.tree.structure(second) and _same(first, second),
            f"{model} draws other weights from the same key: random numbers must come from `rngs`",
        )


def traced(model: Model, beside: Beside) -> None:
    """It is built inside programs too, where its traced numbers are tracers."""
    for problem in _problems(model, beside):

        def built(model: Model, problem: Problem = problem) -> Any:
            return _parts(_module(model, problem))[1]

        inside = jax.jit(built, compiler_options=QUICK)(model)
        demand(
            close(inside, built(model)),
            f"{model} has other weights where it is built inside a program",
        )


def batch_sizes(model: Model, beside: Beside) -> None:
    """In evaluation a row has the same outputs in batches of any size."""
    for problem in _problems(model, beside):
        module = _module(model, problem)
        module.eval()
        whole, _ = outputs_of(module, problem.loss, problem.batch)
        for size in (1, 5):
            few = jax.tree.map(lambda leaf, size=size: np.asarray(leaf)[:size], whole)
            found, _ = outputs_of(module, problem.loss, _first(problem.batch, size))
            demand(
                close(found, few),
                f"{model} gives rows other outputs in a batch of {size} than in one of {ROWS}",
            )


def causal(model: Model, beside: Beside) -> None:
    """Where there is a target at every step, what it gives there depends on no later step."""
    for problem in _problems(model, beside):
        if problem.spec.task != "tokens":
            continue
        module = _module(model, problem)
        module.eval()
        before, _ = outputs_of(module, problem.loss, problem.batch)
        seen = problem.spec.inputs[0] // 2
        other = (np.asarray(problem.batch.inputs) + 1) % problem.spec.vocabulary
        later = np.arange(problem.spec.inputs[0]) >= seen
        changed = problem.batch._replace(inputs=np.where(later, other, problem.batch.inputs))
        after, _ = outputs_of(module, problem.loss, changed)
        demand(
            close(after[:, :seen], before[:, :seen]),
            f"{model} tells what follows from what comes later: its outputs at a step must not "
            "depend on the steps behind it",
        )
        demand(
            not close(after[:, seen:], before[:, seen:]),
            f"{model} gives the same outputs whatever its inputs are",
        )


def padding(model: Model, beside: Beside) -> None:
    """In training, rows of weight 0 change neither the outputs of others nor what is kept."""
    kept = ROWS - PADDED
    weights = np.where(np.arange(ROWS) < kept, 1.0, 0.0)
    for problem in _problems(model, beside):
        module = _module(model, problem)
        module.train()
        found: list[Any] = []
        for filled in (problem.batch, _refilled(problem.batch, kept)):
            outputs, rest = outputs_of(module, problem.loss, filled._replace(weights=weights))
            found.append(
                (jax.tree.map(lambda leaf: np.asarray(leaf)[:kept], outputs), _plain(rest))
            )
        demand(
            close(found[0], found[1]),
            f"{model} gives rows other outputs, or keeps other statistics, where padded rows of "
            "weight 0 hold something else: its call must take `weights` and leave those rows out",
        )


def gradients(model: Model, beside: Beside) -> None:
    """The gradient with respect to its weights is finite."""
    for problem in _problems(model, beside):
        graph, params, rest = _parts(_module(model, problem))

        def squares(params: Any, graph: Any = graph, rest: Any = rest, p: Any = problem) -> Any:
            module = nnx.merge(graph, params, rest, copy=True)
            module.train()
            outputs = p.loss.evaluate(module, p.batch)
            return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(outputs))

        gradient = jax.jit(jax.grad(squares), compiler_options=QUICK)(params)
        demand(
            all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient)),
            f"the gradient of the outputs of {model} is not finite at its initial weights",
        )


CHECKS = (output_shape, same_key, traced, batch_sizes, causal, padding, gradients)


def _problems(model: Model, beside: Beside) -> Iterable[Problem]:
    """One problem of each task: networks know them by the number of outputs alone."""
    return {problem.spec.task: problem for problem in beside.problems(model)}.values()


def _module(model: Model, problem: Problem) -> nnx.Module:
    return model.build(problem.spec, problem.outputs, nnx.Rngs(jax.random.key(1)))


def _parts(module: nnx.Module) -> Any:
    return nnx.split(module, nnx.Param, ...)


def _plain(tree: Any) -> list[Any]:
    """The numbers of a tree; keys of random numbers, as of dropout, as their words."""
    return [
        jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        for leaf in jax.tree.leaves(tree)
    ]


def _same(first: Any, second: Any) -> bool:
    return same_bits(_plain(first), _plain(second))


def _first(batch: Batch, size: int) -> Batch:
    inputs, targets, weights = jax.tree.map(
        lambda leaf: np.asarray(leaf)[:size], (batch.inputs, batch.targets, batch.weights)
    )
    return batch._replace(inputs=inputs, targets=targets, weights=weights)


def _refilled(batch: Batch, kept: int) -> Batch:
    """The batch with other inputs in the rows from `kept` on."""

    def other(leaf: Any) -> Any:
        leaf = np.asarray(leaf)
        filled = 30 - 7 * leaf[kept:] if is_float(leaf) else leaf[: ROWS - kept]
        return np.concatenate([leaf[:kept], filled])

    return batch._replace(inputs=jax.tree.map(other, batch.inputs))
