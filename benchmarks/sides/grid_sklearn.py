"""scikit-learn: `GridSearchCV(n_jobs=2)` over `MLPClassifier`."""

from typing import Any

from sklearn.neural_network import MLPClassifier

from sides.answer import answer
from sides.grid_search import search, start_workers
from sides.grid_work import HIDDEN, RULES, Grid, Rows, rows

RULE_SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
    "adam": {"solver": "adam"},
}


def prepare(work: dict[str, Any]) -> tuple[Grid, Rows]:
    """Read the rows and start the workers."""
    start_workers("sklearn.neural_network")
    return Grid.of(work), rows(work["table"])


def train(ready: tuple[Grid, Rows]) -> dict[str, Any]:
    """Train the grid."""
    grid, data = ready
    network = MLPClassifier(
        (HIDDEN,),
        alpha=0.0,
        batch_size=grid.batch_size,
        max_iter=grid.epochs,
        n_iter_no_change=grid.epochs + 1,
    )
    settings = [
        {f"mlpclassifier__{name}": [value] for name, value in RULE_SETTINGS[rule].items()}
        | {
            "mlpclassifier__learning_rate_init": grid.values(rule),
            "mlpclassifier__random_state": list(range(grid.seeds)),
        }
        for rule in RULES
    ]
    return search(data, network, settings, "mlpclassifier__random_state")


if __name__ == "__main__":
    answer(prepare, train)
