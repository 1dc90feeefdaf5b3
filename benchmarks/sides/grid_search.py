"""What the two sides that are `GridSearchCV(n_jobs=2)` share."""

import os
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sides.grid_work import Rows

PROCESSES = 2


def start_workers(module: str) -> None:
    """Start the processes that joblib keeps, so that their start-up can be told apart.

    Args:
        module: what they import.
    """
    # Diverging networks are part of the grid and warn on their way.
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    Parallel(n_jobs=PROCESSES)(delayed(_ready)(module) for _ in range(4 * PROCESSES))


def search(
    data: Rows, network: BaseEstimator, settings: Sequence[Mapping[str, list[Any]]], seed: str
) -> dict[str, Any]:
    """Cross-validate every setting; the best mean accuracy, seeds averaged.

    Args:
        data: rows and folds.
        network: the estimator.
        settings: what is tried, for GridSearchCV.
        seed: the setting that is the seed.
    """
    pipeline = make_pipeline(StandardScaler(), network)
    tried = GridSearchCV(
        pipeline,
        list(settings),
        scoring="accuracy",
        n_jobs=PROCESSES,
        cv=data.splits,
        refit=False,
        error_score=0.0,
    ).fit(data.x, data.y)
    scores = defaultdict(list)
    for params, score in zip(
        tried.cv_results_["params"], tried.cv_results_["mean_test_score"], strict=True
    ):
        scores[str({name: params[name] for name in params if name != seed})].append(score)
    return {"score": float(max(np.mean(group) for group in scores.values()))}


def _ready(module: str) -> None:
    import_module(module)
