"""Random keys from identities: what is drawn depends on what it is for, never on a position."""

import hashlib
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

GOLDEN = 0x9E3779B9
"""2³² divided by the golden ratio: sets neighbouring numbers far apart."""


def key_of(*identity: Any) -> np.ndarray:
    """The two words of a random key for a purpose: a hash of what it is for.

    Example:
        >>> key_of("seed", 0, "split", 1, "weights").dtype
        dtype('uint32')
    """
    text = "/".join(str(part) for part in identity)
    return np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], "<u4").astype(np.uint32)


def fold(words: jax.Array, number: Any) -> jax.Array:
    """The typed key that follows from a key and a number, different for every number.

    Cheaper than `jax.random.fold_in`, whose rounds are a loop of tiny operations on a CPU.

    Args:
        words: the two words of a key.
        number: a whole number.
    """
    number = jnp.asarray(number).astype(jnp.uint32)
    first = _mixed(words[0] ^ _mixed(number + jnp.uint32(GOLDEN)))
    second = _mixed(words[1] + _mixed(first + number))
    return typed(jnp.stack([first, second]))


def typed(words: jax.Array) -> jax.Array:
    """The key of these two words as JAX's random functions take it."""
    return jax.random.wrap_key_data(words, impl="threefry2x32")


def is_key(leaf: Any) -> bool:
    """Whether an array holds typed keys, which have no form in NumPy."""
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def hashed_bits(key: jax.Array, places: jax.Array, turn: int = 0) -> jax.Array:
    """32 pseudo-random bits for every place, enough to shuffle by, and cheap.

    Args:
        key: a typed key.
        places: uint32 numbers.
        turn: other bits for every turn.
    """
    first, second = jax.random.key_data(key)
    spread = _mixed(places * jnp.uint32(GOLDEN) + first + jnp.uint32(turn))
    return _mixed(spread ^ second)


def hashed_uniform(key: jax.Array, shape: tuple[int, ...], turn: int = 0) -> jax.Array:
    """Pseudo-random numbers between 0 and 1, both left out, in single precision, and cheap.

    Args:
        key: a typed key.
        shape: of the array.
        turn: other numbers for every turn.
    """
    places = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    # 23 bits and a half: single precision tells all of these apart, and none of them is 1.
    drawn = (hashed_bits(key, places, turn) >> 9).astype(jnp.float32)
    return (drawn + 0.5) * jnp.float32(2.0**-23)


def hashed_normal(key: jax.Array, shape: tuple[int, ...], turn: int = 0) -> jax.Array:
    """Pseudo-random numbers of the standard normal distribution, as far as ±5.3, and cheap."""
    centered = 2 * hashed_uniform(key, shape, turn) - 1
    return jnp.float32(math.sqrt(2)) * jax.lax.erf_inv(centered)


def _mixed(word: jax.Array) -> jax.Array:
    """The finalizer of MurmurHash3 (Appleby 2011): a bijection in which every bit counts."""
    word = (word ^ (word >> 16)) * jnp.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * jnp.uint32(0xC2B2AE35)
    return word ^ (word >> 16)
