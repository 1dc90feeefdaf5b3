"""Text that a network writes: symbol after symbol, each drawn from what the network predicts."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from etude.batch import Batch, Spec
from etude.data.symbols import TextEncoder
from etude.errors import InputError
from etude.loss.base import Loss

LONGEST_SAMPLE, MOST_SAMPLES = 1_000_000, 10_000
"""A sample has at most so many symbols, and there are at most so many samples."""

MOST_SYMBOLS_DRAWN = 10_000_000
"""All samples together have at most so many symbols."""


def sample_texts(
    module: nnx.Module,
    loss: Loss,
    spec: Spec,
    encoder: TextEncoder,
    prompt: str,
    *,
    length: int,
    temperature: float,
    top_k: int,
    seed: int,
    count: int,
) -> list[str]:
    """Texts that begin with a prompt, as `Network.sample` describes them.

    At every step the network sees as many of the last symbols as its rows have. It is compiled
    once, for windows of that size: a window that is not full yet is filled up behind the last
    symbol, of which a causal network sees nothing, or, where it predicts one symbol from all of
    its window, before the first symbol with the one that stands for the beginning.

    Args:
        module: the network, in evaluation mode; it gives logits `[batch, steps, symbols]`, or
            `[batch, symbols]` where the task is "classes".
        loss: turns its outputs into logarithms of probabilities.
        spec: the sizes of the data that it was trained on.
        encoder: knows the symbols.
        prompt, length, temperature, top_k, seed, count: as for `Network.sample`.

    Raises:
        InputError: a setting is out of its range, or the prompt cannot be continued.
    """
    _check(length, temperature, top_k, seed, count)
    begun = _begun(encoder, prompt)
    texts = np.zeros((count, len(begun) + length), np.int32)
    texts[:, : len(begun)] = begun
    hidden = len(begun) - len(encoder.numbers(prompt))
    end = encoder.symbols.index(encoder.end) if encoder.end else -1
    ends = np.full(count, texts.shape[1])
    graph, state = nnx.split(module)
    symbols = len(encoder.symbols)
    kept = min(top_k or symbols, symbols)
    for known in range(len(begun), texts.shape[1]):
        window, place = _window(texts[:, :known], spec, end)
        drawn, valid = _drawn(
            graph, state, loss, window, place, float(temperature), kept, np.uint32(seed), known
        )
        if not valid:
            raise InputError("the network gives numbers that are no probabilities")
        texts[:, known] = drawn
        ends = np.where((texts[:, known] == end) & (ends > known), known, ends)
        if (ends <= known).all():
            break
    return [encoder.text(row[hidden:last]) for row, last in zip(texts, ends, strict=True)]


def _check(length: int, temperature: float, top_k: int, seed: int, count: int) -> None:
    whole = {
        "length": (length, 1, LONGEST_SAMPLE),
        "count": (count, 1, MOST_SAMPLES),
        "top_k": (top_k, 0, 2**31 - 1),
        "seed": (seed, 0, 2**32 - 1),
    }
    for name, (value, least, most) in whole.items():
        if not least <= value <= most:
            raise InputError(f"`{name}` must be from {least} to {most:,}, got {value}")
    if count * length > MOST_SYMBOLS_DRAWN:
        raise InputError(
            f"`count` times `length` must be at most {MOST_SYMBOLS_DRAWN:,}, got {count * length:,}"
        )
    if not (math.isfinite(temperature) and temperature >= 0):
        raise InputError(f"`temperature` must be a number of at least 0, got {temperature}")


def _begun(encoder: TextEncoder, prompt: str) -> np.ndarray:
    """The symbols that are there before the first one is drawn."""
    symbols = encoder.numbers(prompt)
    if encoder.end:
        end = encoder.symbols.index(encoder.end)
        if end in symbols:
            raise InputError(f"`prompt` must not have {encoder.end!r}, with which a text ends")
        return np.concatenate([[end], symbols]).astype(np.int32)
    if len(symbols):
        return symbols
    if "\n" in encoder.symbols:
        return encoder.numbers("\n")
    raise InputError(
        "`prompt` must have at least one symbol: the network knows no line breaks to begin after"
    )


def _window(texts: np.ndarray, spec: Spec, end: int) -> tuple[np.ndarray, int]:
    """The last symbols `[texts, steps]` as the network reads them, and where the last one is."""
    steps = spec.inputs[0]
    last = texts[:, -steps:]
    missing = steps - last.shape[1]
    if spec.task == "classes":
        return np.pad(last, [(0, 0), (missing, 0)], constant_values=end), steps - 1
    return np.pad(last, [(0, 0), (0, missing)]), last.shape[1] - 1


@partial(jax.jit, static_argnums=0)
def _drawn(
    graph: Any,
    state: Any,
    loss: Loss,
    window: jax.Array,
    place: jax.Array,
    temperature: jax.Array,
    kept: jax.Array,
    seed: jax.Array,
    step: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The next symbol of each text `[texts]`, and whether all probabilities are such.

    The largest of log p + T g is one drawn from p^(1/T), where g are numbers of Gumbel's
    distribution (Gumbel, 1954); the temperature T may be 0.
    """
    module = nnx.merge(graph, state)
    texts = window.shape[0]
    batch = Batch(window, jnp.zeros_like(window), jnp.ones(texts))
    logs = loss.prediction(loss.evaluate(module, batch))
    if logs.ndim == 3:
        logs = logs[:, place]
    rank = jnp.argsort(jnp.argsort(-logs, stable=True))
    # A text is the same in any company.
    keys = jax.vmap(lambda text: jax.random.fold_in(jax.random.key(seed), text))(jnp.arange(texts))
    noise = jax.vmap(
        lambda key: jax.random.gumbel(jax.random.fold_in(key, step), logs.shape[1:], logs.dtype)
    )(keys)
    scores = jnp.where(rank < kept, logs + temperature * noise, -jnp.inf)
    return jnp.argmax(scores, -1), ~jnp.any(jnp.isnan(logs))
