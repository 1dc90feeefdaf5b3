"""Sequences made by formulas, in which what matters lies far back."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from etude.batch import Spec
from etude.data.assemble import fingerprint
from etude.data.base import Data, Prepared
from etude.data.rows import InputsAndTargets
from etude.data.size import check_numbers

BLANKS = 2
"""Symbols of the copy problem that are not to be remembered: the blank and the call."""


class AddingProblem(Data):
    """The sum of two numbers that are marked in a long sequence of them.

    A step is a number from U(0, 1) and a mark. One step of the first half, steps 0 to
    ⌊steps/2⌋ − 1, and one of the second are marked 1, each drawn uniformly, the others 0; the
    target is the sum of the two marked numbers. To give 1 always has a squared error of 1/6 on
    average, so the RMSE to beat is 0.408. Hochreiter & Schmidhuber, 1997, experiment 4, in the
    form of Arjovsky, Shah & Bengio, "Unitary evolution recurrent neural networks", 2016.
    Nothing is scaled.

    Attributes:
        rows: how many sequences.
        steps: length of a sequence.
        seed: the same seed gives the same sequences.
    """

    rows: Annotated[int, Field(ge=2, le=10_000_000)] = 5000
    steps: Annotated[int, Field(ge=2, le=100_000)] = 100
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits_in_memory(self) -> AddingProblem:
        check_numbers(self.rows, 2 * self.steps)
        return self

    def prepare(self) -> Prepared:
        """Draw the sequences."""
        generator = np.random.default_rng(self.seed)
        inputs = np.zeros((self.rows, self.steps, 2), np.float32)
        inputs[:, :, 0] = generator.random((self.rows, self.steps), np.float32)
        half, every = self.steps // 2, np.arange(self.rows)
        first = generator.integers(0, half, self.rows)
        second = generator.integers(half, self.steps, self.rows)
        inputs[every, first, 1] = inputs[every, second, 1] = 1
        marked = inputs[every[:, None], np.stack([first, second], axis=1), 0]
        targets = marked.astype(np.float64).sum(axis=1, keepdims=True)
        return Prepared(
            spec=Spec("numbers", (self.steps, 2)),
            stream=InputsAndTargets(),
            arrays={"inputs": inputs, "targets": targets.astype(np.float32)},
            rows=self.rows,
            fingerprint=fingerprint({"inputs": inputs, "targets": targets}, {"task": "numbers"}),
            targets=targets,
            truth=targets,
        )


class CopyProblem(Data):
    """Symbols that are to be repeated after a long time.

    With the symbols 0 to S − 1 to remember, S the blank and S + 1 the call, a sequence is

        inputs  length symbols, delay − 1 blanks, the call, length blanks,
        targets delay + length blanks, and the symbols again, in their order.

    A target stands at every step (task "tokens"). Without memory the best is the blank, and then
    every symbol as likely: length · ln S / (delay + 2 · length) nats per step. Hochreiter &
    Schmidhuber, 1997, in the form of Arjovsky, Shah & Bengio, 2016, where S is 8 and length 10.

    Attributes:
        rows: how many sequences.
        delay: steps from the last symbol to the call.
        length: how many symbols are to be repeated.
        symbols: S, how many symbols there are to remember.
        seed: the same seed gives the same sequences.
    """

    rows: Annotated[int, Field(ge=2, le=10_000_000)] = 5000
    delay: Annotated[int, Field(ge=1, le=100_000)] = 100
    length: Annotated[int, Field(ge=1, le=10_000)] = 10
    symbols: Annotated[int, Field(ge=2, le=10_000)] = 8
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits_in_memory(self) -> CopyProblem:
        check_numbers(self.rows, self.delay + 2 * self.length)
        return self

    def prepare(self) -> Prepared:
        """Draw the sequences."""
        generator = np.random.default_rng(self.seed)
        steps, blank = self.delay + 2 * self.length, self.symbols
        symbols = generator.integers(0, self.symbols, (self.rows, self.length), np.int32)
        inputs = np.full((self.rows, steps), blank, np.int32)
        targets = inputs.copy()
        inputs[:, : self.length] = symbols
        inputs[:, self.length + self.delay - 1] = blank + 1
        targets[:, -self.length :] = symbols
        arrays = {"inputs": inputs, "targets": targets}
        vocabulary = self.symbols + BLANKS
        return Prepared(
            spec=Spec("tokens", (steps,), steps, sizes=(("vocabulary", vocabulary),)),
            stream=InputsAndTargets(),
            arrays=arrays,
            rows=self.rows,
            fingerprint=fingerprint(arrays, {"task": "tokens", "vocabulary": vocabulary}),
            targets=targets,
        )
