"""The encoder: sequences of every kind, pooling, and what it promises."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from etude.batch import Spec
from etude.errors import InputError
from etude.model.transformer_encoder import TransformerEncoder
from golden import applied, named, parts_of

SMALL = TransformerEncoder(layers=1, heads=2, width=8, feed_forward=2)
GENERATOR = np.random.default_rng(0)
SEQUENCES = {
    "text": (
        Spec("classes", (5,), classes=("a", "b"), sizes=(("vocabulary", 7),)),
        GENERATOR.integers(0, 7, (3, 5)).astype(np.int32),
    ),
    "series": (Spec("numbers", (5, 2), 2), GENERATOR.normal(size=(3, 5, 2))),
    "image": (
        Spec("numbers", (20,), 2, sizes=(("height", 5), ("width", 4), ("channels", 1))),
        GENERATOR.normal(size=(3, 20)),
    ),
}


def build(model: TransformerEncoder, spec: Spec) -> Any:
    """Structure, weights and the rest of a network with two outputs."""
    return parts_of(partial(model.build, spec, 2))


def turned(inputs: np.ndarray, kind: str) -> np.ndarray:
    """The sequences from their last step to the first."""
    return inputs.reshape(3, 5, -1)[:, ::-1].reshape(inputs.shape)


@pytest.mark.parametrize("kind", SEQUENCES)
@pytest.mark.parametrize("pooling", ["mean", "class"])
def test_every_step_of_every_kind_of_sequence_counts(kind: str, pooling: str) -> None:
    spec, inputs = SEQUENCES[kind]
    outputs_of = applied(build(SMALL.changed(pooling=pooling), spec))
    outputs = outputs_of(inputs)
    assert outputs.shape == (3, 2)
    for step in range(5):
        other = inputs.reshape(3, 5, -1).copy()
        other[:, step] = (other[:, step] + 1) % 7
        assert (outputs_of(other.reshape(inputs.shape)) != outputs).any(-1).all()
    assert np.abs(outputs_of(turned(inputs, kind)) - outputs).max() > 1e-3


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
def test_positions_tell_steps_apart(positions: str) -> None:
    """Without them every order of the steps has the same mean; checked by taking them away."""
    spec, inputs = SEQUENCES["series"]
    graph, params, rest = build(SMALL.changed(positions=positions, layers=2), spec)
    backwards = turned(inputs, "series")
    outputs_of = applied((graph, params, rest))
    assert np.abs(outputs_of(backwards) - outputs_of(inputs)).max() > 1e-3
    if positions == "learned":
        params["positions"]["table"][...] *= 0
        outputs_of = applied((graph, params, rest))
        np.testing.assert_allclose(outputs_of(backwards), outputs_of(inputs), 1e-4, 1e-5)


def test_rows_of_a_batch_do_not_see_one_another() -> None:
    spec, inputs = SEQUENCES["text"]
    outputs_of = applied(build(SMALL, spec))
    alone = np.concatenate([outputs_of(inputs[row : row + 1]) for row in range(3)])
    np.testing.assert_allclose(outputs_of(inputs), alone, rtol=1e-5, atol=1e-6)


def test_weights_are_where_they_are_told_to_be() -> None:
    spec, _ = SEQUENCES["series"]
    names = set(named(build(SMALL, spec)[1]))
    assert {"inputs/kernel", "readout/bias", "norm/scale", "blocks/0/first/kernel"} <= names
    assert not any(name.startswith(("token", "positions")) for name in names)
    model = SMALL.changed(pooling="class", positions="learned", norm_first=False)
    weights = named(build(model, spec)[1])
    assert weights["token"].shape == (8,)
    assert weights["positions/table"].shape == (6, 8)
    assert "norm/scale" not in weights


def test_data_that_are_no_sequences_are_refused() -> None:
    with pytest.raises(InputError, match="needs rows that are sequences"):
        SMALL.check(Spec("classes", (4,), classes=("a", "b")))
    with pytest.raises(InputError, match="one for every step from the steps before: choose gpt"):
        SMALL.check(Spec("tokens", (4,), sizes=(("vocabulary", 3),)))
    with pytest.raises(ValidationError, match="`width` must be a multiple of `heads`"):
        TransformerEncoder(heads=3, width=8)
    for spec, _ in SEQUENCES.values():
        SMALL.check(spec)
