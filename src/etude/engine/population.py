"""Many members side by side: the only file that knows that there are many."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
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
                    segment = jax.vmap(segment, in_axes=(None, 0, 0, None))
                carry = jax.eval_shape(init, shared, inputs)
                stop = jax.ShapeDtypeStruct((), jnp.int32)
                with ThreadPoolExecutor(2) as pool:
                    first = pool.submit(self._compile, init, shared, inputs)
                    second = pool.submit(self._compile, segment, shared, inputs, carry, stop)
                    self._compiled = first.result(), second.result()
                self.compile_seconds = time.perf_counter() - begin
            return self._compiled

    def start(self, shared: Shared, members: list[Inputs]) -> tuple[Inputs, Carry]:
        """The members before their first step, filled up to W."""
        init, _ = self.compile(shared)
        idle = members[-1]._replace(status=np.int32(Status.DONE))
        inputs = self.stack(members + [idle] * (self.width - len(members)))
        return inputs, init(shared, inputs)

    def train(self, shared: Shared, inputs: Inputs, carry: Carry, stop: int) -> Carry:
        """Train until `stop` epochs are done; members that stopped or diverged rest."""
        _, segment = self.compile(shared)
        return segment(shared, inputs, carry, np.int32(stop))

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
        lowered = jax.jit(function).lower(*arguments)
        compiled = lowered.compile(compiler_options=self._options)
        with _count_lock:
            compilations += 1
        return compiled


def _on_host(leaf: Any) -> Any:
    # The random keys of a network, as for dropout, have no form in NumPy.
    return leaf if is_key(leaf) else np.asarray(leaf)


def _stacked(*leaves: Any) -> Any:
    return jnp.stack(leaves) if is_key(leaves[0]) else np.stack(leaves)
