"""What an augmentation must do: change rows that count, and nothing at strength 0."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import ValidationError

from etude.batch import Batch, Spec
from etude.data.augmentation import Augmentation
from etude.testing.beside import (
    QUICK,
    Beside,
    Problem,
    close,
    demand,
    program,
    same_bits,
)

KEY, OTHER = 5, 6
IDLE = 3
"""So many rows of the batch weigh nothing."""


def same_rows(augmentation: Augmentation, beside: Beside) -> None:
    """Inputs keep shape and type and stay finite; weights and scales are as they were."""
    for problem in beside.problems(augmentation):
        before, after = problem.batch, _applied(augmentation, problem, problem.batch)
        shape, dtype = before.inputs.shape, before.inputs.dtype
        demand(
            (after.inputs.shape, after.inputs.dtype) == (shape, dtype),
            f"{augmentation} must give inputs of {dtype}{list(shape)}, got "
            f"{after.inputs.dtype}{list(after.inputs.shape)}",
        )
        demand(np.isfinite(after.inputs).all(), f"{augmentation} gives inputs that are not finite")
        demand(
            same_bits(_beside_rows(before), _beside_rows(after)),
            f"{augmentation} must leave weights and scales of the batch as they are",
        )


def targets(augmentation: Augmentation, beside: Beside) -> None:
    """Targets are as they were, or shares of classes and numbers where it mixes them."""
    for problem in beside.problems(augmentation):
        after = _applied(augmentation, problem, problem.batch).targets
        if not augmentation.mixes:
            demand(
                same_bits(problem.batch.targets, after),
                f"{augmentation} changes targets: `mixes` of its class must say so",
            )
            continue
        expected = _as_shares(problem, problem.batch).shape
        demand(
            after.shape == expected,
            f"targets that {augmentation} mixes must have the shape {list(expected)}, got "
            f"{list(after.shape)}",
        )
        if problem.spec.task == "classes":
            sums = np.asarray(after).sum(-1)
            demand(
                (after >= 0).all() and np.allclose(sums, 1, atol=1e-5),
                f"shares of classes that {augmentation} mixes must be at least 0 and add up to "
                f"1, got sums from {sums.min():g} to {sums.max():g}",
            )


def strength_zero(augmentation: Augmentation, beside: Beside) -> None:
    """With a strength of 0 it changes no bit, in the program of all other strengths."""
    names = [name for name in augmentation.traced_fields() if _may_be_zero(augmentation, name)]
    demand(
        names,
        f"{augmentation} has no `Traced` number that may be 0: it needs a strength with which it "
        "is left out",
    )
    for problem in beside.problems(augmentation):
        before = _as_shares(problem, problem.batch), problem.batch.inputs
        found = {name: _changed(augmentation, problem, {name: 0.0}) for name in names}
        leaves = [name for name, after in found.items() if same_bits(before, after)]
        demand(
            leaves,
            f"{augmentation} changes inputs or targets with `{'`, `'.join(names)}` at 0, and the "
            "rows must keep every bit then: choose them with jnp.where",
        )


def idle_rows(augmentation: Augmentation, beside: Beside) -> None:
    """Rows of weight 0 do not reach the others, whatever they hold."""
    for problem in beside.problems(augmentation):
        batch = problem.batch
        count = batch.weights.shape[0]
        alive = np.arange(count) % (count // IDLE) != 1
        found = []
        for other in (False, True):
            idle = batch._replace(weights=jnp.asarray(alive, batch.weights.dtype))
            if other:
                before = np.asarray(batch.inputs)
                inputs = jnp.where(_along(alive, before), before, 1e6)
                order = np.where(alive, np.arange(count), (np.arange(count) + 5) % 12)
                idle = idle._replace(inputs=inputs, targets=np.asarray(batch.targets)[order])
            after = _applied(augmentation, problem, idle)
            found.append([np.asarray(leaf)[alive] for leaf in (after.inputs, after.targets)])
        demand(
            close(found[0], found[1]),
            f"{augmentation} brings something of rows of weight 0 into others: they may fill a "
            "batch up, or not belong to this sample of rows",
        )


def draws(augmentation: Augmentation, beside: Beside) -> None:
    """What it draws follows from the key, and from nothing else."""
    problem = beside.problems(augmentation)[0]

    def drawn(key: int) -> Any:
        return _applied(augmentation, problem, problem.batch, key)[:2]

    def again(batch: Batch, key: Any) -> Any:
        # Traced anew: what is drawn in Python is drawn once more.
        return augmentation(batch, key, problem.spec)[:2]

    second = jax.jit(again, compiler_options=QUICK)(problem.batch, jax.random.key(KEY))
    demand(
        same_bits(drawn(KEY), second),
        f"{augmentation} gives other rows with the same key: random numbers must come from it",
    )
    demand(
        any(not same_bits(drawn(KEY), drawn(key)) for key in range(OTHER, OTHER + 5)),
        f"{augmentation} gives the same rows with every key",
    )


def in_programs(augmentation: Augmentation, beside: Beside) -> None:
    """It is applied inside programs, of several members with numbers of their own side by side."""
    for problem in beside.problems(augmentation):
        expected = _applied(augmentation, problem, problem.batch)[:2]

        def inside(part: Augmentation, key: Any, problem: Problem = problem) -> Any:
            return part(problem.batch, key, problem.spec)[:2]

        keys = jax.random.split(jax.random.key(0), 2).at[0].set(jax.random.key(KEY))
        parts = jax.tree.map(lambda leaf: np.asarray([leaf, leaf * 0.5]), augmentation)
        both = jax.jit(jax.vmap(inside), compiler_options=QUICK)(parts, keys)
        demand(
            close(jax.tree.map(lambda leaf: np.asarray(leaf)[0], both), expected),
            f"{augmentation} gives other rows inside a program",
        )


CHECKS = (same_rows, targets, strength_zero, idle_rows, draws, in_programs)


def _applied(augmentation: Augmentation, problem: Problem, batch: Batch, key: int = KEY) -> Batch:
    """The batch, augmented in a program in which the augmentation's own numbers are constant."""
    found: Batch = program(_call, augmentation, problem.spec)(batch, jax.random.key(key))
    return found


def _call(augmentation: Augmentation, spec: Spec, batch: Batch, key: Any) -> Batch:
    return augmentation(batch, key, spec)


def _changed(augmentation: Augmentation, problem: Problem, values: dict[str, Any]) -> Any:
    """Targets and inputs with other numbers, which are tracers."""

    def inside(values: dict[str, Any]) -> Any:
        changed = augmentation.changed(**values)
        after = changed(problem.batch, jax.random.key(KEY), problem.spec)
        return _as_shares(problem, after), after.inputs

    return jax.jit(inside, compiler_options=QUICK)(values)


def _as_shares(problem: Problem, batch: Batch) -> Any:
    """The targets, class numbers as shares of the classes."""
    targets = batch.targets
    if problem.spec.task == "classes" and targets.ndim == 1:
        return jax.nn.one_hot(targets, len(problem.spec.classes))
    return targets


def _beside_rows(batch: Batch) -> Any:
    # Some are plain numbers, which come out of a program as arrays.
    return jax.tree.map(jnp.asarray, batch._replace(inputs=(), targets=()))


def _along(rows: np.ndarray, leaf: Any) -> np.ndarray:
    return rows.reshape(-1, *[1] * (leaf.ndim - 1))


def _may_be_zero(augmentation: Augmentation, name: str) -> bool:
    try:
        type(augmentation)(**(dict(augmentation) | {name: 0.0}))
    except ValidationError:
        return False
    return True
