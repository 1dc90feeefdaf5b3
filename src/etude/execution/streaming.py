"""Training on rows that are streamed: blocks are read ahead, and shared by all members."""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np

from etude.engine.blocks import HELD
from etude.engine.memory import MOST_STEPS
from etude.engine.plan import Plan, inputs_of
from etude.engine.population import Population
from etude.engine.state import Carry, Inputs, Shared
from etude.execution.chunk import Chunk, Segments, position_of

BETWEEN = 1.0
"""About so many seconds one member trains before it is asked whether to give up."""


class ReadAhead:
    """Blocks one after the other, read by a thread while those before them are trained on.

    At most `HELD` are in memory: the thread waits until one is dropped.

    Args:
        read: position -> the block there.
        first: position of the first one.
        end: the position behind the last one.
    """

    def __init__(self, read: Callable[[int], Shared], first: int, end: int) -> None:
        self._read, self._next, self._end = read, first, end
        self._first = first
        self._blocks: dict[int, Shared] = {}
        self._error: Exception | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="etude-read-ahead", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def block(self, position: int) -> Shared:
        """The block at a position, once it is read; raises what reading it raised."""
        with self._changed:
            self._changed.wait_for(lambda: position in self._blocks or self._error is not None)
            if position not in self._blocks:
                assert self._error is not None
                raise self._error
            return self._blocks[position]

    def drop(self, first: int) -> None:
        """No block before this position is needed any more."""
        with self._changed:
            self._first = max(self._first, first)
            for position in [n for n in self._blocks if n < first]:
                del self._blocks[position]
            self._changed.notify_all()

    def close(self) -> None:
        """Read no more, and keep nothing."""
        with self._changed:
            self._closed = True
            self._blocks.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        for position in range(self._next, self._end):
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or position < self._first + HELD  # noqa: B023
                )
                if self._closed:
                    return
                if position < self._first:
                    continue
            try:
                block = self._read(position)
            except Exception as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                if not self._closed and position >= self._first:
                    self._blocks[position] = block
                self._changed.notify_all()


class Streaming:
    """The chunks of a program that go through the blocks together; several threads train them.

    A thread takes a chunk, trains it on the block that it has come to, and gives it back. The
    chunk that is farthest behind goes first, and none is farther ahead than blocks are read.

    Args:
        chunks: which chunks; all their members have taken their places.
        read: position -> the block there.
        end: the position behind the last one.
    """

    def __init__(self, chunks: list[Chunk], read: Callable[[int], Shared], end: int) -> None:
        self._waiting: dict[Chunk, int] = {}
        for chunk in chunks:
            self._wait(chunk)
        self._training: dict[Chunk, int] = {}
        self._changed = threading.Condition()
        self._reader = ReadAhead(read, min(self._waiting.values()), end)

    def take(self) -> tuple[Chunk, int] | None:
        """A chunk, and the position that it has come to; None where there are no more."""
        with self._changed:
            while True:
                if not self._waiting and not self._training:
                    return None
                near = self._first + HELD
                ready = {chunk: n for chunk, n in self._waiting.items() if n < near}
                if ready:
                    chunk = min(ready, key=ready.__getitem__)
                    self._training[chunk] = self._waiting.pop(chunk)
                    return chunk, self._training[chunk]
                self._changed.wait()

    def block(self, position: int) -> Shared:
        """The block at a position that was taken."""
        return self._reader.block(position)

    def give_back(self, chunk: Chunk) -> None:
        """A chunk has trained; where all its members have ended it is done with."""
        with self._changed:
            del self._training[chunk]
            if chunk.running:
                self._wait(chunk)
            self._settle()

    def stop(self) -> list[Chunk]:
        """The chunks that nobody trains; they are not to be taken any more."""
        with self._changed:
            left = list(self._waiting)
            self._waiting.clear()
            self._settle()
            return left

    def _wait(self, chunk: Chunk) -> None:
        position = chunk.position
        assert position is not None
        self._waiting[chunk] = position

    @property
    def _first(self) -> int:
        return min([*self._waiting.values(), *self._training.values()])

    def _settle(self) -> None:
        """Blocks that no chunk needs any more are dropped; threads that wait look again."""
        if self._waiting or self._training:
            self._reader.drop(self._first)
        else:
            self._reader.close()
        self._changed.notify_all()


def trained_alone(
    whole: Plan,
    number: int,
    population: Population,
    shared: Shared,
    member: int,
    epochs: int,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Inputs, Carry] | None:
    """One member of a program, trained for some epochs on this thread.

    Args:
        whole: the plan.
        number: of the program.
        population: a program compiled for it, of any width.
        shared: what it reads, on the device; `on_device` of its material.
        member: which member.
        epochs: how many.
        stopped: asked every few seconds whether to give up.

    Returns:
        None where it was given up.
    """
    program = whole.programs[number]
    blocks, split = whole.materials[program.material].blocks, whole.members[member].split
    inputs, carry = population.start(shared, {0: inputs_of(whole, member)})
    segments = Segments(program, BETWEEN)
    if blocks is None:
        count, most, reader = 1, epochs * program.batches[split], None
    else:
        count, most = blocks.count, MOST_STEPS
        reader = ReadAhead(partial(blocks.read, shared), 0, epochs * count)
    with reader or nullcontext():
        for position in range(epochs * count):
            block = reader.block(position) if reader else shared
            while position_of(carry, count) == position:
                if stopped():
                    return None
                begin, before = time.perf_counter(), int(np.max(carry.step))
                stop = min(most, before + segments.steps)
                carry = population.train(block, inputs, carry, stop)
                segments.measured(int(np.max(carry.step)) - before, time.perf_counter() - begin)
            if position_of(carry, count) is None:
                break
            if reader:
                reader.drop(position + 1)
    return inputs, carry
