"""Reading a saved network: everything is checked before anything is built.

No file says what code to run. Components are looked up by name among those that are known
here, and the parts that a user wrote are given by the user.
"""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etude.batch import Spec
from etude.component import Component, UnknownName, component_class, discover_all
from etude.data.base import Stream
from etude.data.encoder import encoder_from_schema
from etude.data.symbols import MOST_STEPS
from etude.ensemble.base import Ensemble
from etude.ensemble.combination import Combination
from etude.errors import InputError
from etude.loss.base import Loss
from etude.model.base import Model
from etude.network import (
    COMBINED,
    DESCRIPTION,
    FORMAT,
    OF_ENSEMBLES,
    WEIGHTS,
    Network,
)
from etude.weights import expected_arrays

LARGEST_DESCRIPTION = 256 * 2**20
"""Descriptions of more bytes are refused."""

TYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "U16": "uint16",
    "I32": "int32",
    "U32": "uint32",
    "I64": "int64",
    "U64": "uint64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
}
"""From the names of types in a safetensors file to NumPy's."""

Expected = dict[str, tuple[tuple[int, ...], tuple[str, ...]]]
"""The shape that each array must have, and the types that it may have."""

LARGEST_ROW = 2**26
"""A row of inputs has at most so many numbers."""

Size = Annotated[int, Field(ge=0)]
Few = Annotated[int, Field(ge=0, le=2**20)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Sizes(_Part):
    task: str
    inputs: tuple[Size, ...]
    targets: Few
    classes: tuple[str, ...]
    sizes: tuple[tuple[str, Size], ...]


class _Choice(_Part):
    data: dict[str, Any]
    model: dict[str, Any]
    loss: dict[str, Any]
    algorithm: dict[str, Any]
    label: str = ""


class _Description(_Part):
    """What `network.json` says."""

    format: Literal[FORMAT, OF_ENSEMBLES]  # type: ignore[valid-type]
    sha256: str
    spec: _Sizes
    dtype: Literal["float32", "float64", "int32", "uint8"]
    fitted: dict[str, tuple[Size, ...]]
    stream: dict[str, Any]
    choice: _Choice
    history: dict[str, Any]
    columns: Annotated[dict[str, Any], Field(alias="schema")]
    networks: Annotated[int, Field(ge=0, le=1_000)] = 0


def load(folder: str | Path, *, model: Model | None = None, loss: Loss | None = None) -> Network:
    """Read a network that `Network.save` wrote; its predictions are the same bit for bit.

    Names, shapes and types of all arrays must be those of the network that `network.json`
    describes, and the weights those that were saved with it.

    Args:
        folder: where it was saved.
        model: the `UserModel` that was trained, where it is one: code is in no file.
        loss: the `UserLoss` that was trained, where it is one.

    Raises:
        InputError: a file is missing, damaged or not of this format, or a part of a user is
            not given.

    Example:
        ```python
        network = etude.load("best")
        network.predict(new_rows)
        ```
    """
    folder = Path(folder)
    discover_all()
    try:
        return _read(folder, model, loss)
    except FileNotFoundError as error:
        raise InputError(f"there is no saved network in {folder}: {error}") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"the network in {folder} cannot be read: {reason}") from None
    except RecursionError:
        raise _damaged(folder, f"{DESCRIPTION} is nested too deeply") from None
    except MemoryError:
        raise InputError(f"the network in {folder} takes more memory than there is") from None


def _read(folder: Path, model: Model | None, loss: Loss | None) -> Network:
    description = _described(folder)
    sizes, choice = description.spec, description.choice
    spec = Spec(sizes.task, sizes.inputs, sizes.targets, sizes.classes, sizes.sizes)
    _check_sizes(folder, spec)
    model = _part(folder, Model, choice.model, model)
    loss = _part(folder, Loss, choice.loss, loss)
    stream = _part(folder, Stream, description.stream, None)
    ensemble = _ensemble(folder, description)
    try:
        loss.check(spec)
        model.check(spec)
        if ensemble is not None:
            ensemble.check(loss, spec)
        expected: Expected = {
            name: (tuple(array.shape), (str(array.dtype),))
            for name, array in expected_arrays(model, loss, spec, description.networks).items()
        }
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise _damaged(folder, f"its parts do not fit one another: {error}") from None
    for name, shape in description.fitted.items():
        expected[f"fitted/{name}"] = (shape, ("float32", "float64"))
    if ensemble is not None:
        width = ensemble.width(loss, loss.outputs(spec))
        shapes = (description.networks,), (width,)
        expected |= {
            name: (shape, ("float32", "float64"))
            for name, shape in zip(COMBINED, shapes, strict=True)
        }
    arrays = _arrays(folder, expected, description.sha256)
    combination = None
    if ensemble is not None:
        combination = Combination(ensemble, *(arrays.pop(name) for name in COMBINED))
    network = Network(
        spec=spec,
        stream=stream,
        model=model,
        loss=loss,
        weights={n: v for n, v in arrays.items() if not n.startswith("fitted/")},
        fitted={n.removeprefix("fitted/"): v for n, v in arrays.items() if n.startswith("fitted/")},
        dtype=description.dtype,
        schema=description.columns,
        document=choice.model_dump(exclude_defaults=True),
        history=description.history,
        combination=combination,
    )
    try:
        if network.schema:
            encoder_from_schema(network.schema).check(spec)
        network.check()
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise _damaged(folder, f"its parts do not fit one another: {error}") from None
    return network


