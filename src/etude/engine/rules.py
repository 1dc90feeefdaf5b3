"""Several update rules in one program: a switch, with one state that fits them all."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from etude.algorithm.base import Algorithm, Step
from etude.algorithm.schedule import Progress


class Rules:
    """The update rules of a program as one rule that is told which of them to be.

    The states of different rules travel as one tuple that holds, for every shape and dtype, as
    many arrays as the rule that needs most of them.

    Args:
        templates: one rule of every kind; only their structure is used.
        weights: shape and dtype of the vector of all parameters.
        unravel: from that vector to the tree of the network's arrays, for rules that are not
            elementwise.
    """

    def __init__(
        self,
        templates: tuple[Algorithm, ...],
        weights: jax.ShapeDtypeStruct,
        unravel: Callable[[jax.Array], Any],
    ) -> None:
        self._templates = templates
        self._structures = [jax.tree.structure(rule) for rule in templates]
        self._unravel = unravel
        states = [
            jax.eval_shape(lambda vector, rule=rule: rule.init(self._params(rule, vector)), weights)
            for rule in templates
        ]
        self._state_structures = [jax.tree.structure(state) for state in states]
        self._state_leaves = [
            [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state)] for state in states
        ]
        slots: Counter[Any] = Counter()
        for leaves in self._state_leaves:
            slots |= Counter(leaves)
        self._slots = list(slots.elements())

    @property
    def slots(self) -> int:
        """How many arrays the state of any rule may need."""
        return len(self._slots)

    def init(self, index: Any, numbers: jax.Array, weights: jax.Array) -> Any:
        """The state before the first step."""

        def branch(which: int) -> Any:
            rule = self._rule(which, numbers, None)
            return self._pack(which, rule.init(self._params(rule, weights)))

        return self._switch(index, branch)

    def point(
        self, index: Any, numbers: jax.Array, progress: Progress, weights: jax.Array, state: Any
    ) -> jax.Array:
        """Where the gradient is taken."""
        if all(type(rule).point is Algorithm.point for rule in self._templates):
            return weights

        def branch(which: int) -> jax.Array:
            rule = self._rule(which, numbers, progress)
            params = self._params(rule, weights)
            return self._vector(rule, rule.point(params, self._unpack(which, state)))

        return self._switch(index, branch)

    def update(
        self,
        index: Any,
        numbers: jax.Array,
        progress: Progress,
        gradient: jax.Array,
        state: Any,
        weights: jax.Array,
        step: Step,
    ) -> tuple[jax.Array, Any]:
        """What is added to the weights, and the next state."""

        def branch(which: int) -> tuple[jax.Array, Any]:
            rule = self._rule(which, numbers, progress)
            slope = gradient if rule.clipping is None else rule.clipping.clipped(gradient)
            change, after = rule.update(
                self._params(rule, slope),
                self._unpack(which, state),
                self._params(rule, weights),
                step._replace(objective=lambda params: step.objective(self._vector(rule, params))),
            )
            return self._vector(rule, change), self._pack(which, after, state)

        return self._switch(index, branch)

    def evaluated(
        self, index: Any, numbers: jax.Array, weights: jax.Array, state: Any
    ) -> jax.Array:
        """The weights that are judged and kept."""
        if all(type(rule).evaluated is Algorithm.evaluated for rule in self._templates):
            return weights

        def branch(which: int) -> jax.Array:
            rule = self._rule(which, numbers, None)
            params = self._params(rule, weights)
            return self._vector(rule, rule.evaluated(params, self._unpack(which, state)))

        return self._switch(index, branch)

    def _switch(self, index: Any, branch: Callable[[int], Any]) -> Any:
        if len(self._templates) == 1:
            return branch(0)
        branches = [lambda which=which: branch(which) for which in range(len(self._templates))]
        return jax.lax.switch(index, branches)

    def _rule(self, which: int, numbers: jax.Array, progress: Progress | None) -> Algorithm:
        structure = self._structures[which]
        rule = jax.tree.unflatten(structure, list(numbers[: structure.num_leaves]))
        return rule if progress is None else rule.scheduled(progress)

    def _params(self, rule: Algorithm, vector: jax.Array) -> Any:
        return vector if rule.elementwise else self._unravel(vector)

    def _vector(self, rule: Algorithm, params: Any) -> jax.Array:
        return params if rule.elementwise else jax.flatten_util.ravel_pytree(params)[0]

    def _places(self, which: int) -> list[int]:
        free = list(enumerate(self._slots))
        places = []
        for leaf in self._state_leaves[which]:
            place = next(place for place in free if place[1] == leaf)
            free.remove(place)
            places.append(place[0])
        return places

    def _pack(self, which: int, state: Any, others: Any = None) -> tuple[jax.Array, ...]:
        slots = (
            [jnp.zeros(shape, dtype) for shape, dtype in self._slots]
            if others is None
            else list(others)
        )
        for place, leaf in zip(self._places(which), jax.tree.leaves(state), strict=True):
            slots[place] = leaf
        return tuple(slots)

    def _unpack(self, which: int, slots: Any) -> Any:
        leaves = [slots[place] for place in self._places(which)]
        return jax.tree.unflatten(self._state_structures[which], leaves)
