"""Many members side by side: the only file that knows that there are many."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.engine.state import Carry, Inputs, Shared
from etude.engine.status import Status
from etude.engine.train import Member
from etude.keys import is_key

compilations = 0
"""How many functions this process has compiled for populations."""
_count_lock = threading.Lock()


class Population:
    """A compiled program that trains chunks of W members.

    Args:
        member: the training of one member.
        width: W. One member is trained as it is; more go through the program side by side,
            and a member's result does not depend on the others of its chunk.
        options: compiler options.
    """

    def __init__(self, member: Member, width: int, options: dict[str, str]) -> None:
        self.member = member
        self.width = width
        self._options = options
        self._lock = threading.Lock()
        self._compiled: tuple[Any, Any] | None = None
        self.compile_seconds = 0.0

    def compile(self, shared: Shared) -> tuple[Any, Any]:
        """Compile the two functions of the program, once, side by side."""
        with self._lock:
            if self._compiled is None:
                begin = time.perf_counter()
                init: Any = self.member.init
                segment: Any = self.member.segment
                inputs = self._inputs_like()
                if self.width > 1:
                    init = jax.vmap(init, in_axes=(None, 0))
                    segment = jax.vmap(segment, in_axes=(None, 0, 0, 0))
                carry = jax.eval_shape(init, shared, inputs)
                stop = jax.ShapeDtypeStruct(inputs.split.shape, jnp.int32)
                with ThreadPoolExecutor(2) as pool:
                    first = pool.submit(self._compile, init, shared, inputs)
                    second = pool.submit(self._compile, segment, shared, inputs, carry, stop)
                    self._compiled = first.result(), second.result()
                self.compile_seconds = time.perf_counter() - begin
            return self._compiled

    def start(
        self,
        shared: Shared,
        members: dict[int, Inputs],
        inputs: Inputs | None = None,
        carry: Carry | None = None,
    ) -> tuple[Inputs, Carry]:
        """Members before their first step, beside those that train already.

        Args:
            shared: what all of them read.
            members: place, from 0 to W − 1, -> a member that begins there.
            inputs, carry: of those that stay in the other places; None where nobody does.
        """
        init, _ = self.compile(shared)
        idle = next(iter(members.values()))._replace(status=np.int32(Status.DONE))
        begun = self.stack([members.get(place, idle) for place in range(self.width)])
        fresh = init(shared, begun)
        if carry is None or inputs is None or self.width == 1:
            return begun, fresh
        new = np.isin(np.arange(self.width), list(members))
        return _beside(new, (begun, fresh), (inputs, carry))

    def train(self, shared: Shared, inputs: Inputs, carry: Carry, stop: Any) -> Carry:
        """Train until so many steps are done; members that stopped or diverged rest.

        Where rows are streamed it ends with the block that is in `shared`.

        Args:
            shared, inputs, carry: what `start` or this function gave.
            stop: steps, one number or one for each of the W members.
        """
        _, segment = self.compile(shared)
        shape = () if self.width == 1 else (self.width,)
        stop = np.asarray(stop, np.int32)
        stop = stop.reshape(shape) if stop.size == self.width else np.full(shape, stop)
        return segment(shared, inputs, carry, stop)

    def unstack(self, tree: Any, count: int) -> list[Any]:
        """The first `count` members' own parts of a tree, on the host."""
        host = jax.tree.map(_on_host, tree)
        if self.width == 1:
            return [host]
        return [jax.tree.map(lambda leaf, place=place: leaf[place], host) for place in range(count)]

    def stack(self, members: list[Any]) -> Any:
        """One tree with a leading axis of members from W trees."""
        return members[0] if self.width == 1 else jax.tree.map(_stacked, *members)

    def _inputs_like(self) -> Inputs:
        axis = () if self.width == 1 else (self.width,)
        number = jnp.result_type(float)
        return Inputs(
            numbers=jax.ShapeDtypeStruct((*axis, self.member.numbers), number),
            rule=jax.ShapeDtypeStruct(axis, jnp.int32),
            split=jax.ShapeDtypeStruct(axis, jnp.int32),
            keys=jax.ShapeDtypeStruct((*axis, 3, 2), jnp.uint32),
            status=jax.ShapeDtypeStruct(axis, jnp.int32),
        )

    def _compile(self, function: Any, *arguments: Any) -> Any:
        global compilations
        precision = self.member.task.precision
        with jax.default_matmul_precision(precision) if precision else nullcontext():
            lowered = jax.jit(function).lower(*arguments)
        compiled = lowered.compile(compiler_options=self._options)
        with _count_lock:
            compilations += 1
        return compiled


@jax.jit
def _beside(new: jax.Array, begun: Any, others: Any) -> Any:
    """Trees of members `[W, ...]`: new ones where `new [W]` says so, the others elsewhere."""

    def either(first: jax.Array, second: jax.Array) -> jax.Array:
        return jnp.where(new.reshape(-1, *[1] * (first.ndim - 1)), first, second)

    return jax.tree.map(either, begun, others)


def _on_host(leaf: Any) -> Any:
    # The random keys of a network, as for dropout, have no form in NumPy.
    return leaf if is_key(leaf) else np.asarray(leaf)


def _stacked(*leaves: Any) -> Any:
    return jnp.stack(leaves) if is_key(leaves[0]) else np.stack(leaves)
