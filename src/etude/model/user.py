"""A network of the user's own in place of ours."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from flax import nnx
from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from etude.batch import Spec
from etude.errors import InputError
from etude.model.base import Model


def _pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


Value = bool | int | float | str | tuple[int | float | str, ...]
"""What an argument of a user's module may be."""


class UserModel(Model):
    """A Flax NNX module class of the user.

    It is made as `module(inputs, outputs, rngs=rngs, **arguments)`, where `inputs` is the shape
    of one row's inputs (`(64,)` for 64 columns, `(28, 28)` for an image) and `outputs` how many
    numbers the loss wants of each row. It is called on `[batch, *inputs]`, with an argument
    `weights [batch]` where its call has one, and returns `[batch, outputs]`.

    Results are stored under label, version and arguments; a changed class needs a new version,
    or old results are taken for its own.

    Attributes:
        module: the class, or a function that returns a module.
        label: its name in tables and in the identity of results.
        version: raised when the meaning of the class changes.
        arguments: further keyword arguments, a dictionary or pairs; immutable values.

    Example:
        >>> from flax import nnx
        >>> class Net(nnx.Module):
        ...     def __init__(self, inputs, outputs, width, *, rngs):
        ...         self.hidden = nnx.Linear(inputs[0], width, rngs=rngs)
        ...         self.readout = nnx.Linear(width, outputs, rngs=rngs)
        ...     def __call__(self, x):
        ...         return self.readout(nnx.relu(self.hidden(x)))
        >>> UserModel(module=Net, label="net", version="1", arguments={"width": 8}).document()
        {'name': 'user_model', 'label': 'net', 'version': '1', 'arguments': {'width': 8}}
    """

    module: SkipJsonSchema[Callable[..., Any]]
    label: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    arguments: Annotated[tuple[tuple[str, Value], ...], BeforeValidator(_pairs)] = ()

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        module = self.module(spec.inputs, outputs, rngs=rngs, **dict(self.arguments))
        if not isinstance(module, nnx.Module):
            raise InputError(
                f"`module` of model {self.label} must give a flax.nnx.Module, "
                f"got {type(module).__name__}"
            )
        return module

    def document(self) -> dict[str, Any]:
        arguments = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.arguments
        }
        names = {"name": self.name, "label": self.label, "version": self.version}
        noise = {"weight_noise": self.weight_noise} if self.weight_noise else {}
        return names | {"arguments": arguments} | noise

    def specification(self) -> dict[str, Any]:
        return self.document() | {"revision": self.revision}
