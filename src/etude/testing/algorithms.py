"""What an algorithm must do.

Most checks use the small problem below, on which any sensible rule stays finite for twenty steps.
"""

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from etude.algorithm.base import Algorithm, Step
from etude.algorithm.schedule import Progress
from etude.data.synthetic_classes import Moons
from etude.engine.device import current_device
from etude.engine.plan import inputs_of, plan
from etude.engine.population import Population
from etude.engine.status import Status
from etude.loss.classification import CrossEntropy
from etude.model.initializers import Normal
from etude.model.mlp import MLP
from etude.study import Study
from etude.testing.beside import QUICK, Beside, close, demand, others, same_bits
from etude.validation.holdout import Holdout

STEPS = 20
START = {
    "bias": jnp.zeros(3),
    "hidden": jnp.cos(jnp.arange(12.0)).reshape(4, 3),
    "kernel": jnp.sin(jnp.arange(8.0)).reshape(2, 2, 2, 1),
}


def state_shapes(rule: Algorithm, beside: Beside) -> None:
    """A step leaves parameters and state with the tree, shapes and dtypes that they had."""
    start = _start(rule)
    before = jax.eval_shape(lambda rule: (start, rule.init(start)), rule)
    after, _ = jax.eval_shape(partial(_step, rule), before, jnp.zeros((), jnp.int32))
    for what, old, new in zip(("parameters", "state"), before, after, strict=True):
        demand(
            jax.tree.structure(new) == jax.tree.structure(old),
            f"a step of {rule} gives {what} of another structure: "
            f"{jax.tree.structure(new)}, was {jax.tree.structure(old)}",
        )
        for was, now in zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True):
            demand(
                (was.shape, was.dtype) == (now.shape, now.dtype),
                f"a step of {rule} turns an array of its {what} from {was.dtype}"
                f"{list(was.shape)} into {now.dtype}{list(now.shape)}",
            )
    judged = jax.eval_shape(rule.evaluated, *after)
    demand(
        jax.tree.structure(judged) == jax.tree.structure(start),
        f"`evaluated` of {rule} gives weights of another structure than the network's",
    )


def finite_steps(rule: Algorithm, beside: Beside) -> None:
    """In a compiled loop of steps the weights move and stay finite."""
    weights = np.asarray(jax.jit(_trained, compiler_options=QUICK)(rule))
    demand(
        np.isfinite(weights).all(),
        f"{rule} makes weights that are not finite within {STEPS} steps down a valley",
    )
    demand(
        np.abs(weights - ravel_pytree(START)[0]).max() > 1e-6,
        f"{rule} does not move the weights in {STEPS} steps",
    )


def population(rule: Algorithm, beside: Beside) -> None:
    """Steps are the same alone and beside another member, whose traced numbers matter."""
    alone = np.asarray(jax.jit(_trained, compiler_options=QUICK)(rule))
    members = [rule, others(rule)]
    both = jax.tree.map(lambda *leaves: jnp.stack(jnp.asarray(leaves)), *members)
    if not jax.tree.leaves(both):
        return
    together = np.asarray(jax.jit(jax.vmap(_trained), compiler_options=QUICK)(both))
    demand(
        close(together[0], alone, 2e-4, 2e-5),
        f"{rule} comes to other weights beside another member than alone",
    )
    demand(
        not close(together[1], together[0], 0, 1e-7) or not np.isfinite(together).all(),
        f"{rule} comes to the same weights whatever its traced numbers are "
        f"({', '.join(rule.traced_fields())})",
    )


def shown_divergence(rule: Algorithm, beside: Beside) -> None:
    """A gradient that is not finite shows in the weights, so that divergence is seen."""

    def steps(rule: Algorithm) -> Any:
        start = _start(rule)
        carry = (start, rule.init(start))
        for number in range(2):
            carry, _ = _step(rule, carry, jnp.asarray(number), spoilt=True)
        return rule.evaluated(*carry)

    judged = jax.jit(steps, compiler_options=QUICK)(rule)
    demand(
        not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(judged)),
        f"{rule} hides a gradient that is not a number: a member that diverges would be "
        "reported as trained",
    )


def widths(rule: Algorithm, beside: Beside) -> None:
    """Through the engine: one after another and three side by side agree up to rounding.

    A member among them that diverges is told so and touches no other.
    """
    looped, side_by_side = (_outcomes(rule, True, width) for width in (1, 3))
    for place, (one, three) in enumerate(zip(looped, side_by_side, strict=True)):
        expected = Status.DIVERGED if place in _WILD else Status.DONE
        told = {1: one.status, 3: three.status}
        for width, status in told.items():
            demand(
                status == expected,
                f"a member that should be {expected.name.lower()} is {status.name.lower()} "
                f"where {rule} trains {width} side by side",
            )
        demand(
            place in _WILD or close(one.weights, three.weights, 1e-3, 1e-3),
            f"{rule} comes to other weights where 3 members train side by side than one after "
            "another, by more than rounding",
        )


