"""A surface on which update rules are followed step by step."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from etude.algorithm.base import Algorithm, Step
from etude.algorithm.schedule import Progress
from quick_programs import compiled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "torch.json").read_text())
TRAJECTORIES = GOLDEN["trajectories"]
START = np.array(TRAJECTORIES["start"])
STEPS = TRAJECTORIES["steps"]

Rate = Callable[[int], float]
Recurrence = Iterator[np.ndarray]


def surface(w: jax.Array) -> jax.Array:
    """A curved valley, no coordinate like another."""
    head, tail = w[:-1], w[1:]
    return ((1 - head) ** 2 + 2 * (tail - head**2) ** 2 + jnp.sin(head)).sum()


def gradient(w: np.ndarray) -> np.ndarray:
    """The gradient of `surface`, by hand."""
    head, tail = w[:-1], w[1:]
    bend = tail - head**2
    found = np.zeros_like(w)
    found[:-1] = -2 * (1 - head) - 8 * head * bend + np.cos(head)
    found[1:] += 4 * bend
    return found


def path(rule: Algorithm, dtype: Any, points: bool = False) -> np.ndarray:
    """The weights after each step, or the points where the next gradient is taken."""
    with jax.enable_x64(dtype == np.float64):
        return np.asarray(follow(rule, jnp.asarray(START, dtype), surface, points))


@partial(compiled, static_argnames=("objective", "points"))
def follow(rule: Algorithm, start: Any, objective: Any, points: bool = False) -> Any:
    """The parameters after each step, a vector or a tree; rules of one structure compile once."""

    def step(carry: Any, t: jax.Array) -> Any:
        w, state = carry
        now = rule.scheduled(Progress(t, 10, STEPS))
        value, slope = jax.value_and_grad(objective)(now.point(w, state))
        number = (t + 1).astype(value.dtype)
        change, state = now.update(slope, state, w, Step(number, value, objective))
        w = jax.tree.map(jnp.add, w, change)
        return (w, state), now.point(w, state) if points else now.evaluated(w, state)

    return jax.lax.scan(step, (start, rule.init(start)), jnp.arange(STEPS))[1]


def optax_path(
    transformation: Any, start: Any, objective: Any, evaluated: Callable[..., Any] | None = None
) -> Any:
    """The parameters after each step of a transformation of Optax, in double precision."""

    @compiled
    def run(start: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            w, state = carry
            change, state = transformation.update(jax.grad(objective)(w), state, w)
            w = optax.apply_updates(w, change)
            return (w, state), w if evaluated is None else evaluated(state, w)

        return jax.lax.scan(step, (start, transformation.init(start)), None, STEPS)[1]

    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, run(jax.tree.map(jnp.asarray, start)))


def always(rate: float) -> Rate:
    return lambda t: rate


def cosine(rate: float) -> Rate:
    return lambda t: rate * (1 + np.cos(np.pi * (t - 1) / STEPS)) / 2
