"""PyTorch: a study of a few larger networks, eager or compiled, in processes of some threads."""

from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.pool import Pool
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sides.answer import answer
from sides.torch_networks import NETWORKS


class Rows(NamedTuple):
    """What all networks read.

    Attributes:
        inputs: images `[rows, channels, height, width]`, standardized; or symbols `[rows, steps]`.
        targets: `[rows]` or `[rows, steps]`.
        train, test: numbers of rows.
        sample: training rows that are measured after every epoch.
    """

    inputs: Tensor
    targets: Tensor
    train: Tensor
    test: Tensor
    sample: Tensor


class Trainer:
    """A network that is drawn and trained anew for every member, so that it compiles once.

    Args:
        work: what the row asks for: `network` and its `sizes`, `compiled`, `threads`,
            `batch_size`, `epochs`, `block` (rows measured at once), `arrays` (a file).
    """

    def __init__(self, work: dict[str, Any]) -> None:
        torch.set_num_threads(work["threads"])
        torch.set_flush_denormal(True)
        self._batch_size, self._epochs = work["batch_size"], work["epochs"]
        self._block = work["block"]
        self._rows = rows(work["arrays"])
        self._network: nn.Module = NETWORKS[work["network"]](**work["sizes"])
        self._loss: Callable[..., Tensor] = self._of_batch
        self._judge: Callable[..., tuple[Tensor, Tensor]] = self._of_rows
        if work["compiled"]:
            self._loss = torch.compile(self._of_batch, dynamic=False)
            self._judge = torch.compile(self._of_rows, dynamic=False)
        self._moves = self._rows.targets.dim() > 1
        self._warm_up()

    def train(self, seed: int, rate: float) -> float:
        """Draw and train a network; its accuracy, or its loss at a step, on the test rows."""
        torch.manual_seed(seed)
        self._network.draw()
        rule = torch.optim.Adam(self._network.parameters(), rate, fused=True)
        train = self._rows.train
        for _ in range(self._epochs):
            self._network.train()
            for index in train[torch.randperm(len(train))].split(self._batch_size):
                self._step(rule, index)
            test = self._measured(self._rows.test)
            self._measured(self._rows.sample)
        loss, accuracy = test
        return loss if self._moves else accuracy

    def _step(self, rule: torch.optim.Optimizer, index: Tensor) -> None:
        loss = self._loss(*self._drawn(index))
        rule.zero_grad()
        loss.backward()
        rule.step()

    def _drawn(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of a batch; windows of text begin up to a row's length later, as Étude's do."""
        if not self._moves:
            return self._rows.inputs[index], self._rows.targets[index]
        rows, steps = self._rows.inputs.shape
        begin = index * steps + torch.randint(steps, index.shape) * (index < rows - 1)
        places = begin[:, None] + torch.arange(steps)
        return self._rows.inputs.view(-1)[places], self._rows.targets.view(-1)[places]

    def _of_batch(self, x: Tensor, y: Tensor) -> Tensor:
        outputs = self._network(x)
        return F.cross_entropy(outputs.flatten(0, -2), y.flatten())

    def _of_rows(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self._network(x).flatten(0, -2)
        right = outputs.argmax(1) == y.flatten()
        return F.cross_entropy(outputs, y.flatten(), reduction="sum"), right.sum()

    def _measured(self, index: Tensor) -> tuple[float, float]:
        """Mean loss and accuracy of some rows."""
        self._network.eval()
        totals = [0.0, 0.0]
        with torch.inference_mode():
            for part in index.split(self._block):
                found = self._judge(self._rows.inputs[part], self._rows.targets[part])
                totals = [sum_ + float(one) for sum_, one in zip(totals, found, strict=True)]
        count = self._rows.targets[index].numel()
        return totals[0] / count, totals[1] / count

    def _warm_up(self) -> None:
        """A step and a measurement of each size that comes up: compilation is start-up."""
        rule = torch.optim.Adam(self._network.parameters(), 1e-3, fused=True)
        self._network.train()
        count = len(self._rows.train)
        for size in {self._batch_size, count % self._batch_size or self._batch_size}:
            for _ in range(2):
                self._step(rule, self._rows.train[:size])
        self._measured(self._rows.test)
        self._measured(self._rows.sample)


def rows(file: str) -> Rows:
    """Rows as Étude prepared and split them."""
    with np.load(file) as arrays:
        inputs, targets, train, test, sample = (arrays[name] for name in Rows._fields)
    x = torch.from_numpy(inputs)
    if inputs.dtype == np.uint8:
        pixels = x.float()
        of_training = pixels[torch.from_numpy(train)]
        x = ((pixels - of_training.mean()) / of_training.std(correction=0)).permute(0, 3, 1, 2)
        x = x.contiguous(memory_format=torch.channels_last)
    numbers = [torch.from_numpy(array.astype(np.int64)) for array in (targets, train, test, sample)]
    return Rows(x if inputs.dtype == np.uint8 else x.long(), *numbers)


_trainer: Trainer | None = None
"""Of this process."""


def start(work: dict[str, Any], ready: Any) -> None:
    """Make the trainer of a process, and wait until all processes have theirs."""
    global _trainer
    _trainer = Trainer(work)
    ready.wait()


def train_member(seed: int, rate: float) -> float:
    """Train one network in this process."""
    assert _trainer is not None
    return _trainer.train(seed, rate)


class Ready(NamedTuple):
    """Members to train, and the processes that do; none where this one does."""

    work: dict[str, Any]
    pool: Pool | None


def prepare(work: dict[str, Any]) -> Ready:
    """Start the processes, each with a network that is compiled if it is to be."""
    context = get_context("spawn")
    if work["processes"] == 1:
        start(work, context.Barrier(1))
        return Ready(work, None)
    ready = context.Barrier(work["processes"] + 1)
    pool = context.Pool(work["processes"], start, (work, ready))
    ready.wait()
    return Ready(work, pool)


def train(ready: Ready) -> dict[str, Any]:
    """Train all members; the best of their scores."""
    members = ready.work["members"]
    if ready.pool is None:
        scores = [train_member(*member) for member in members]
    else:
        scores = ready.pool.starmap(train_member, members, chunksize=1)
    return {"score": min(scores) if ready.work["least"] else max(scores)}


def finish(ready: Ready) -> None:
    """End the processes."""
    if ready.pool is not None:
        ready.pool.close()
        ready.pool.join()


if __name__ == "__main__":
    answer(prepare, train, finish)
