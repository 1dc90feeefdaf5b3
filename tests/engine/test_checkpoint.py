"""Where a member stands, as bytes and back."""

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from etude.engine.checkpoint import from_bytes, to_bytes


def tree() -> dict[str, object]:
    return {
        "weights": jnp.asarray([0.1, np.nan, -0.0], jnp.float32),
        "step": jnp.asarray(7, jnp.int32),
        "flags": (jnp.asarray([[True, False]]), jnp.zeros((0, 3), jnp.float32)),
        "key": jax.random.key(5),
    }


def test_tree_comes_back_bit_for_bit() -> None:
    before = tree()
    after = from_bytes(to_bytes(before), jax.eval_shape(tree))
    assert jax.tree.structure(after) == jax.tree.structure(before)
    np.testing.assert_array_equal(
        jax.random.key_data(after.pop("key")), jax.random.key_data(before.pop("key"))
    )
    for one, other in zip(jax.tree.leaves(after), jax.tree.leaves(before), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"weights": jnp.zeros(4)},
        {"weights": jnp.zeros(3, jnp.int32)},
        {"more": jnp.zeros(1)},
    ],
)
def test_content_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    content = to_bytes(tree())
    with pytest.raises(ValueError, match=r"expected|must be"):
        from_bytes(content, jax.eval_shape(lambda: tree() | change))


def test_damaged_content_is_refused_or_has_the_right_form() -> None:
    content, like = to_bytes(tree()), jax.eval_shape(tree)
    chance = random.Random(0)
    refused = 0
    for number in range(300):
        damaged = bytearray(content)
        damaged[chance.randrange(min(400, len(damaged)))] = chance.randrange(256)
        if number % 3 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        try:
            from_bytes(bytes(damaged), like)
        except ValueError:
            refused += 1
    assert refused > 100
    for none in (b"", b"\0" * 8, content[:-1]):
        with pytest.raises(ValueError):  # noqa: PT011
            from_bytes(none, like)