def _ensemble(folder: Path, description: _Description) -> Ensemble | None:
    """The ensemble that the networks of a file are; None for a single network."""
    document = description.choice.algorithm.get("ensemble")
    if (description.format == OF_ENSEMBLES) != (document is not None and description.networks > 0):
        raise _damaged(
            folder, f"{DESCRIPTION} must say of an ensemble, and of nothing else, how many networks"
        )
    if document is None:
        return None
    ensemble: Ensemble = _part(folder, Ensemble, document, None)
    if description.networks > ensemble.networks:
        raise _damaged(
            folder, f"{ensemble} has at most {ensemble.networks}, got {description.networks}"
        )
    return ensemble


def _check_sizes(folder: Path, spec: Spec) -> None:
    """Refuse rows that nobody trains on, before anything is made for them."""
    if math.prod(spec.inputs) > LARGEST_ROW:
        raise _damaged(folder, f"a row must have at most {LARGEST_ROW:,} numbers")
    if spec.vocabulary and (len(spec.inputs) != 1 or not 0 < spec.inputs[0] <= MOST_STEPS):
        raise _damaged(
            folder, f"a row of symbols must have from 1 to {MOST_STEPS:,}, got {list(spec.inputs)}"
        )
    if spec.task == "tokens" and spec.inputs != (spec.targets,):
        raise _damaged(folder, "every symbol of a row must have a target")


def _described(folder: Path) -> _Description:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(f"{DESCRIPTION} is missing")
    with path.open("rb") as file:
        content = file.read(LARGEST_DESCRIPTION + 1)
    if len(content) > LARGEST_DESCRIPTION:
        limit = LARGEST_DESCRIPTION // 2**20
        raise _damaged(folder, f"{DESCRIPTION} is larger than {limit} MiB")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(folder, f"{DESCRIPTION} is not JSON: {error}") from None
    written = document.get("format") if isinstance(document, dict) else None
    if isinstance(written, int) and written > OF_ENSEMBLES:
        raise InputError(
            f"`format` of {path} must be at most {OF_ENSEMBLES}, got {written}: a newer Étude "
            "wrote it"
        )
    try:
        return _Description.model_validate_json(content)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise _damaged(folder, f"`{place}` of {DESCRIPTION}: {detail['msg']}") from None


def _part(folder: Path, kind: type[Any], document: dict[str, Any], given: Any) -> Any:
    """The component that a document describes: one known here, or the user's own."""
    if given is not None:
        if json.loads(json.dumps(given.document())) != document:
            raise InputError(
                f"`{kind.kind}` must be the one that was trained, {_told(document)}, "
                f"got {_told(given.document())}"
            )
        return given
    try:
        cls = component_class(kind.kind, document["name"])
        _check_code(cls, kind.kind, document, folder)
        return kind.from_document(document)
    except UnknownName as error:
        raise InputError(f"the network in {folder} has a part that is not known: {error}") from None
    except InputError:
        raise
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in (kind.kind, *detail["loc"]))
        raise _damaged(folder, f"`{place}` of {DESCRIPTION}: {detail['msg']}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, f"`{kind.kind}` of {DESCRIPTION}: {error}") from None


def _check_code(cls: type[Component], kind: str, document: dict[str, Any], folder: Path) -> None:
    code = [
        name
        for name, field in cls.model_fields.items()
        if name not in document and get_origin(field.annotation) is Callable
    ]
    if code:
        raise InputError(
            f"the {kind} of the network in {folder} is a user's own, {_told(document)}: "
            f"give it as load(folder, {kind}=...), for code is in no file"
        )


def _told(document: dict[str, Any]) -> str:
    fields = {name: document[name] for name in ("name", "label", "version") if name in document}
    return " ".join(str(value) for value in fields.values())


def _arrays(folder: Path, expected: Expected, sha256: str) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS
    if not path.is_file():
        raise FileNotFoundError(f"{WEIGHTS} is missing")
    try:
        with safe_open(path, framework="numpy") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            for name, (shape, types) in expected.items():
                if name not in found:
                    raise _damaged(folder, f"the array {name!r} is missing")
                given = tuple(found[name].get_shape())
                if given != shape:
                    raise _damaged(
                        folder,
                        f"the array {name!r} must have the shape {list(shape)}, got {list(given)}",
                    )
                dtype = found[name].get_dtype()
                if TYPES.get(dtype) not in types:
                    raise _damaged(
                        folder, f"the array {name!r} must be of {' or '.join(types)}, got {dtype}"
                    )
            if extra := sorted(set(found) - set(expected)):
                raise _damaged(folder, f"the array {extra[0]!r} belongs to no part of the network")
            with path.open("rb") as content:
                if hashlib.file_digest(content, "sha256").hexdigest() != sha256:
                    raise _damaged(folder, f"{WEIGHTS} is not what was saved with {DESCRIPTION}")
            return {name: file.get_tensor(name) for name in found}
    except SafetensorError as error:
        raise _damaged(folder, f"{WEIGHTS}: {error}") from None


def _damaged(folder: Path, reason: str) -> InputError:
    return InputError(f"the network in {folder} is damaged: {reason}")
