"""Dropout: shares, means, masks, and what it is at rate 0 and in evaluation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from etude.component import Component
from etude.model.dropout import Dropout, Rate
from etude.model.mlp import MLP
from golden import compiled

ONES = jnp.ones((200, 50))


def layer(rate: Any, seed: int = 0) -> Dropout:
    return Dropout(rate, nnx.Rngs(dropout=jax.random.key(seed)))


def test_the_share_is_dropped_and_the_mean_kept() -> None:
    for rate in (0.1, 0.5, 0.9):
        outputs = np.asarray(layer(rate)(ONES))
        kept = outputs != 0
        # Four standard deviations of 10,000 draws.
        assert kept.mean() == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / 1e4))
        np.testing.assert_allclose(outputs[kept], 1 / (1 - rate), rtol=1e-6)


def test_places_are_dropped_independently() -> None:
    """Neighbours in rows, in columns and in time agree as often as independent draws do."""
    drop = layer(0.5)
    first, second = np.asarray(drop(ONES)) != 0, np.asarray(drop(ONES)) != 0
    for a, b in ((first[1:], first[:-1]), (first[:, 1:], first[:, :-1]), (first, second)):
        assert np.mean(a == b) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(a.size))


def test_other_masks_each_call_each_layer_and_each_seed() -> None:
    rngs = nnx.Rngs(dropout=jax.random.key(0))
    first, second = Dropout(0.5, rngs), Dropout(0.5, rngs)
    masks = [np.asarray(drop(ONES)) for drop in (first, first, second, layer(0.5, seed=1))]
    for place, mask in enumerate(masks):
        for other in masks[:place]:
            assert 0.4 < np.mean(mask == other) < 0.6
    np.testing.assert_array_equal(masks[0], layer(0.5)(ONES))


def test_a_higher_rate_drops_what_a_lower_one_does_and_more() -> None:
    low, high = (np.asarray(layer(rate)(ONES)) == 0 for rate in (0.2, 0.6))
    assert (high[low]).all()


def test_a_swept_rate_is_a_tracer_and_rate_0_leaves_every_bit() -> None:
    x = jax.random.normal(jax.random.key(1), (64, 9)).at[0, 0].set(jnp.inf).at[1, 1].set(-0.0)

    def dropped(rate: jax.Array) -> jax.Array:
        return layer(rate)(x)

    found = np.asarray(compiled(jax.vmap(dropped))(jnp.asarray([0.0, 0.3])))
    assert found[0].tobytes() == np.asarray(x).tobytes()
    np.testing.assert_array_equal(found[1], layer(0.3)(x))
    assert (found[1] == 0).any()


def test_the_number_0_keeps_nothing_and_draws_no_key() -> None:
    rngs = nnx.Rngs(dropout=jax.random.key(0))
    drop = Dropout(0.0, rngs)
    assert drop(ONES) is ONES
    assert not jax.tree.leaves(nnx.state(drop))
    assert int(rngs.dropout.count[...]) == 0


def test_evaluation_is_the_identity_and_leaves_the_count() -> None:
    drop = layer(0.5)
    drop.eval()
    assert drop(ONES) is ONES
    assert int(drop.count[...]) == 0
    drop.train()
    assert (np.asarray(drop(ONES)) == 0).any()
    assert int(drop.count[...]) == 1


def test_the_gradient_passes_where_numbers_were_kept() -> None:
    outputs, pullback = jax.vjp(lambda x: layer(0.25)(x), ONES)
    (gradient,) = pullback(jnp.ones_like(ONES))
    np.testing.assert_array_equal(gradient, outputs)


def test_masks_change_from_step_to_step_of_a_program() -> None:
    graph, state = nnx.split(layer(0.5))

    def step(state: Any, _: Any) -> Any:
        drop = nnx.merge(graph, state, copy=True)
        mask = drop(jnp.ones(1000))
        return nnx.split(drop)[1], mask

    _, masks = compiled(lambda state: jax.lax.scan(step, state, length=3))(state)
    own = layer(0.5)
    for mask in masks:
        np.testing.assert_array_equal(mask, own(jnp.ones(1000)))
    assert (masks[0] != masks[1]).any()
    assert (masks[1] != masks[2]).any()


class Part(Component, kind="part of this test"):
    """Something with a rate."""

    rate: Rate = 0.0


def test_a_rate_of_0_is_structure_and_others_share_one_program() -> None:
    assert jax.tree.leaves(Part()) == []
    assert jax.tree.leaves(Part(rate=0.5)) == [0.5]
    assert jax.tree.structure(Part(rate=0.5)) == jax.tree.structure(Part(rate=0.1))
    assert jax.tree.structure(Part()) != jax.tree.structure(Part(rate=0.1))
    assert jax.tree.unflatten(jax.tree.structure(Part()), []) == Part()


def test_initial_weights_are_the_same_with_and_without() -> None:
    from etude.batch import Spec

    def weights(model: MLP) -> list[Any]:
        rngs = nnx.Rngs(params=jax.random.key(0), dropout=jax.random.key(1))
        module = model.build(Spec("numbers", (3,)), 1, rngs)
        return jax.tree.leaves(nnx.state(module, nnx.Param))

    for one, other in zip(weights(MLP()), weights(MLP(dropout=0.5)), strict=True):
        np.testing.assert_array_equal(one, other)
