"""A loss of the user's own in place of ours."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import jax
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.loss.base import Loss
from etude.loss.mixture import log_mean, mean


class UserLoss(Loss):
    """A plain function of the user: `function(outputs, targets) -> loss of each row [batch]`.

    For classes, outputs are logits `[batch, classes]` and targets class numbers `[batch]`; for
    numbers, outputs are the expected targets `[batch, targets]`, in the scale that the data
    gives targets.

    Results are stored under label and version; a changed function needs a new version, or old
    results are taken for its own.

    Attributes:
        function: written in JAX, differentiable.
        label: its name in tables and in the identity of results.
        version: raised when the meaning of the function changes.
        task: what its targets are: "classes" or "numbers".
        width: how many outputs the network gives; 0 for as many as classes or targets.

    Example:
        >>> import jax.numpy as jnp
        >>> def quartic(outputs, targets):
        ...     return jnp.sum((targets - outputs) ** 4, -1)
        >>> UserLoss(function=quartic, label="quartic", version="1", task="numbers").label
        'quartic'
    """

    function: SkipJsonSchema[Callable[..., Any]]
    label: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    task: Literal["classes", "numbers"]
    width: Annotated[int, Field(ge=0)] = 0

    def check(self, spec: Spec) -> None:
        if spec.task != self.task:
            raise InputError(f"`loss` {self.label} needs a target of {self.task}, got {spec.task}")

    def outputs(self, spec: Spec) -> int:
        return self.width or (len(spec.classes) if self.task == "classes" else spec.targets)

    def __call__(self, outputs: Any, batch: Batch) -> jax.Array:
        values = self.function(outputs, batch.targets)
        if getattr(values, "shape", None) != batch.weights.shape:
            raise InputError(
                f"`function` of loss {self.label} must give a value per row, shape "
                f"{list(batch.weights.shape)}, got {_shape(values)}"
            )
        return values

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return jax.nn.log_softmax(outputs) if self.task == "classes" else outputs

    def mixture(self, first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
        if self.task == "numbers":
            return mean(first, second, share)
        return log_mean(self.prediction(first), self.prediction(second), share)

    def of_logits(self, logits: jax.Array) -> jax.Array:
        return super().of_logits(logits) if self.task == "numbers" else logits

    def document(self) -> dict[str, Any]:
        fields = [field for field in type(self).model_fields if field != "function"]
        return {"name": self.name} | {field: getattr(self, field) for field in fields}

    def specification(self) -> dict[str, Any]:
        return self.document() | {"revision": self.revision}


def _shape(values: Any) -> str:
    shape = getattr(values, "shape", None)
    return type(values).__name__ if shape is None else f"shape {list(shape)}"
