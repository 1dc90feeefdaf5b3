"""What a loss must do."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.flatten_util import ravel_pytree

from etude.batch import Batch
from etude.errors import InputError
from etude.loss.base import Loss, weighted_mean
from etude.testing.beside import (
    QUICK,
    ROWS,
    Beside,
    Problem,
    close,
    demand,
    is_float,
    outputs_of,
)

PADDED = 3
"""How many rows are added that weigh 0."""


def value_per_row(loss: Loss, beside: Beside) -> None:
    """It gives a finite value for every row."""
    for problem in beside.problems(loss):
        outputs = loss.outputs(problem.spec)
        demand(
            isinstance(outputs, int) and outputs >= 1,
            f"`outputs` of {loss} must be a whole number of at least 1, got {outputs!r}",
        )
        values = loss(_outputs(beside, problem), problem.batch)
        demand(
            values.shape == (ROWS,) and is_float(values),
            f"{loss} must give a number for each row, of shape {[ROWS]}, got "
            f"{values.dtype}{list(values.shape)}",
        )
        demand(np.isfinite(values).all(), f"{loss} gives values that are not finite")


def prediction(loss: Loss, beside: Beside) -> None:
    """Its prediction is log-probabilities of classes or tokens, or a number for each target."""
    for problem in beside.problems(loss):
        found = loss.prediction(_outputs(beside, problem))
        spec = problem.spec
        if spec.task == "classes":
            shape: tuple[int, ...] = (ROWS, len(spec.classes))
        elif spec.task == "numbers":
            shape = (ROWS, spec.targets)
        elif spec.task == "tokens":
            shape = (ROWS, spec.targets, spec.vocabulary)
        else:
            continue
        demand(
            found.shape == shape,
            f"`prediction` of {loss} must have the shape {list(shape)}, got {list(found.shape)}",
        )
        demand(
            spec.task == "numbers" or close(jnp.sum(jnp.exp(found), -1), jnp.ones(shape[:-1])),
            f"`prediction` of {loss} must be logarithms of probabilities, and these do not add "
            "up to 1",
        )


def deviation(loss: Loss, beside: Beside) -> None:
    """Its standard deviations, if it tells any, are positive, one for each target."""
    for problem in beside.problems(loss):
        try:
            found = loss.deviation(_outputs(beside, problem))
        except InputError:
            continue
        shape = (ROWS, problem.spec.targets)
        demand(
            found.shape == shape and bool(jnp.all(found > 0)),
            f"`deviation` of {loss} must be greater than 0 and of shape {list(shape)}, got the "
            f"shape {list(found.shape)} and {float(jnp.min(found)):g} as the least",
        )


def traced(loss: Loss, beside: Beside) -> None:
    """It is computed inside programs too, where its traced numbers are tracers."""
    for problem in beside.problems(loss):
        outputs = _outputs(beside, problem)

        def values(loss: Loss, problem: Problem = problem, outputs: Any = outputs) -> Any:
            return loss(outputs, problem.batch), loss.prediction(outputs)

        inside = jax.jit(values, compiler_options=QUICK)(loss)
        demand(close(inside, values(loss)), f"{loss} has other values inside a program")


def shares(loss: Loss, beside: Beside) -> None:
    """Where its class says that it takes shares of classes, a class alone is a share of 1."""
    for problem in beside.problems(loss):
        if not loss.takes_shares or problem.spec.task != "classes":
            continue
        outputs, batch = _outputs(beside, problem), problem.batch
        classes = len(problem.spec.classes)
        values = [
            loss(outputs, batch._replace(targets=targets))
            for targets in (batch.targets, jax.nn.one_hot(batch.targets, classes))
        ]
        demand(
            close(*values),
            f"{loss} says that it takes shares of classes, and has another value for a share of 1 "
            "than for the number of the class",
        )


def weightless_rows(loss: Loss, beside: Beside) -> None:
    """Rows of weight 0 have no influence, also where their own loss is not finite."""
    for problem in beside.problems(loss):
        objective, params = _of_weights(loss, beside.module(problem))
        both = jax.jit(jax.value_and_grad(objective), compiler_options=QUICK)
        value, gradient = both(params, _padded(problem.batch, "first"))
        demand(
            value.shape == () and np.isfinite(value),
            f"the objective of {loss} must be a finite number, got {value}",
        )
        demand(
            all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient)),
            f"the gradient of the objective of {loss} is not finite",
        )
        demand(
            close((value, gradient), both(params, _padded(problem.batch, "last"))),
            f"the objective of {loss} or its gradient depends on rows of weight 0",
        )
        # Of rows whose value is infinite the derivative is not asked for: none are drawn.
        demand(
            close(value, both(params, _padded(problem.batch, "infinite"))[0]),
            f"the objective of {loss} depends on rows of weight 0 whose own loss is not finite",
        )


def finite_differences(loss: Loss, beside: Beside) -> None:
    """In double precision the gradient of its mean agrees with finite differences.

    Only for classes, numbers and tokens, and not for an objective of its own: others may hold a
    part of the gradient back, as the target of a temporal difference.
    """
    if type(loss).objective is not Loss.objective:
        return
    for problem in beside.problems(loss):
        if problem.spec.task not in ("classes", "numbers", "tokens"):
            continue
        outputs = _outputs(beside, problem)
        with jax.enable_x64(True):
            _compare(loss, _doubled(outputs), _doubled(problem.batch))


CHECKS = (
    value_per_row,
    prediction,
    deviation,
    traced,
    shares,
    weightless_rows,
    finite_differences,
)


def _of_weights(loss: Loss, module: nnx.Module) -> tuple[Callable[[Any, Batch], Any], Any]:
    """The objective as a function of the weights of a network, and its weights."""
    graph, params, rest = nnx.split(module, nnx.Param, ...)

    def objective(params: Any, batch: Batch) -> Any:
        made = nnx.merge(graph, params, rest, copy=True)
        return loss.objective(made, batch, jax.random.key(0))

    return objective, params


def _compare(loss: Loss, outputs: Any, batch: Batch) -> None:
    """The gradient with respect to outputs along three directions, and central differences."""
    point, rebuilt = ravel_pytree(outputs)

    def mean(z: Any) -> Any:
        return weighted_mean(loss(rebuilt(z), batch), batch.weights)

    both = jax.jit(jax.value_and_grad(mean), compiler_options=QUICK)
    slope = np.asarray(both(point)[1])
    demand(np.isfinite(slope).all(), f"the gradient of {loss} is not finite")
    generator = np.random.default_rng(0)
    for _ in range(3):
        direction = generator.normal(size=point.shape)
        ahead, behind = (float(both(point + h * direction)[0]) for h in (1e-6, -1e-6))
        measured, told = (ahead - behind) / 2e-6, float(slope @ direction)
        demand(
            np.isclose(told, measured, 1e-5, 1e-7),
            f"the gradient of {loss} along a direction is {told:.9g}, and finite differences in "
            f"double precision give {measured:.9g}",
        )


def _outputs(beside: Beside, problem: Problem) -> Any:
    """Outputs for the batch: those of an untrained network, and something at random."""
    outputs, _ = outputs_of(beside.module(problem), problem.loss, problem.batch)
    generator = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: jnp.asarray(
            np.asarray(leaf) + generator.normal(size=leaf.shape).astype(leaf.dtype)
        ),
        outputs,
    )


def _doubled(tree: Any) -> Any:
    return jax.tree.map(
        lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)) if is_float(leaf) else leaf, tree
    )


def _padded(batch: Batch, rows: str) -> Batch:
    """The batch with rows of weight 0: its first or its last ones, or infinite numbers."""

    def longer(leaf: Any) -> Any:
        leaf = np.asarray(leaf)
        added = leaf[-PADDED:] if rows == "last" else leaf[:PADDED]
        if rows == "infinite" and is_float(leaf):
            added = np.full_like(added, np.inf)
        return np.concatenate([leaf, added])

    inputs, targets = jax.tree.map(longer, (batch.inputs, batch.targets))
    weights = np.concatenate([batch.weights, np.zeros(PADDED, batch.weights.dtype)])
    return batch._replace(inputs=inputs, targets=targets, weights=weights)
