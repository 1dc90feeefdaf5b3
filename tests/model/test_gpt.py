"""GPT against PyTorch, and what it promises."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from etude.batch import Spec
from etude.errors import InputError
from etude.model.gpt import GPT
from golden import ATTENTION, agree, applied, compiled, filled, named, parts_of

TOKENS = Spec("tokens", (5,), sizes=(("vocabulary", 7),))
CLASSES = Spec("classes", (5,), classes=("a", "b", "c"), sizes=(("vocabulary", 7),))
SMALL = GPT(layers=2, heads=2, width=8, feed_forward=2)
SYMBOLS = np.random.default_rng(0).integers(0, 7, (3, 5)).astype(np.int32)


def build(model: GPT, spec: Spec = TOKENS, outputs: int = 7) -> Any:
    """Structure, weights and the rest of a network."""
    return parts_of(partial(model.build, spec, outputs))


@pytest.mark.parametrize("kind", ["pre", "post"])
def test_agrees_with_torch_forwards_and_backwards(kind: str) -> None:
    golden = ATTENTION["gpt"][kind]
    symbols = np.asarray(golden["symbols"])
    inputs, targets = symbols[:, :-1], symbols[:, 1:]
    with jax.enable_x64(True):
        graph, params, rest = build(SMALL.changed(norm_first=kind == "pre"))

        def loss(params: Any) -> Any:
            logits = nnx.merge(graph, params, rest, copy=True)(jnp.asarray(inputs))
            scores = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1)
            return -jnp.mean(scores), logits

        slope = compiled(jax.value_and_grad(loss, has_aux=True))
        (value, logits), gradient = slope(filled(params, golden["weights"]))
    np.testing.assert_allclose(logits, golden["logits"], 1e-11, 1e-12)
    assert float(value) == pytest.approx(golden["loss"], rel=1e-12)
    agree(named(gradient), golden["gradients"])


@pytest.mark.parametrize("fields", [{}, {"norm_first": False}, {"tied": False}])
def test_outputs_at_a_step_see_no_later_inputs(fields: Any) -> None:
    outputs_of = applied(build(SMALL.changed(**fields)))
    outputs = outputs_of(SYMBOLS)
    assert outputs.shape == (3, 5, 7)
    for step in range(5):
        other = SYMBOLS.copy()
        other[:, step] = (other[:, step] + 1) % 7
        others = outputs_of(other)
        np.testing.assert_array_equal(outputs[:, :step], others[:, :step])
        assert (outputs[:, step:] != others[:, step:]).any(-1).all()


def test_other_tasks_are_read_from_the_last_step() -> None:
    outputs_of = applied(build(SMALL, CLASSES, 3))
    outputs = outputs_of(SYMBOLS)
    assert outputs.shape == (3, 3)
    for step in range(5):
        other = SYMBOLS.copy()
        other[:, step] = (other[:, step] + 1) % 7
        assert (outputs != outputs_of(other)).any(-1).all()


def test_shorter_sequences_are_their_beginnings() -> None:
    outputs_of = applied(build(SMALL.changed(positions="sinusoidal")))
    whole, part = outputs_of(SYMBOLS), outputs_of(SYMBOLS[:, :3])
    np.testing.assert_allclose(part, whole[:, :3], rtol=1e-5, atol=1e-6)


def test_first_weights_are_those_of_gpt_2() -> None:
    model = GPT(layers=2, heads=2, width=64)
    spec = Spec("tokens", (60,), sizes=(("vocabulary", 500),))
    weights = named(build(model, spec, 500)[1])
    last = 0.02 / 2
    for name, values in weights.items():
        if name.endswith("bias"):
            assert (values == 0).all()
        elif name.endswith("scale"):
            assert (values == 1).all()
        else:
            std = last if "outputs/kernel" in name or "second/kernel" in name else 0.02
            assert values.std() == pytest.approx(std, rel=0.05), name
            assert abs(values.mean()) < std / 10
    count = sum(values.size for values in weights.values())
    assert count == 560 * 64 + 2 * (12 * 64**2 + 13 * 64) + 2 * 64


def test_dropout_changes_no_initial_weight_and_every_step() -> None:
    graph, params, rest = build(SMALL.changed(dropout=0.3))
    without = build(SMALL)
    for one, other in zip(jax.tree.leaves(params), jax.tree.leaves(without[1]), strict=True):
        np.testing.assert_array_equal(one, other)

    @compiled
    def twice(params: Any, rest: Any) -> Any:
        module = nnx.merge(graph, params, rest, copy=True)
        first, second = module(SYMBOLS), module(SYMBOLS)
        module.eval()
        return first, second, module(SYMBOLS)

    first, second, judged = twice(params, rest)
    assert (first != second).any(-1).all()
    np.testing.assert_allclose(judged, applied(without)(SYMBOLS), rtol=1e-5, atol=1e-7)


def test_learns_a_periodic_text() -> None:
    """A few steps of descent in one program: the loss falls below that of the frequencies."""
    graph, params, rest = build(SMALL.changed(layers=1, std=0.2))
    text = np.tile([1, 4, 2, 6], 12)
    rows = np.stack([text[start : start + 6] for start in range(40)])
    inputs, targets = rows[:, :-1], rows[:, 1:]

    def loss(params: Any) -> jax.Array:
        logits = nnx.merge(graph, params, rest, copy=True)(jnp.asarray(inputs))
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1))

    def step(params: Any, _: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda w, g: w - 0.3 * g, params, gradient), value

    _, losses = compiled(lambda params: jax.lax.scan(step, params, length=150))(params)
    assert losses[0] > math.log(4)
    assert losses[-1] < 0.1


def test_traced_numbers_may_differ_between_members() -> None:
    """Under vmap over members with rates and initial weights of their own."""
    models = [
        SMALL.changed(layers=1, std=std, dropout=rate) for std, rate in ((0.1, 0.1), (0.2, 0.5))
    ]

    def outputs(model: GPT) -> jax.Array:
        rngs = nnx.Rngs(params=jax.random.key(0), dropout=jax.random.key(1))
        return model.build(TOKENS, 7, rngs)(jnp.asarray(SYMBOLS))

    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *models)
    together = compiled(jax.vmap(outputs))(stacked)
    alone = compiled(outputs)
    for found, model in zip(together, models, strict=True):
        np.testing.assert_allclose(found, alone(model), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"heads": 3, "width": 8}, "`width` must be a multiple of `heads` (3), got 8"),
        ({"layers": 0}, "greater than or equal to 1"),
        ({"dropout": 1.0}, "less than 1"),
        ({"std": 0.0}, "greater than 0"),
        ({"positions": "rotary"}, "'learned' or 'sinusoidal'"),
    ],
)
def test_bad_settings_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        GPT(**fields)
    assert message in str(caught.value)


def test_data_without_symbols_and_other_outputs_are_refused() -> None:
    with pytest.raises(InputError, match="`model` gpt needs rows of symbols, such as text"):
        GPT().check(Spec("classes", (8, 8), classes=("a", "b")))
    with pytest.raises(InputError, match="`tied` of model gpt needs a loss of 7 outputs"):
        SMALL.build(TOKENS, 9, nnx.Rngs(0))
    GPT().check(TOKENS)
    GPT().check(CLASSES)
