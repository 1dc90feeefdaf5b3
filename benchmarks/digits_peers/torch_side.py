"""PyTorch: one plain loop for each network, spread over processes of one thread."""

from functools import partial
from multiprocessing import Pool

import torch
from torch import Tensor, nn

from digits_peers.work import (
    BATCH_SIZE,
    CLOSE_TO_ZERO,
    HIDDEN,
    WEIGHT_DECAY,
    Fold,
    Job,
    Start,
    Starts,
    Work,
    answer,
    folds,
    read_starts,
)


def optimizer(rule: str, value: float, params: list[nn.Parameter]) -> torch.optim.Optimizer:
    """PyTorch's form of a rule; fused where PyTorch has that, for it is the fastest on a CPU."""
    match rule:
        case "sgd":
            return torch.optim.SGD(params, value, fused=True)
        case "momentum":
            return torch.optim.SGD(params, value, momentum=0.9, fused=True)
        case "nesterov":
            return torch.optim.SGD(params, value, momentum=0.9, nesterov=True, fused=True)
        case "adagrad":
            return torch.optim.Adagrad(params, value, eps=CLOSE_TO_ZERO**0.5, fused=True)
        case "adadelta":
            return torch.optim.Adadelta(params, lr=1.0, rho=value, eps=1e-6)
        case "rmsprop":
            return torch.optim.RMSprop(params, value, alpha=0.9, eps=CLOSE_TO_ZERO**0.5)
        case "adam":
            return torch.optim.Adam(params, value, fused=True)
        case "adamw":
            return torch.optim.AdamW(params, value, weight_decay=WEIGHT_DECAY, fused=True)
    raise ValueError(rule)


def network(start: Start | None) -> nn.Sequential:
    """The network: with these weights, or drawn by Glorot and Bengio's uniform initializer."""
    layers = [nn.Linear(64, HIDDEN), nn.Linear(HIDDEN, 10)]
    with torch.no_grad():
        for number, layer in enumerate(layers):
            if start is None:
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
            else:
                layer.weight.copy_(torch.tensor(start.weights[number].T))
                layer.bias.copy_(torch.tensor(start.biases[number]))
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])


def train(fold: Fold, start: Start | None, job: Job, epochs: int) -> float:
    """Train one network; its accuracy on the test rows."""
    torch.manual_seed(job.seed)
    x, y = torch.from_numpy(fold.x_train), torch.from_numpy(fold.y_train)
    model = network(start)
    criterion = nn.CrossEntropyLoss()
    rule = optimizer(job.rule, job.value, list(model.parameters()))
    for epoch in range(epochs):
        order = torch.randperm(len(x)) if start is None else torch.from_numpy(start.orders[epoch])
        batches = zip(x[order].split(BATCH_SIZE), y[order].split(BATCH_SIZE), strict=True)
        for inputs, targets in batches:
            rule.zero_grad()
            loss: Tensor = criterion(model(inputs), targets)
            loss.backward()
            rule.step()
        if not loss.isfinite():
            return fold.trivial
    with torch.no_grad():
        outputs = model(torch.from_numpy(fold.x_test))
        if not outputs.isfinite().all():
            return fold.trivial
        right = outputs.argmax(1) == torch.from_numpy(fold.y_test)
        return right.double().mean().item()


def train_job(data: list[Fold], starts: Starts, epochs: int, job: Job) -> float:
    """Train the network of a job."""
    return train(data[job.fold], starts.get((job.fold, job.seed)), job, epochs)


def train_all(work: Work) -> list[float]:
    """Train every network of the work."""
    torch.set_num_threads(1)
    one = partial(train_job, folds(), read_starts(work.starts), work.epochs)
    with Pool(work.processes) as pool:
        return pool.map(one, work.jobs(), chunksize=1)


if __name__ == "__main__":
    answer(train_all)
