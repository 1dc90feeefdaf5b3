"""Attention and Transformer blocks against PyTorch and the plain formula."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from etude.model import attention as module
from etude.model.activations import ACTIVATIONS
from etude.model.attention import MultiHeadAttention, TransformerBlock, attention
from etude.model.initializers import XavierUniform
from golden import ATTENTION, agrees_with_torch, applied, compiled, named, parts_of

DRAWN = XavierUniform()


def block(activation: str, norm_first: bool, rngs: nnx.Rngs, dropout: float = 0) -> nnx.Module:
    """Of 2 heads of 3, and 12 units between."""
    phi = ACTIVATIONS[activation]
    return TransformerBlock(6, 2, 12, phi, False, norm_first, DRAWN, DRAWN, rngs, dropout)


@pytest.mark.parametrize("kind", ["full", "causal"])
def test_agrees_with_torch_forwards_and_backwards(kind: str) -> None:
    with jax.enable_x64(True):
        parts = parts_of(
            lambda rngs: MultiHeadAttention(6, 2, kind == "causal", DRAWN, DRAWN, rngs)
        )
        agrees_with_torch(parts, ATTENTION["multi_head_attention"][kind])


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_a_block_is_an_encoder_layer_of_torch(activation: str) -> None:
    golden = ATTENTION["encoder_layer"][activation]
    with jax.enable_x64(True):
        agrees_with_torch(parts_of(partial(block, activation, golden["norm_first"])), golden)


def by_formula(q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool) -> np.ndarray:
    """softmax(QKᵀ / √d) V, a query at a time."""
    outputs = np.zeros_like(q)
    for batch, head, step in np.ndindex(*q.shape[:3]):
        end = step + 1 if causal else k.shape[2]
        scores = k[batch, head, :end] @ q[batch, head, step] / np.sqrt(q.shape[3])
        shares = np.exp(scores - scores.max())
        outputs[batch, head, step] = shares @ v[batch, head, :end] / shares.sum()
    return outputs


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("steps", [1, 7, 8, 19])
def test_blocks_of_queries_change_nothing(
    steps: int, causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUERIES", 8)
    q, k, v = np.random.default_rng(0).normal(size=(3, 2, 2, steps, 3))
    with jax.enable_x64(True):
        found = compiled(lambda *parts: attention(*parts, causal))(*map(jnp.asarray, (q, k, v)))
    np.testing.assert_allclose(found, by_formula(q, k, v, causal), 1e-11, 1e-12)


def test_blocks_have_the_derivatives_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = np.random.default_rng(1).normal(size=(3, 2, 2, 19, 3))
    found = []
    with jax.enable_x64(True):
        for queries in (64, 8):
            monkeypatch.setattr(module, "QUERIES", queries)
            gradient = jax.grad(lambda parts: jnp.sum(jnp.sin(attention(*parts, True))))
            found.append(compiled(lambda parts, slope=gradient: slope(parts))(jnp.asarray(parts)))
    np.testing.assert_allclose(found[1], found[0], 1e-10, 1e-12)


def test_scores_of_any_size_are_stable() -> None:
    q = 1e4 * np.random.default_rng(0).normal(size=(1, 1, 6, 4)).astype(np.float32)
    found = attention(jnp.asarray(q), jnp.asarray(q), jnp.asarray(q), True)
    assert np.isfinite(found).all()


def test_a_step_of_causal_attention_sees_no_later_ones() -> None:
    outputs_of = applied(parts_of(lambda rngs: MultiHeadAttention(6, 2, True, DRAWN, DRAWN, rngs)))
    x = np.random.default_rng(2).normal(size=(2, 9, 6))
    other = x.copy()
    other[:, 5:] += 3.0
    outputs, others = outputs_of(x), outputs_of(other)
    np.testing.assert_array_equal(outputs[:, :5], others[:, :5])
    assert (outputs[:, 5:] != others[:, 5:]).all()


def test_dropout_acts_on_shares_and_on_what_is_added() -> None:
    graph, params, rest = parts_of(partial(block, "silu", True, dropout=0.5))
    x = np.random.default_rng(2).normal(size=(2, 5, 6))

    @compiled
    def outputs(rest: Any) -> Any:
        module = nnx.merge(graph, params, rest, copy=True)
        first, second = module(x), module(x)
        kept = nnx.split(module, nnx.Param, ...)[2]
        module.eval()
        return first, second, module(x), module(x), kept

    first, second, judged, again, kept = outputs(rest)
    assert (first != second).mean() > 0.5
    np.testing.assert_array_equal(judged, again)
    counts = [values for name, values in named(kept).items() if name.endswith("count")]
    assert [int(count) for count in counts] == [2, 2, 2]


def test_side_by_side_it_is_the_same() -> None:
    """Under vmap over members, gradients included."""
    graph, params, rest = parts_of(partial(block, "silu", True))
    inputs = np.random.default_rng(3).normal(size=(3, 2, 5, 6))

    def squares(params: Any, inputs: jax.Array) -> jax.Array:
        return jnp.sum(nnx.merge(graph, params, rest)(inputs) ** 2)

    slope = jax.grad(squares)
    together = compiled(jax.vmap(slope, (None, 0)))(params, inputs)
    alone = compiled(slope)
    for place, one in enumerate(inputs):
        for found, expected in zip(
            jax.tree.leaves(together), jax.tree.leaves(alone(params, one)), strict=True
        ):
            np.testing.assert_allclose(found[place], expected, rtol=1e-4, atol=1e-4)