def company(rule: Algorithm, beside: Beside) -> None:
    """Through the engine: a member alone is the same bit for bit in any company."""
    (alone,) = _outcomes(rule, False, 1)
    among = _outcomes(rule, True, 1)[_OURS]
    demand(
        same_bits((alone.weights, alone.history), (among.weights, among.history)),
        f"{rule} gives a member alone other bits than among others: its program differs from "
        "one time it is traced to the next",
    )


CHECKS = (state_shapes, finite_steps, population, shown_divergence, widths, company)
TRAINING = (widths, company)


def _objective(params: Any) -> jax.Array:
    """Σ (W − 1)² / 2 + cos W over all weights, each array of another size."""
    leaves = jax.tree.leaves(params)
    return sum(
        (
            jnp.sum((leaf - 1) ** 2 / 2 + jnp.cos(leaf)) / (1 + place)
            for place, leaf in enumerate(leaves)
        ),
        start=jnp.zeros(()),
    )


def _start(rule: Algorithm) -> Any:
    """Parameters in the form that the rule works on: a vector, or a tree of arrays."""
    return ravel_pytree(START)[0] if rule.elementwise else START


def _step(rule: Algorithm, carry: Any, number: jax.Array, spoilt: bool = False) -> Any:
    """One step of training, with the schedule of the rule."""
    params, state = carry
    now = rule.scheduled(Progress(number, 5, STEPS))
    value, gradient = jax.value_and_grad(_objective)(now.point(params, state))
    if spoilt:
        leaves, structure = jax.tree.flatten(gradient)
        leaves[-1] = leaves[-1].at[(0,) * leaves[-1].ndim].set(jnp.nan)
        gradient = jax.tree.unflatten(structure, leaves)
    info = Step((number + 1).astype(value.dtype), value, _objective)
    change, state = now.update(gradient, state, params, info)
    return (jax.tree.map(jnp.add, params, change), state), None


def _trained(rule: Algorithm) -> jax.Array:
    """The weights that are judged after all steps, as one vector."""
    start = _start(rule)
    carry = (start, rule.init(start))
    (params, state), _ = jax.lax.scan(partial(_step, rule), carry, jnp.arange(STEPS))
    return ravel_pytree(rule.evaluated(params, state))[0]


@dataclass(frozen=True)
class _Outcome:
    """What became of a member."""

    weights: np.ndarray
    history: np.ndarray
    status: Status


_USUAL, _TOO_LARGE = (MLP(widths=(3,), initializer=Normal(std=std)) for std in (0.5, 1e30))
_OURS, _WILD = 3, (0, 1)
"""Which member of a company is the one that is also tried alone, and which diverge."""


@lru_cache(maxsize=8)
def _outcomes(rule: Algorithm, among_others: bool, width: int) -> tuple[_Outcome, ...]:
    """Members trained as the engine trains them: alone, or after others of which some diverge."""
    rule = rule.changed(
        batch_size=rule.batch_size if rule.batch_size == "full" else 8,
        epochs=3,
        steps=0,
        stopping=None,
    )
    before = others(rule, 0.9) if jax.tree.leaves(rule) else rule.changed(epochs=2)
    study = Study(
        data=(Moons(rows=24),),
        model=(_TOO_LARGE, _USUAL) if among_others else (_USUAL,),
        loss=(CrossEntropy(),),
        algorithm=(before, rule) if among_others else (rule,),
        validation=Holdout(test=0.25),
    )
    whole = plan(study, replace(current_device(1), fixed_width=width))
    shared = whole.materials[0].shared
    outcomes: dict[int, _Outcome] = {}
    for program in whole.programs:
        compiled = Population(
            program.training, width, {name: str(value) for name, value in QUICK.items()}
        )
        for first in range(0, len(program.members), width):
            chunk = program.members[first : first + width]
            begun = {place: inputs_of(whole, number) for place, number in enumerate(chunk)}
            inputs, carry = compiled.start(shared, begun)
            carry = compiled.train(shared, inputs, carry, program.steps)
            parts = compiled.unstack((carry.weights, carry.history, carry.status), len(chunk))
            for number, (weights, history, status) in zip(chunk, parts, strict=True):
                outcomes[number] = _Outcome(weights, history, Status(int(status)))
    return tuple(outcomes[number] for number in range(len(whole.members)))
