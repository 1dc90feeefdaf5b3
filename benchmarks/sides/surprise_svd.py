"""Surprise: `SVD`, compiled stochastic gradient descent, one fold a task in two processes."""

from multiprocessing import Pool
from multiprocessing.pool import Pool as Workers
from typing import Any

import numpy as np
from sklearn.model_selection import KFold
from surprise import SVD, Dataset, Reader, accuracy

from sides.answer import answer

FOLDS = 5
PROCESSES = 2

_folds: list[tuple[Any, Any]] = []
"""Trainsets and test sets, made before the processes are forked, which then share them."""


def prepare(work: dict[str, Any]) -> tuple[dict[str, Any], Workers]:
    """Read the ratings, split them as Étude does, and start the processes."""
    reader = Reader(line_format="user item rating", sep="\t", rating_scale=(1, 5))
    data = Dataset.load_from_file(work["file"], reader)
    ratings = data.raw_ratings
    splitter = KFold(FOLDS, shuffle=True, random_state=0)
    for train, test in splitter.split(ratings):
        _folds.append(
            (
                data.construct_trainset([ratings[row] for row in train]),
                data.construct_testset([ratings[row] for row in test]),
            )
        )
    return work["settings"], Pool(PROCESSES)


def train(ready: tuple[dict[str, Any], Workers]) -> dict[str, Any]:
    """Train and judge every fold; the mean RMSE."""
    settings, pool = ready
    with pool:
        errors = pool.starmap(train_one, [(fold, settings) for fold in range(FOLDS)], chunksize=1)
    return {"score": float(np.mean(errors))}


def train_one(fold: int, settings: dict[str, Any]) -> float:
    """The RMSE on the test rows of a fold."""
    rows, judged = _folds[fold]
    model = SVD(random_state=0, **settings).fit(rows)
    return float(accuracy.rmse(model.test(judged), verbose=False))


if __name__ == "__main__":
    answer(prepare, train)
