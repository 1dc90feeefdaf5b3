"""Embeddings of symbols and of places."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from etude.model.embedding import Embedding, PositionalEmbedding, sinusoids
from etude.model.initializers import Normal
from golden import compiled


def test_every_symbol_has_its_row() -> None:
    embedding = Embedding(7, 3, Normal(std=1.0), nnx.Rngs(0))
    symbols = np.array([[0, 6, 2], [2, 2, 5]], np.int32)
    table = np.asarray(embedding.table[...])
    np.testing.assert_array_equal(embedding(jnp.asarray(symbols)), table[symbols])


def test_the_gradient_of_a_row_is_the_sum_over_its_places() -> None:
    symbols = np.random.default_rng(0).integers(0, 5, (4, 6))
    slopes = np.random.default_rng(1).normal(size=(4, 6, 3))
    graph, params = nnx.split(Embedding(7, 3, Normal(std=1.0), nnx.Rngs(0)))

    def weighted(params: nnx.State) -> jax.Array:
        return jnp.sum(nnx.merge(graph, params)(jnp.asarray(symbols)) * jnp.asarray(slopes))

    expected = np.zeros((7, 3))
    np.add.at(expected, symbols, slopes)
    (found,) = jax.tree.leaves(compiled(jax.grad(weighted))(params))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert (np.asarray(found)[5:] == 0).all()


def test_learned_places_are_added_also_to_shorter_sequences() -> None:
    places = PositionalEmbedding("learned", 6, 4, Normal(std=1.0), nnx.Rngs(0))
    table = np.asarray(places.table[...])
    assert table.shape == (6, 4)
    np.testing.assert_array_equal(places(jnp.zeros((2, 3, 4))), np.stack([table[:3]] * 2))


def test_sinusoids_are_those_of_the_paper() -> None:
    found = sinusoids(50, 6)
    for step, place in ((0, 0), (0, 1), (7, 2), (49, 5)):
        angle = step / 10_000 ** (2 * (place // 2) / 6)
        expected = math.sin(angle) if place % 2 == 0 else math.cos(angle)
        assert math.isclose(found[step, place], expected, abs_tol=1e-12)
    assert sinusoids(3, 5).shape == (3, 5)
    places = PositionalEmbedding("sinusoidal", 50, 6, Normal(std=1.0), nnx.Rngs(0))
    assert not jax.tree.leaves(nnx.state(places))
    np.testing.assert_allclose(places(jnp.ones((1, 50, 6)))[0], 1 + found, rtol=1e-6, atol=1e-6)
