"""A module class of the user in place of ours."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from etude.batch import Batch, Spec, outputs_of
from etude.component import component_class
from etude.errors import InputError
from etude.model.user import UserModel

SPEC = Spec("numbers", (4,), 2)


class Net(nnx.Module):
    def __init__(self, inputs: tuple[int, ...], outputs: int, width: int, *, rngs: nnx.Rngs):
        self.hidden = nnx.Linear(inputs[0], width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.readout = nnx.Linear(width, outputs, rngs=rngs)

    def __call__(self, x: jax.Array, weights: jax.Array) -> jax.Array:
        mask = weights[:, None] > 0
        return self.readout(nnx.relu(self.norm(self.hidden(x), mask=mask)))


def model(**fields: Any) -> UserModel:
    defaults = {"module": Net, "label": "net", "version": "1", "arguments": {"width": 8}}
    return UserModel(**(defaults | fields))


def test_the_class_is_made_with_sizes_and_arguments_and_called_with_weights() -> None:
    @jax.jit
    def outputs(key: jax.Array, batch: Batch) -> jax.Array:
        module = model().build(SPEC, 2, nnx.Rngs(key))
        assert module.hidden.kernel.shape == (4, 8)
        graph, params, rest = nnx.split(module, nnx.Param, ...)
        return outputs_of(nnx.merge(graph, params, rest, copy=True), batch)

    x = jax.random.normal(jax.random.key(1), (6, 4))
    weights = jnp.array([1.0, 1, 1, 1, 0, 0])
    found = outputs(jax.random.key(0), Batch(x, None, weights))
    assert found.shape == (6, 2)
    other = outputs(jax.random.key(0), Batch(x.at[4:].set(9.0), None, weights))
    np.testing.assert_array_equal(found[:4], other[:4])


def test_the_document_names_label_and_version_and_not_the_class() -> None:
    document = {"name": "user_model", "label": "net", "version": "1", "arguments": {"width": 8}}
    assert model().document() == document
    assert model().specification() == document | {"revision": 1}
    assert model(arguments=(("width", 8),)) == model()
    assert model(version="2").specification() != model().specification()
    assert component_class("model", "user_model") is UserModel


def test_models_are_equal_and_hashable_as_structure() -> None:
    assert jax.tree.structure(model()) == jax.tree.structure(model())
    assert jax.tree.structure(model()) != jax.tree.structure(model(arguments={"width": 9}))
    assert jax.tree.leaves(model()) == []
    assert len({model(), model(), model(label="other")}) == 2


def test_the_schema_leaves_the_class_out() -> None:
    assert "module" not in UserModel.model_json_schema()["properties"]


@pytest.mark.parametrize(
    "fields",
    [{"module": "Net"}, {"label": ""}, {"version": ""}, {"arguments": {"widths": [1, [2]]}}],
)
def test_bad_settings_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**fields)


def test_what_is_no_module_is_refused() -> None:
    function = model(module=lambda inputs, outputs, rngs: abs, arguments={})
    with pytest.raises(InputError, match=r"must give a flax.nnx.Module, got builtin"):
        function.build(SPEC, 2, nnx.Rngs(0))
