"""Keys from identities: different for different purposes, and good enough to shuffle by."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from etude.data.rows import shuffled
from etude.keys import fold, hashed_bits, hashed_normal, hashed_uniform, key_of, typed

WORDS = jnp.array([0, 0], jnp.uint32)

shuffle = jax.jit(lambda order, rows, number: shuffled(order, rows, fold(WORDS, number)))


def test_keys_are_hashes_of_what_they_are_for() -> None:
    keys = [
        key_of(root, seed, split, purpose)
        for root, seed, split, purpose in itertools.product(range(3), range(3), range(3), "ab")
    ]
    assert len({key.tobytes() for key in keys}) == 54
    np.testing.assert_array_equal(key_of(1, "a"), key_of(1, "a"))


def test_fold_gives_every_number_its_own_key() -> None:
    numbers = jnp.arange(200_000)
    keys = np.asarray(jax.jit(jax.vmap(lambda n: jax.random.key_data(fold(WORDS, n))))(numbers))
    assert len(np.unique(keys, axis=0)) == len(keys)
    assert len(np.unique(keys[:, 0])) == len(keys)


def test_folded_keys_draw_independent_uniform_numbers() -> None:
    draw = jax.jit(jax.vmap(lambda n: jax.random.uniform(fold(WORDS, n), (4,))))
    numbers = np.asarray(draw(jnp.arange(20_000)))
    for column in numbers.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    correlation = np.corrcoef(numbers[:-1].T, numbers[1:].T)
    assert np.abs(correlation - np.eye(8)).max() < 0.03


@pytest.mark.parametrize("turn", [0, 1])
def test_hashed_bits_are_balanced(turn: int) -> None:
    places = jnp.arange(1 << 16, dtype=jnp.uint32)
    bits = np.asarray(hashed_bits(typed(WORDS), places, turn))
    shares = [(bits >> place & 1).mean() for place in range(32)]
    assert np.abs(np.array(shares) - 0.5).max() < 0.01
    assert len(np.unique(bits)) == len(bits)


def test_small_shuffles_are_uniform() -> None:
    """All 24 orders of four rows, chi-squared; the padding stays behind."""
    order = jnp.array([10, 11, 12, 13, -1, -1])
    drawn = np.asarray(jax.vmap(shuffle, (None, None, 0))(order, 4, jnp.arange(24_000)))
    assert (drawn[:, 4:] == -1).all()
    _, counts = np.unique(drawn[:, :4], axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("rows", [1, 2, 4095, 4096, 4097, 70_000])
def test_shuffles_are_permutations_of_any_size(rows: int) -> None:
    padded = -(-rows // 32) * 32
    drawn = np.asarray(shuffle(np.arange(padded, dtype=np.int32), np.int32(rows), 7))
    np.testing.assert_array_equal(np.sort(drawn[:rows]), np.arange(rows))
    np.testing.assert_array_equal(np.sort(drawn), np.arange(padded))
    if rows > 1000:
        places = np.arange(rows)
        assert abs(np.corrcoef(places, drawn[:rows])[0, 1]) < 5 / np.sqrt(rows)
        neighbours = np.abs(np.diff(drawn[:rows]))
        assert np.mean(neighbours == 1) < 10 / rows


def test_numbers_of_equal_density_and_normal_ones() -> None:
    uniform = np.asarray(hashed_uniform(jax.random.key(0), (100, 300)), np.float64)
    normal = np.asarray(hashed_normal(jax.random.key(0), (100, 300)), np.float64)
    assert 0 < uniform.min() < uniform.max() < 1
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-3
    other = np.asarray(hashed_uniform(jax.random.key(0), (100, 300), turn=1))
    assert np.abs(np.corrcoef(uniform.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(30_000)


def test_the_outermost_numbers_are_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    for bits, end in ((0, 0.0), (2**32 - 1, 1.0)):
        every = jnp.full(3, bits, jnp.uint32)
        monkeypatch.setattr("etude.keys.hashed_bits", lambda *_, every=every: every)
        assert hashed_uniform(jax.random.key(0), (3,))[0] == pytest.approx(end, abs=1e-6)
        assert 0 < hashed_uniform(jax.random.key(0), (3,))[0] < 1
        assert 5 < abs(hashed_normal(jax.random.key(0), (3,))[0]) < 5.5
