"""A plain function of the user in place of our losses."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from etude.batch import Batch, Spec
from etude.component import component_class
from etude.errors import InputError
from etude.loss.user import UserLoss

NUMBERS = Spec("numbers", (4,), 2)
CLASSES = Spec("classes", (4,), classes=("a", "b", "c"))


def quartic(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.sum((targets - outputs) ** 4, -1)


def loss(**fields: Any) -> UserLoss:
    defaults = {"function": quartic, "label": "quartic", "version": "1", "task": "numbers"}
    return UserLoss(**(defaults | fields))


def test_the_function_is_called_on_outputs_and_targets() -> None:
    outputs, targets = jnp.array([[1.0, 2.0], [3.0, 3.0]]), jnp.array([[0.0, 2.0], [1.0, 4.0]])
    batch = Batch(None, targets, jnp.ones(2))
    np.testing.assert_array_equal(loss()(outputs, batch), [1, 17])
    slope = jax.grad(lambda outputs: jnp.sum(loss()(outputs, batch)))(outputs)
    np.testing.assert_array_equal(slope, 4 * np.asarray(outputs - targets) ** 3)


def test_outputs_and_predictions_follow_the_task() -> None:
    assert loss().outputs(NUMBERS) == 2
    assert loss(task="classes").outputs(CLASSES) == 3
    assert loss(width=5).outputs(NUMBERS) == 5
    logits = jnp.array([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(loss().prediction(logits), logits)
    probabilities = np.exp(loss(task="classes").prediction(logits))
    np.testing.assert_allclose(probabilities, [[0.09003057, 0.24472847, 0.66524096]], rtol=1e-5)


def test_the_document_names_label_and_version_and_not_the_function() -> None:
    document = loss(l2=0.1).document()
    assert document == {
        "name": "user_loss",
        "l2": 0.1,
        "l1": 0.0,
        "label": "quartic",
        "version": "1",
        "task": "numbers",
        "width": 0,
    }
    assert loss(l2=0.1).specification() == document | {"revision": 1}
    assert component_class("loss", "user_loss") is UserLoss
    assert jax.tree.structure(loss(l2=0.1)) == jax.tree.structure(loss(l2=0.2))
    assert "function" not in UserLoss.model_json_schema()["properties"]


def test_a_function_that_gives_no_value_per_row_is_refused() -> None:
    batch = Batch(None, jnp.ones((3, 2)), jnp.ones(3))
    mean = loss(function=lambda outputs, targets: jnp.mean((outputs - targets) ** 2))
    with pytest.raises(InputError, match=r"must give a value per row, shape \[3\], got shape \[\]"):
        mean(jnp.zeros((3, 2)), batch)
    nothing = loss(function=lambda outputs, targets: None)
    with pytest.raises(InputError, match=r"shape \[3\], got NoneType"):
        nothing(jnp.zeros((3, 2)), batch)


def test_other_targets_are_refused() -> None:
    with pytest.raises(InputError, match="`loss` quartic needs a target of numbers, got classes"):
        loss().check(CLASSES)
    loss().check(NUMBERS)


@pytest.mark.parametrize(
    "fields", [{"function": "quartic"}, {"label": ""}, {"version": ""}, {"task": "images"}]
)
def test_bad_settings_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        loss(**fields)
