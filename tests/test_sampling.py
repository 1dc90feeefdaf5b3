"""Text drawn from networks whose probabilities are known."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import etude
from etude.batch import Spec
from etude.data.base import Prepared
from etude.data.names import prepare_names
from etude.data.symbols import TextEncoder
from etude.data.text import prepare_text
from etude.errors import InputError
from etude.loss.classification import CrossEntropy
from etude.loss.next_token import NextToken
from etude.network import Network, network_of
from etude.sampling import sample_texts

LETTERS = TextEncoder("character", ("\n", "a", "b", "c"))
NAMES = TextEncoder("character", (".", "a", "b", "c"), end=".")
SHARES = np.array(
    [[0.0, 0.5, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7]]
)
BIGRAMS = np.log(SHARES + 1e-30)


class Bigram(nnx.Module):
    """What follows depends on the last symbol alone."""

    def __init__(self, table: Any) -> None:
        self.table = nnx.Param(jnp.asarray(table, jnp.float32))

    def __call__(self, x: Any) -> Any:
        return self.table[...][x]


class Oldest(nnx.Module):
    """What follows is the symbol with which the window begins; seen causally."""

    def __call__(self, x: Any) -> Any:
        return 50.0 * jax.nn.one_hot(jnp.broadcast_to(x[:, :1], x.shape), 4)


class LastOfAll(nnx.Module):
    """One symbol from the whole window: the one after that with which it begins."""

    def __call__(self, x: Any) -> Any:
        return 50.0 * jax.nn.one_hot((x[:, 0] + 1) % 4, 4)


def spec(steps: int, classes: tuple[str, ...] = ()) -> Spec:
    task = "classes" if classes else "tokens"
    return Spec(task, (steps,), steps, classes, (("vocabulary", 4),))


def drawn(
    module: nnx.Module, prompt: str = "", encoder: TextEncoder = LETTERS, **given: Any
) -> list[str]:
    settings = {"length": 20, "temperature": 1.0, "top_k": 0, "seed": 0, "count": 1} | given
    steps = settings.pop("steps", 3)
    return sample_texts(module, NextToken(), spec(steps), encoder, prompt, **settings)


def test_symbols_come_with_their_probabilities() -> None:
    (text,) = drawn(Bigram(BIGRAMS), "a", length=6000)
    numbers = LETTERS.numbers(text)
    counts = np.zeros((4, 4))
    np.add.at(counts, (numbers[:-1], numbers[1:]), 1)
    shares = counts / counts.sum(1, keepdims=True)
    # Some 600 draws or more of each row: four standard errors.
    np.testing.assert_allclose(shares, SHARES, atol=0.085)
    assert counts[0, 0] == 0


def test_temperature_sharpens_and_0_takes_the_most_probable() -> None:
    (text,) = drawn(Bigram(BIGRAMS), "a", length=4000, temperature=0.5)
    after = np.bincount(LETTERS.numbers(text[1:])[1:][LETTERS.numbers(text[1:])[:-1] == 1])
    expected = np.exp(2 * BIGRAMS[1]) / np.exp(2 * BIGRAMS[1]).sum()
    np.testing.assert_allclose(after / after.sum(), expected, atol=0.12)
    assert drawn(Bigram(BIGRAMS), "b", length=5, temperature=0) == ["b\naccc"]


def test_top_k() -> None:
    (text,) = drawn(Bigram(BIGRAMS), "a", length=500, top_k=2)
    # After a c three symbols are equally probable second ones, of which the first one counts.
    likeliest = {"\n": "ab", "a": "bc", "b": "\na", "c": "\nc"}
    for first in likeliest:
        assert {b for a, b in pairwise(text) if a == first} == set(likeliest[first])
    whole = drawn(Bigram(BIGRAMS), "a", length=100)
    assert whole == drawn(Bigram(BIGRAMS), "a", length=100, top_k=4)
    assert whole == drawn(Bigram(BIGRAMS), "a", length=100, top_k=99)


def test_the_seed_decides_and_company_does_not() -> None:
    three = drawn(Bigram(BIGRAMS), "ab", count=3)
    assert three == drawn(Bigram(BIGRAMS), "ab", count=3)
    assert len(set(three)) == 3
    assert three[:1] == drawn(Bigram(BIGRAMS), "ab")
    assert three[:1] != drawn(Bigram(BIGRAMS), "ab", seed=1)
    assert three[:1] != drawn(Bigram(BIGRAMS), "ab", seed=2**32 - 1)
    assert all(text.startswith("ab") and len(text) == 22 for text in three)


def test_the_window_slides() -> None:
    # The window is three long: what it begins with is seen last, again and again.
    assert drawn(Oldest(), "abc", length=6, temperature=0) == ["abcabcabc"]
    assert drawn(Oldest(), "a", length=4, temperature=0) == ["aaaaa"]
    assert drawn(Oldest(), "cbabc", length=3, temperature=0) == ["cbabcabc"]


def test_names_end() -> None:
    texts = drawn(Bigram(BIGRAMS), "a", NAMES, count=400, length=50)
    assert all("." not in text and text.startswith("a") for text in texts)
    ended = [text for text in texts if len(text) < 51]
    assert len(ended) > 390
    # After an a the next symbol is the end with probability 0.1.
    assert 15 <= texts.count("a") <= 70
    assert drawn(Bigram(np.eye(4) * 50), "", NAMES) == [""]


def test_one_symbol_from_a_whole_window() -> None:
    settings: dict[str, Any] = {"length": 5, "temperature": 0.0, "top_k": 0, "seed": 0, "count": 1}
    sizes = spec(2, (".", "a", "b", "c"))
    # The window begins with dots, so that an a follows; then with the prompt.
    found = sample_texts(LastOfAll(), CrossEntropy(), sizes, NAMES, "", **settings)
    assert found == ["aabbc"]
    found = sample_texts(LastOfAll(), CrossEntropy(), sizes, NAMES, "bc", **settings)
    assert found == ["bcc"]


def test_without_a_prompt_a_text_begins_after_a_line_break() -> None:
    assert drawn(Bigram(BIGRAMS), length=3, temperature=0) == ["acc"]
    encoder = TextEncoder("character", ("x", "a", "b", "c"))
    with pytest.raises(InputError, match="`prompt` must have at least one symbol"):
        drawn(Bigram(BIGRAMS), "", encoder)


def test_words() -> None:
    encoder = TextEncoder("word", ("\n", ",", "hello", "<unknown>"), unknown=True)
    table = np.full((4, 4), -50.0)
    table[[2, 1, 0, 3], [1, 2, 2, 0]] = 0
    assert drawn(Bigram(table), "hello", encoder, length=4) == ["hello, hello, hello"]
    assert drawn(Bigram(table), "what", encoder, length=2) == ["<unknown>\nhello"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"length": 0}, "`length` must be from 1 to 1,000,000, got 0"),
        ({"count": 10**9}, "`count` must be from 1 to 10,000"),
        ({"top_k": -1}, "`top_k` must be from 0"),
        ({"seed": 2**32}, "`seed` must be from 0"),
        ({"length": 10**6, "count": 11}, "`count` times `length` must be at most 10,000,000"),
        ({"temperature": -0.1}, "`temperature` must be a number of at least 0, got -0.1"),
        ({"temperature": float("nan")}, "`temperature` must be a number of at least 0, got nan"),
        ({"prompt": "axb"}, "these are none of them: 'x'"),
        ({"prompt": "a.b", "encoder": NAMES}, "`prompt` must not have '.', with which a text end"),
    ],
)
def test_what_cannot_be_drawn(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        drawn(Bigram(BIGRAMS), **given)


def test_a_network_that_gives_no_numbers() -> None:
    with pytest.raises(InputError, match="gives numbers that are no probabilities"):
        drawn(Bigram(np.full((4, 4), np.nan)), "a")


def saved(prepared: Prepared, model: etude.MLP, loss: CrossEntropy) -> Network:
    module = model.build(prepared.spec, loss.outputs(prepared.spec), nnx.Rngs(0))
    choice = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    return network_of(prepared, model, loss, module, {}, choice, {})


def test_networks_of_names_are_saved_with_their_symbols(tmp_path: Any) -> None:
    network = saved(
        prepare_names(["anna", "bob", "nab"], 2), etude.MLP(widths=(4,)), CrossEntropy()
    )
    network.save(tmp_path / "net")
    again = etude.load(tmp_path / "net")
    texts = network.sample("na", count=3, length=8)
    assert texts == again.sample("na", count=3, length=8)
    best = again.sample(count=3, length=8, temperature=0)
    assert best == again.sample(count=3, length=8, top_k=1, seed=5)
    with pytest.raises(InputError, match="it continues text, see `etude sample`"):
        again.predict([{"x": 1}])
    labels = again.predict(np.array([[0, 0], [0, 1]]))
    assert set(labels) <= {".", "a", "b", "n", "o"}
    with pytest.raises(InputError, match="`rows` must hold numbers of symbols from 0 to 4"):
        again.predict(np.array([[0, 5]]))


def test_other_networks_write_nothing() -> None:
    digits = etude.Moons(rows=20).prepare()
    network = saved(digits, etude.MLP(widths=(4,)), CrossEntropy())
    with pytest.raises(InputError, match=r"needs a network that was trained on text.* classes$"):
        network.sample()
    without = replace(
        saved(prepare_names(["ab", "ba"], 2), etude.MLP(widths=(4,)), CrossEntropy()), schema={}
    )
    with pytest.raises(InputError, match="needs a network that was trained on text"):
        without.sample()


def test_text_and_names_have_what_a_sample_needs() -> None:
    for prepared in (prepare_text("ab\n" * 9, "it", "character", 4, 9), prepare_names(["ab"], 0)):
        assert prepared.schema["encoder"] == "text"
        prepared.encoder.check(prepared.spec)
