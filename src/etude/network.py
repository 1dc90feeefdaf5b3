"""A trained network on its own: predict, save, load."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from etude.batch import Spec
from etude.component import Component
from etude.data.base import Prepared, Source, Split, Stream
from etude.data.rows import padded_rows
from etude.errors import InputError
from etude.loss.base import Loss
from etude.model.base import Model

FORMAT = 1
"""Version of the files of a saved network."""


@dataclass(frozen=True)
class Network:
    """A network with its weights, and what it needs to know of the data it was trained on.

    Attributes:
        spec: sizes of the data.
        stream, model, loss: the components that make predictions of rows.
        weights: names and values of the network's arrays, `params/...` and `rest/...`.
        fitted: names and values of what was fitted to the training rows.
        schema: the columns of the data; empty where rows cannot be encoded.
        document: the choice that was trained, with all its fields.
        history: what to tell about its training: rows, epochs, metrics on the training rows.
    """

    spec: Spec
    stream: Stream
    model: Model
    loss: Loss
    weights: dict[str, np.ndarray]
    fitted: dict[str, np.ndarray]
    schema: dict[str, Any]
    document: dict[str, Any]
    history: dict[str, Any]

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(v.size for name, v in self.weights.items() if name.startswith("params/"))

    def outputs(self, rows: Any) -> np.ndarray:
        """What the network gives for new rows, `[rows, outputs]`, before any interpretation.

        Args:
            rows: a data frame with the columns of the training data, or arrays of inputs.
        """
        return self._apply(rows)[0]

    def predict(self, rows: Any) -> np.ndarray:
        """The prediction for new rows.

        Returns:
            For classes the labels, `[rows]`; for numbers the expected targets in the user's
            units, `[rows]`, or `[rows, targets]` where there are several.
        """
        prediction = self._apply(rows)[1]
        if self.spec.classes:
            return np.array(self.spec.classes)[np.argmax(prediction, axis=1)]
        return prediction[:, 0] if prediction.shape[1] == 1 else prediction

    def probabilities(self, rows: Any) -> np.ndarray:
        """The probability of each class, `[rows, classes]`, in the order of `spec.classes`."""
        if not self.spec.classes:
            raise InputError("`probabilities` needs a target of classes, got " + self.spec.task)
        return np.exp(self._apply(rows)[1])

    def _apply(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        inputs = self._encode(rows)
        count = inputs.shape[0]
        size = padded_rows(count)
        filled = np.zeros((size, *inputs.shape[1:]), inputs.dtype)
        filled[:count] = inputs
        targets: np.ndarray = np.zeros((size, self.spec.targets), np.float32)
        if self.spec.classes:
            targets = np.zeros(size, np.int32)
        source = Source(
            {"inputs": filled, "targets": targets},
            self.fitted,
            Split(np.zeros(1, np.int32), np.int32(0), np.zeros((3, size), np.float32)),
        )
        graph, params, rest = _structure(self.model, self.loss, self.spec)
        module = nnx.merge(
            graph,
            _from_names(self.weights, "params", params),
            _from_names(self.weights, "rest", rest),
        )
        module.eval()
        batches = [
            _predict(self.stream, self.loss, source, index, module)
            for index in range(self.stream.evaluations(source))
        ]
        outputs, prediction = (
            np.concatenate([np.asarray(batch[part]) for batch in batches])[:count]
            for part in (0, 1)
        )
        return outputs, prediction

    def _encode(self, rows: Any) -> np.ndarray:
        if isinstance(rows, np.ndarray):
            inputs = rows
        else:
            encoder = _encoder(self.schema)
            if encoder is None:
                raise InputError("this network takes arrays of inputs, not data frames")
            inputs = encoder.encode(rows)["inputs"]
        if inputs.shape[1:] != self.spec.inputs:
            raise InputError(
                f"a row of inputs must have the shape {list(self.spec.inputs)}, "
                f"got {list(inputs.shape[1:])}"
            )
        return inputs

    def save(self, folder: str | Path) -> None:
        """Write `network.safetensors` and `network.json` into a folder.

        Raises:
            InputError: the folder cannot be written.
        """
        from safetensors.numpy import save

        folder = Path(folder)
        arrays = self.weights | {f"fitted/{name}": value for name, value in self.fitted.items()}
        description = {
            "format": FORMAT,
            "spec": {
                "task": self.spec.task,
                "inputs": list(self.spec.inputs),
                "targets": self.spec.targets,
                "classes": list(self.spec.classes),
                "sizes": [list(pair) for pair in self.spec.sizes],
            },
            "stream": self.stream.document(),
            "schema": self.schema,
            "choice": self.document,
            "history": self.history,
            "fitted": {name: list(value.shape) for name, value in self.fitted.items()},
        }
        text = json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            contiguous = {name: np.asarray(value, order="C") for name, value in arrays.items()}
            write_whole(folder / "network.safetensors", save(contiguous))
            write_whole(folder / "network.json", text.encode())
        except OSError as error:
            raise InputError(f"cannot write the network to {folder}: {error.strerror}") from None


def load(folder: str | Path) -> Network:
    """Read a network that `Network.save` wrote; its predictions are the same bit for bit.

    The files are checked before anything is built: names, shapes and dtypes of all arrays
    must be those of the network that `network.json` describes.

    Raises:
        InputError: a file is missing, damaged or not of this format.
    """
    from safetensors import SafetensorError, safe_open

    folder = Path(folder)
    try:
        description = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        if description["format"] != FORMAT:
            raise InputError(
                f"`format` of {folder / 'network.json'} must be {FORMAT}, "
                f"got {description['format']!r}; a newer Étude wrote it"
            )
        spec = Spec(
            task=description["spec"]["task"],
            inputs=tuple(description["spec"]["inputs"]),
            targets=description["spec"]["targets"],
            classes=tuple(description["spec"]["classes"]),
            sizes=tuple((name, size) for name, size in description["spec"]["sizes"]),
        )
        choice = description["choice"]
        model = Model.from_document(choice["model"])
        loss = Loss.from_document(choice["loss"])
        stream = Stream.from_document(description["stream"])
        expected = _expected(model, loss, spec, description["fitted"])
        with safe_open(folder / "network.safetensors", framework="numpy") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            _same(expected, {name: tuple(part.get_shape()) for name, part in found.items()})
            arrays = {name: file.get_tensor(name) for name in found}
    except FileNotFoundError as error:
        raise InputError(f"there is no saved network in {folder}: {error.filename}") from None
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the network in {folder} is damaged: {error}") from None
    return Network(
        spec=spec,
        stream=stream,
        model=model,
        loss=loss,
        weights={n: v for n, v in arrays.items() if not n.startswith("fitted/")},
        fitted={n.removeprefix("fitted/"): v for n, v in arrays.items() if n.startswith("fitted/")},
        schema=description["schema"],
        document=choice,
        history=description["history"],
    )


def network_of(
    prepared: Prepared,
    model: Model,
    loss: Loss,
    module: nnx.Module,
    fitted: Any,
    document: dict[str, Any],
    history: dict[str, Any],
) -> Network:
    """The network that a trained module is, with what was fitted to its training rows."""
    _, params, rest = nnx.split(module, nnx.Param, ...)
    return Network(
        spec=prepared.spec,
        stream=prepared.stream,
        model=model,
        loss=loss,
        weights=_names(params, "params") | _names(rest, "rest"),
        fitted={name: np.asarray(value) for name, value in dict(fitted).items()},
        schema=prepared.schema,
        document=document,
        history=history,
    )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _structure(model: Model, loss: Loss, spec: Spec) -> tuple[Any, Any, Any]:
    """Graph, and the shapes of trained and other variables."""
    return jax.eval_shape(
        lambda: nnx.split(model.build(spec, loss.outputs(spec), nnx.Rngs(0)), nnx.Param, ...)
    )


def _expected(model: Model, loss: Loss, spec: Spec, fitted: dict[str, list[int]]) -> dict[str, Any]:
    _, params, rest = _structure(model, loss, spec)
    shapes = {f"fitted/{name}": tuple(shape) for name, shape in fitted.items()}
    for prefix, tree in (("params", params), ("rest", rest)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            shapes[_name(prefix, path)] = _plain_shape(leaf)
    return shapes


def _same(expected: dict[str, Any], found: dict[str, Any]) -> None:
    for name, shape in expected.items():
        if name not in found:
            raise ValueError(f"the array {name!r} is missing")
        if found[name] != shape:
            raise ValueError(f"the array {name!r} must have shape {shape}, got {found[name]}")
    for name in found:
        if name not in expected:
            raise ValueError(f"the array {name!r} belongs to no part of this network")


def _names(tree: Any, prefix: str) -> dict[str, np.ndarray]:
    return {
        _name(prefix, path): np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _from_names(arrays: dict[str, np.ndarray], prefix: str, like: Any) -> Any:
    def restored(path: Any, leaf: Any) -> Any:
        array = arrays[_name(prefix, path)]
        return jax.random.wrap_key_data(array) if _is_key(leaf) else jax.numpy.asarray(array)

    return jax.tree_util.tree_map_with_path(restored, like)


def _name(prefix: str, path: Any) -> str:
    parts = [str(getattr(part, "key", getattr(part, "name", part))) for part in path]
    return "/".join([prefix, *(part for part in parts if part not in ("value", "raw_value"))])


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain_shape(leaf: Any) -> tuple[int, ...]:
    return jax.eval_shape(jax.random.key_data, leaf).shape if _is_key(leaf) else leaf.shape


def _encoder(schema: dict[str, Any]) -> Any:
    from etude.data.encoder import TableEncoder

    return TableEncoder.from_schema(schema) if schema else None


@nnx.jit(static_argnums=())
def _predict(
    stream: Component, loss: Loss, source: Source, index: Any, module: nnx.Module
) -> tuple[Any, Any]:
    batch, _ = stream.evaluation(source, index, module, None)  # type: ignore[attr-defined]
    outputs = loss.evaluate(module, batch)
    return outputs, loss.prediction(outputs) * batch.scale + batch.offset
