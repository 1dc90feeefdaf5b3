"""The training loss as a function of all weights: its slope, its curvature, how far it rises.

Everything is computed in double precision, in evaluation mode (no dropout, the running
statistics of batch normalization), from products of the Hessian with vectors,

    H v = ∇⟨∇L(W), v⟩,

reverse mode over reverse mode, for layers with derivatives of their own have no forward mode.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.flatten_util import ravel_pytree

from etude.data.base import Source, Split
from etude.errors import InputError
from etude.loss.base import Loss
from etude.network import Network
from etude.weights import from_names, structure

BLOCK = 1024
"""So many rows are computed with at once."""

KRYLOV = 32
"""Products with the Hessian between two looks at whether the eigenvalue is exact enough."""

RESTARTS = 50
"""So often the Lanczos process begins again, at most."""

EXHAUSTED = 1e-13
"""A Krylov space ends where the next vector is so short, beside the largest Ritz value."""

SYMMETRY = 1e-6
"""What is farther from symmetric, relatively, is no Hessian."""


class Landscape:
    """The training loss as a function of the vector of all weights.

    It is made and used within `jax.enable_x64(True)`.

    Args:
        network: whose weights they are.
        arrays: of the rows, as the network's stream reads them.
        weights: `[rows]`, what each row counts.

    Attributes:
        weights: where training has led to, `[parameters]`.
    """

    def __init__(self, network: Network, arrays: Any, weights: np.ndarray) -> None:
        graph, params, rest = structure(network.model, network.loss, network.spec)
        arrays_of = partial(from_names, _doubled(network.weights))
        params = arrays_of("params", params)
        flat, self._unravel = ravel_pytree(params)
        self.weights = np.asarray(flat)
        count = len(weights)
        blocks = math.ceil(count / BLOCK)
        size = math.ceil(count / blocks)
        padded = np.zeros(blocks * size)
        padded[:count] = weights
        index = np.minimum(np.arange(blocks * size), count - 1).astype(np.int32)
        split = Split(np.zeros(1, np.int32), np.int32(0), np.zeros(count))
        self._parts = (
            graph,
            network.stream,
            network.loss,
            arrays_of("rest", rest),
            jax.device_put(_doubled(Source(arrays, network.fitted, split))),
            jnp.asarray(index.reshape(blocks, size)),
            jnp.asarray(padded.reshape(blocks, size)),
        )

    def slope(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """L and ∇L."""
        value, gradient = _value_and_gradient(*self._parts, self._unravel(weights))
        return float(value), np.asarray(ravel_pytree(gradient)[0])

    def product(self, vector: np.ndarray) -> np.ndarray:
        """Hv at the weights where training has led to."""
        at, along = self._unravel(self.weights), self._unravel(vector)
        return np.asarray(ravel_pytree(_hessian_product(*self._parts, at, along))[0])

    def check_symmetric(self, generator: np.random.Generator, loss: float) -> None:
        """Raise an `InputError` where Hv is not finite, or ⟨u, Hv⟩ and ⟨v, Hu⟩ differ.

        Logits of 1e12, as of a network that all but diverged, leave no digits to the derivatives.
        """
        u, v = (_unit(generator, self.weights.size) for _ in range(2))
        of_u, of_v = self.product(u), self.product(v)
        if not (np.isfinite(of_u).all() and np.isfinite(of_v).all()):
            raise InputError("the second derivatives of the loss on these rows must be finite")
        size = max(np.linalg.norm(of_u), np.linalg.norm(of_v))
        difference = abs(u @ of_v - v @ of_u)
        if not difference <= SYMMETRY * size:
            raise InputError(
                "`network` must have a Hessian, and its second derivatives differ from symmetric "
                f"ones by {difference / size:.1g} of their size, more than {SYMMETRY:g}: either a "
                "layer passes on a derivative that is that of no function, or the loss on these "
                f"rows, {loss:.3g}, is so large that double precision cannot tell its curvature"
            )

    def largest_eigenvalue(
        self, generator: np.random.Generator, tolerance: float
    ) -> tuple[float, np.ndarray, float]:
        """λ, a unit vector v, and ‖Hv − λv‖, at most tolerance · ‖H‖ if the process got there."""
        vector, scale = _unit(generator, self.weights.size), 0.0
        count = min(KRYLOV, vector.size)
        for _ in range(RESTARTS):
            at, along = self._unravel(self.weights), self._unravel(vector)
            found = _lanczos(count, *self._parts, at, along)
            size, vector = _ritz(*(np.asarray(part) for part in found))
            scale = max(scale, size)
            image = self.product(vector)
            value = float(vector @ image)
            residual = float(np.linalg.norm(image - value * vector))
            if residual <= tolerance * scale or count == vector.size:
                break
        return value, vector, residual

    def trace(self, generator: np.random.Generator, probes: int) -> tuple[float, float]:
        """The trace of H and its standard error."""
        size = self.weights.size
        if size <= probes:
            return sum(float(self.product(unit) @ unit) for unit in np.eye(size)), 0.0
        signs = generator.choice([-1.0, 1.0], (probes, size))
        values = [float(self.product(sign) @ sign) for sign in signs]
        return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(probes))

    def climbed(self, offset: np.ndarray, radius: float, steps: int) -> float:
        """The largest loss on the way of projected gradient ascent within the radius."""
        value, gradient = self.slope(self.weights + offset)
        largest = value
        for _ in range(steps):
            length = np.linalg.norm(gradient)
            if not (math.isfinite(value) and length > 0):
                break
            offset = offset + radius * gradient / length
            offset *= min(1.0, radius / np.linalg.norm(offset))
            value, gradient = self.slope(self.weights + offset)
            largest = max(largest, value)
        return largest


Block = tuple[jax.Array, jax.Array]
"""Numbers of rows, and what they count."""


def _objective(
    graph: Any, stream: Any, loss: Loss, rest: Any, source: Source, block: Block, params: Any
) -> jax.Array:
    """The loss of a block of rows, without penalties."""
    module = nnx.merge(graph, params, rest, copy=True)
    module.eval()
    key = jax.random.key(0)  # for streams and losses that draw at evaluation; these rows do not
    batch = stream.evaluation(source, block[0], module, key)
    return loss.objective(module, _doubled(batch)._replace(weights=block[1]), key)


def _over_blocks(of_block: Callable[[Block], Any], index: jax.Array, weights: jax.Array) -> Any:
    """The mean over blocks, each counting what its rows count."""
    shares = jnp.sum(weights, 1) / jnp.sum(weights)
    shapes = jax.eval_shape(of_block, (index[0], weights[0]))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    def add(total: Any, now: Any) -> tuple[Any, None]:
        block, share = now
        return jax.tree.map(lambda sum, part: sum + share * part, total, of_block(block)), None

    return jax.lax.scan(add, zeros, ((index, weights), shares))[0]


@partial(jax.jit, static_argnums=0)
def _value_and_gradient(
    graph: Any,
    stream: Any,
    loss: Loss,
    rest: Any,
    source: Source,
    index: jax.Array,
    weights: jax.Array,
    params: Any,
) -> Any:
    def of_block(block: Block) -> Any:
        objective = partial(_objective, graph, stream, loss, rest, source, block)
        return jax.value_and_grad(objective)(params)

    return _over_blocks(of_block, index, weights)


@partial(jax.jit, static_argnums=0)
def _hessian_product(
    graph: Any,
    stream: Any,
    loss: Loss,
    rest: Any,
    source: Source,
    index: jax.Array,
    weights: jax.Array,
    params: Any,
    vector: Any,
) -> Any:
    def of_block(block: Block) -> Any:
        objective = partial(_objective, graph, stream, loss, rest, source, block)
        return jax.vjp(jax.grad(objective), params)[1](vector)[0]

    return _over_blocks(of_block, index, weights)


@partial(jax.jit, static_argnums=(0, 1))
def _lanczos(count: int, graph: Any, *parts: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Diagonal and off-diagonal of the tridiagonal matrix, and the basis `[count, weights]`."""
    from matfree import decomp

    *others, params, start = parts
    product = partial(_hessian_product, graph, *others, params)
    found = decomp.tridiag_sym(count, materialize=False, custom_vjp=False)(product, start)
    basis = jax.vmap(lambda vector: ravel_pytree(vector)[0])(found.Q_tall)
    return *found.J_small, basis


def _ritz(diagonal: np.ndarray, beside: np.ndarray, basis: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest absolute Ritz value, and the unit Ritz vector of the largest Ritz value.

    Where the process has exhausted its space (a Hessian of low rank) what follows is noise, or
    not a number, and is left out.
    """
    scale = np.nanmax(np.abs(diagonal))
    ended = np.flatnonzero(~(np.abs(beside) > EXHAUSTED * scale))
    count = ended[0] + 1 if ended.size else len(diagonal)
    small = np.diag(diagonal[:count])
    places = np.arange(count - 1)
    small[places, places + 1] = small[places + 1, places] = beside[: count - 1]
    values, vectors = np.linalg.eigh(small)
    vector = vectors[:, -1] @ basis[:count]
    return float(np.abs(values).max()), vector / np.linalg.norm(vector)


def _doubled(tree: Any) -> Any:
    """A tree of arrays, those of floating-point numbers in double precision."""

    def doubled(leaf: Any) -> Any:
        floats = hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(np.float64) if floats else leaf

    return jax.tree.map(doubled, tree)


def _unit(generator: np.random.Generator, size: int) -> np.ndarray:
    vector = generator.normal(size=size)
    return vector / np.linalg.norm(vector)
