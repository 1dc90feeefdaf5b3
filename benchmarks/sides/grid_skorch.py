"""skorch: `GridSearchCV(n_jobs=2)` over `NeuralNetClassifier`, printing and validation left out."""

from typing import Any

import torch
from skorch import NeuralNetClassifier
from torch import nn

from sides.answer import answer
from sides.grid_network import Network
from sides.grid_search import search, start_workers
from sides.grid_work import RULES, Grid, Rows, rows

RULE_SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": torch.optim.SGD},
    "momentum": {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9},
    "nesterov": {
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": True,
    },
    "adam": {"optimizer": torch.optim.Adam},
}


def prepare(work: dict[str, Any]) -> tuple[Grid, Rows]:
    """Read the rows and start the workers."""
    start_workers("sides.grid_network")
    return Grid.of(work), rows(work["table"])


def train(ready: tuple[Grid, Rows]) -> dict[str, Any]:
    """Train the grid."""
    grid, data = ready
    network = NeuralNetClassifier(
        Network,
        module__inputs=data.x.shape[1],
        module__classes=int(data.y.max()) + 1,
        criterion=nn.CrossEntropyLoss,
        optimizer__fused=True,
        max_epochs=grid.epochs,
        batch_size=grid.batch_size,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=len(data.x),
        train_split=None,
        callbacks="disable",
        verbose=0,
    )
    settings = [
        {f"neuralnetclassifier__{name}": [value] for name, value in RULE_SETTINGS[rule].items()}
        | {
            "neuralnetclassifier__lr": grid.values(rule),
            "neuralnetclassifier__module__seed": list(range(grid.seeds)),
        }
        for rule in RULES
    ]
    return search(data, network, settings, "neuralnetclassifier__module__seed")


if __name__ == "__main__":
    answer(prepare, train)
