"""PyTorch: a tight loop for each network, in two processes of one thread."""

from collections import defaultdict
from functools import partial
from multiprocessing import Pool
from multiprocessing.pool import Pool as Workers
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from sides.answer import answer
from sides.grid_work import FOLDS, HIDDEN, RULES, Grid, rows

PROCESSES = 2


class Fold(NamedTuple):
    """Rows of one split, standardized as fitted to the training rows."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


class Job(NamedTuple):
    """One network trained once."""

    rule: str
    rate: float
    fold: int
    seed: int


def optimizer(rule: str, rate: float, params: list[Tensor]) -> torch.optim.Optimizer:
    """PyTorch's form of a rule, fused: the fastest on a CPU for so few weights."""
    if rule == "adam":
        return torch.optim.Adam(params, rate, fused=True)
    momentum = 0.0 if rule == "sgd" else 0.9
    return torch.optim.SGD(params, rate, momentum=momentum, nesterov=rule == "nesterov", fused=True)


def train_one(folds: list[Fold], epochs: int, batch_size: int, job: Job) -> float:
    """Train one network; its accuracy on the test rows.

    The network is written as functions of its four weight arrays: calls of modules would cost a
    tenth of a step. Rows are permuted once an epoch; their batches are views.
    """
    torch.manual_seed(job.seed)
    fold = folds[job.fold]
    inputs, classes = fold.x_train.shape[1], int(fold.y_train.max()) + 1
    w1, b1 = nn.init.xavier_uniform_(torch.empty(HIDDEN, inputs)), torch.zeros(HIDDEN)
    w2, b2 = nn.init.xavier_uniform_(torch.empty(classes, HIDDEN)), torch.zeros(classes)
    params = [w1, b1, w2, b2]
    for param in params:
        param.requires_grad_()
    rule = optimizer(job.rule, job.rate, params)
    for _ in range(epochs):
        order = torch.randperm(len(fold.x_train))
        batches = zip(
            fold.x_train[order].split(batch_size),
            fold.y_train[order].split(batch_size),
            strict=True,
        )
        for x, y in batches:
            hidden = torch.addmm(b1, x, w1.t()).relu_()
            loss = F.cross_entropy(torch.addmm(b2, hidden, w2.t()), y)
            rule.zero_grad()
            loss.backward()
            rule.step()
        if not loss.isfinite():
            return 0.0
    with torch.inference_mode():
        outputs = torch.addmm(b2, torch.addmm(b1, fold.x_test, w1.t()).relu_(), w2.t())
        return (outputs.argmax(1) == fold.y_test).double().mean().item()


_folds: list[Fold] = []
"""Read before the processes are forked, which then share it."""


def prepare(work: dict[str, Any]) -> tuple[Grid, Workers]:
    """Read the rows and start the processes."""
    torch.set_num_threads(1)
    # The first optimizer imports seconds' worth of modules: here once, before processes fork.
    optimizer("sgd", 0.1, [torch.zeros(1, requires_grad=True)])
    data = rows(work["table"])
    for train, test in data.splits:
        scaler = StandardScaler().fit(data.x[train])
        _folds.append(
            Fold(
                torch.from_numpy(scaler.transform(data.x[train])),
                torch.from_numpy(data.y[train]),
                torch.from_numpy(scaler.transform(data.x[test])),
                torch.from_numpy(data.y[test]),
            )
        )
    return Grid.of(work), Pool(PROCESSES)


def train(ready: tuple[Grid, Workers]) -> dict[str, Any]:
    """Train the grid."""
    grid, pool = ready
    jobs = [
        Job(rule, rate, fold, seed)
        for rule in RULES
        for rate in grid.values(rule)
        for fold in range(FOLDS)
        for seed in range(grid.seeds)
    ]
    one = partial(_train_shared, grid.epochs, grid.batch_size)
    with pool:
        accuracies = pool.map(one, jobs, chunksize=1)
    scores = defaultdict(list)
    for job, accuracy in zip(jobs, accuracies, strict=True):
        scores[job.rule, job.rate].append(accuracy)
    return {"score": float(max(np.mean(group) for group in scores.values()))}


def _train_shared(epochs: int, batch_size: int, job: Job) -> float:
    return train_one(_folds, epochs, batch_size, job)


if __name__ == "__main__":
    answer(prepare, train)
