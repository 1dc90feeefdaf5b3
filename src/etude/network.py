"""A trained network on its own: what it predicts, and its two files."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from etude.applied import compiled_combination, compiled_prediction, prediction
from etude.batch import Spec
from etude.data.base import Prepared, Source, Split, Stream
from etude.data.encoder import encoder_from_schema
from etude.data.symbols import TextEncoder
from etude.ensemble.combination import Combination
from etude.errors import InputError
from etude.files import write_whole
from etude.loss.base import Loss
from etude.model.base import Model
from etude.sampling import sample_texts
from etude.weights import from_names, named, structure

FORMAT, OF_ENSEMBLES = 1, 2
"""Versions of the files of a saved network: of a single one, and of an ensemble."""

WEIGHTS, DESCRIPTION = "network.safetensors", "network.json"
"""The files of a saved network."""

COMBINED = ("coefficients", "start")
"""The arrays of a combination in a file, beside those of its networks."""

PREDICTED_ROWS = 1024
"""So many rows are predicted at once."""


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A network with its weights, and what it needs to know of the data it was trained on.

    Attributes:
        spec: sizes of the data.
        stream, model, loss: the components that make predictions of rows.
        weights: names and values of the network's arrays, `params/...` and `rest/...`.
        fitted: names and values of what was fitted to the training rows.
        dtype: the type of the numbers in a row of inputs.
        schema: the columns of the data; empty where rows cannot be encoded.
        document: the choice that was trained, with all its fields.
        history: what to tell about its training: rows, epochs, metrics on the training rows.
        combination: what makes it one, where it is an ensemble: its arrays are then those of all
            its networks, stacked `[networks, ...]`; None for a single network.
    """

    spec: Spec
    stream: Stream
    model: Model
    loss: Loss
    weights: dict[str, np.ndarray]
    fitted: dict[str, np.ndarray]
    dtype: str
    schema: dict[str, Any]
    document: dict[str, Any]
    history: dict[str, Any]
    combination: Combination | None = None

    def __repr__(self) -> str:
        model = getattr(self.model, "label", "") or self.model
        several = "" if self.combination is None else f"{self.combination.ensemble} of "
        return f"Network({several}{model}, {self.parameters:,} parameters, {self.spec.task})"

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(v.size for name, v in self.weights.items() if name.startswith("params/"))

    def outputs(self, rows: Any) -> np.ndarray:
        """What the network gives for new rows, `[rows, outputs]`, before any interpretation.

        Args:
            rows: a data frame with the columns of the training data, or an array of inputs as
                the network takes them, `[rows, *spec.inputs]`. For a network of images also
                image files, or a folder of them.

        Raises:
            InputError: a column is missing or holds something else, an array has another
                shape, or there are no rows.
        """
        return self._apply(rows)[0]

    def predict(self, rows: Any) -> np.ndarray:
        """The prediction for new rows.

        Args:
            rows: as for `outputs`.

        Returns:
            For classes the labels, `[rows]`; for numbers the expected targets in the user's
            units, `[rows]`, or `[rows, targets]` where there are several.
        """
        if self.spec.task == "tokens":
            raise InputError(
                "`predict` needs a network of one target per row, and this one tells what follows "
                "at every step: `sample` continues a text, `outputs` gives all its logits"
            )
        prediction = self._apply(rows)[1]
        if self.spec.classes:
            return np.array(self.spec.classes)[np.argmax(prediction, axis=1)]
        return prediction[:, 0] if prediction.shape[1] == 1 else prediction

    def probabilities(self, rows: Any) -> np.ndarray:
        """The probability of each class, `[rows, classes]`, in the order of `spec.classes`."""
        if not self.spec.classes:
            raise InputError(
                f"`probabilities` needs a network of classes, this one predicts {self.spec.task}"
            )
        return np.exp(self._apply(rows)[1])

    def sample(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int = 0,
        seed: int = 0,
        count: int = 1,
    ) -> list[str]:
        """Texts that begin with a prompt and go on as the network has learned from its text.

        Args:
            prompt: how every text begins; without one a text begins where texts do, or after a
                line break.
            length: how many symbols are added, at most: some texts end before, as names do.
            temperature: T, where symbols are drawn with probabilities in proportion to p^(1/T);
                0 takes the most probable one.
            top_k: only so many of the most probable symbols are drawn from; 0 for all.
            seed: of the random numbers.
            count: how many texts.

        Raises:
            InputError: it is no network of text, the prompt has symbols that it does not know
                (the message names them), or a setting is out of its range.

        Example:
            ```python
            print(etude.load("shakespeare").sample("ROMEO:", length=200)[0])
            ```
        """
        encoder = encoder_from_schema(self.schema) if self.schema else None
        if not isinstance(encoder, TextEncoder):
            raise InputError(
                "`sample` needs a network that was trained on text, as the data text and names "
                f"are, and this one predicts {self.spec.task}"
            )
        if self.combination is not None:
            raise InputError(
                f"`sample` needs a single network, got {self.combination.ensemble}; "
                "`probabilities` tells what an ensemble expects next"
            )
        return sample_texts(
            self._module(),
            self.loss,
            self.spec,
            encoder,
            prompt,
            length=length,
            temperature=temperature,
            top_k=top_k,
            seed=seed,
            count=count,
        )

    def save(self, folder: str | Path) -> None:
        """Write `network.safetensors` and `network.json` into a folder.

        Raises:
            InputError: the folder cannot be written.
        """
        from safetensors.numpy import save

        folder = Path(folder)
        arrays = self.weights | {f"fitted/{name}": value for name, value in self.fitted.items()}
        several: dict[str, Any] = {}
        if self.combination is not None:
            arrays |= {name: getattr(self.combination, name) for name in COMBINED}
            several = {"networks": len(self.combination.coefficients)}
        content = save({name: np.asarray(value, order="C") for name, value in arrays.items()})
        description = {
            "format": OF_ENSEMBLES if several else FORMAT,
            "sha256": hashlib.sha256(content).hexdigest(),
            "spec": {
                "task": self.spec.task,
                "inputs": list(self.spec.inputs),
                "targets": self.spec.targets,
                "classes": list(self.spec.classes),
                "sizes": [list(pair) for pair in self.spec.sizes],
            },
            "dtype": self.dtype,
            "fitted": {name: list(self.fitted[name].shape) for name in sorted(self.fitted)},
            "stream": self.stream.document(),
            "choice": self.document,
            "history": self.history,
            "schema": self.schema,
        } | several
        text = json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / WEIGHTS, content)
            write_whole(folder / DESCRIPTION, text.encode())
        except OSError as error:
            raise InputError(f"cannot write the network to {folder}: {error.strerror}") from None

    def check(self) -> None:
        """Trace the prediction of one row, and compute nothing.

        Raises:
            ValueError: it gives another number of predictions than there are targets.
            Exception: of any kind, where the parts do not fit one another.
        """
        graph, params, other = self._structure
        index = jnp.zeros(1, jnp.int32)

        def traced(params: Any, other: Any, inputs: Any) -> Any:
            source = self._source(inputs)
            if self.combination is not None:
                return self._combined(source, self._variables(), index)[1]
            module = nnx.merge(graph, params, other)
            return prediction(self.stream, self.loss, source, index, module)[1]

        row = jax.ShapeDtypeStruct((1, *self.spec.inputs), self.dtype)
        shape = jax.eval_shape(traced, params, other, row).shape
        wanted = {
            "classes": (len(self.spec.classes),),
            "numbers": (self.spec.targets,),
            "tokens": (*self.spec.inputs, self.spec.vocabulary),
        }.get(self.spec.task, shape[1:2])
        if shape[1:] != wanted:
            raise ValueError(f"it predicts {shape[1:]} numbers of a row where {wanted} are due")

    def _apply(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        """Outputs and prediction."""
        inputs = self.encode(rows)
        # Rows and weights are moved to the device once, and not again for each batch.
        source = jax.device_put(self._source(inputs))
        if self.combination is not None:
            predicted = partial(self._combined, source, self._variables())
        else:
            module = self._module()
            predicted = partial(compiled_prediction, self.stream, self.loss, source, module=module)
        # All batches have one size, so that one program serves them.
        size = min(len(inputs), PREDICTED_ROWS)
        batches = [
            predicted(np.minimum(np.arange(start, start + size), len(inputs) - 1))
            for start in range(0, len(inputs), size)
        ]
        outputs, prediction = (
            np.concatenate([np.asarray(batch[part]) for batch in batches])[: len(inputs)]
            for part in (0, 1)
        )
        return outputs, prediction

    def _module(self) -> nnx.Module:
        """The network in evaluation mode."""
        module = nnx.merge(self._structure[0], *self._variables())
        module.eval()
        return module

    def _variables(self) -> tuple[Any, Any]:
        """Trained and other variables; of an ensemble those of all networks, `[networks, ...]`."""
        _, params, other = self._structure
        return from_names(self.weights, "params", params), from_names(self.weights, "rest", other)

    def _combined(self, source: Source, networks: Any, index: Any) -> tuple[Any, Any]:
        """Outputs and prediction of an ensemble for some rows."""
        assert self.combination is not None
        graph = self._structure[0]
        parts = self.stream, self.loss, self.combination.ensemble
        numbers = self.combination.coefficients, self.combination.start
        return compiled_combination(graph, parts, source, index, networks, *numbers)

    @cached_property
    def _structure(self) -> tuple[Any, Any, Any]:
        return structure(self.model, self.loss, self.spec)

    def _source(self, inputs: Any) -> Source:
        """Rows of inputs as a stream reads them; targets and weights say nothing."""
        size = inputs.shape[0]
        targets = np.zeros((size, self.spec.targets), np.float32)
        if self.spec.classes:
            targets = np.zeros(size, np.int32)
        return Source(
            {"inputs": inputs, "targets": targets},
            self.fitted,
            Split(np.zeros(1, np.int32), np.int32(0), np.zeros(size, np.float32)),
        )

    def encode(self, rows: Any) -> np.ndarray:
        """Rows as inputs of the network, `[rows, *spec.inputs]`, before any scaling.

        Args:
            rows: as for `outputs`.

        Raises:
            InputError: as for `outputs`.
        """
        if isinstance(rows, np.ndarray | jax.Array):
            inputs = np.asarray(rows)
            if inputs.dtype.kind not in "biuf":
                raise InputError(f"`rows` must hold numbers, got an array of {inputs.dtype}")
            inputs = _of_type(inputs, self.dtype)
        elif self.schema:
            inputs = encoder_from_schema(self.schema).encode(rows)["inputs"]
        else:
            raise InputError("this network takes arrays of inputs, not data frames")
        if inputs.shape[1:] != self.spec.inputs:
            raise InputError(
                f"a row of inputs must have the shape {list(self.spec.inputs)}, "
                f"got {list(inputs.shape[1:])}"
            )
        symbols = self.spec.vocabulary
        if symbols and inputs.size and not (inputs.min() >= 0 and inputs.max() < symbols):
            raise InputError(f"`rows` must hold numbers of symbols from 0 to {symbols - 1}")
        if len(inputs) == 0:
            raise InputError("`rows` must have at least one row, got none")
        gaps = getattr(self.stream, "missing", False)
        wrong = np.isinf(inputs) if gaps else ~np.isfinite(inputs)
        if wrong.any():
            row = int(np.argwhere(wrong)[0][0])
            rule = "finite, or NaN where missing" if gaps else "finite"
            raise InputError(f"row {row + 1}: inputs must be {rule}, got {inputs[wrong][0]}")
        return inputs


def _of_type(inputs: np.ndarray, dtype: str) -> np.ndarray:
    """The numbers as another type, if it can hold them."""
    if inputs.dtype != dtype and np.issubdtype(dtype, np.integer):
        held = np.iinfo(dtype)
        wrong = ~((inputs >= held.min) & (inputs <= held.max) & (inputs == np.floor(inputs)))
        if wrong.any():
            raise InputError(
                f"`rows` must hold whole numbers from {held.min:,} to {held.max:,}, as the data "
                f"of the study, got {inputs[wrong][0]}"
            )
    return inputs.astype(dtype)


def network_of(
    prepared: Prepared,
    model: Model,
    loss: Loss,
    module: Any,
    fitted: Any,
    document: dict[str, Any],
    history: dict[str, Any],
    combination: Combination | None = None,
) -> Network:
    """The network that a trained module is, with what was fitted to its training rows.

    Args:
        prepared, model, loss: what it was made of.
        module: the trained module; of an ensemble the trained and the other variables of all its
            networks, two trees of arrays `[networks, ...]`.
        fitted, document, history, combination: as the network has them.
    """
    params, rest = module if combination else nnx.split(module, nnx.Param, ...)[1:]
    return Network(
        spec=prepared.spec,
        stream=prepared.stream,
        model=model,
        loss=loss,
        weights=named(params, "params") | named(rest, "rest"),
        fitted={name: np.asarray(value) for name, value in dict(fitted).items()},
        dtype=str(prepared.arrays["inputs"].dtype),
        schema=prepared.schema,
        document=document,
        history=history,
        combination=combination,
    )
