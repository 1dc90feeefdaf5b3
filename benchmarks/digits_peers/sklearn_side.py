"""scikit-learn: `MLPClassifier` as `GridSearchCV(n_jobs=2)` trains it, without its extras."""

import warnings
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from digits_peers.work import (
    BATCH_SIZE,
    HIDDEN,
    Fold,
    Job,
    Start,
    Work,
    answer,
    folds,
    read_starts,
)

SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
    "adam": {"solver": "adam"},
}


class Started(MLPClassifier):
    """`MLPClassifier` that starts from given weights.

    scikit-learn draws weights by the same initializer, but its biases uniformly from the range
    of the weights, where the other two sides start at 0.
    """

    def start_from(self, start: Start) -> "Started":
        """Start from these weights."""
        self.layers_to_come = list(zip(start.weights, start.biases, strict=True))
        return self

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        weights, biases = self.layers_to_come.pop(0)
        if weights.shape != (fan_in, fan_out):
            raise ValueError(f"a layer must be {(fan_in, fan_out)}, got {weights.shape}")
        return weights.astype(dtype), biases.astype(dtype)


def train(fold: Fold, start: Start | None, job: Job, epochs: int) -> float:
    """Train one network; its accuracy on the test rows."""
    settings = SETTINGS[job.rule] | {
        "hidden_layer_sizes": (HIDDEN,),
        "alpha": 0.0,
        "batch_size": BATCH_SIZE,
        "learning_rate_init": job.value,
        "max_iter": epochs,
        "n_iter_no_change": epochs + 1,
        "random_state": job.seed,
    }
    model = MLPClassifier(**settings)
    if start is not None:
        model = Started(**settings).start_from(start)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # The budget is meant to run out; a diverging network overflows on its way.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            return float(model.fit(fold.x_train, fold.y_train).score(fold.x_test, fold.y_test))
        except ValueError as error:
            if "non-finite" not in str(error):
                raise
            return fold.trivial


def train_all(work: Work) -> list[float]:
    """Train every network of the work."""
    data, starts = folds(), read_starts(work.starts)
    return list(
        Parallel(n_jobs=work.processes)(
            delayed(train)(data[job.fold], starts.get((job.fold, job.seed)), job, work.epochs)
            for job in work.jobs()
        )
    )


if __name__ == "__main__":
    answer(train_all)
