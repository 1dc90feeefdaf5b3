"""What an estimator must do."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etude.batch import Spec
from etude.engine.material import Material
from etude.estimator.base import Estimator
from etude.execution.rows import rows_of
from etude.testing.beside import Beside, close, demand
from etude.validation.base import RowSplit

SEED = 7


def prediction(estimator: Estimator, beside: Beside) -> None:
    """It predicts every row: log-probabilities of all classes, or a number for each target."""
    for task in _tasks(estimator, beside):
        found = np.asarray(task.predict(estimator))
        spec = task.spec
        width = len(spec.classes) if spec.task == "classes" else spec.targets
        demand(
            found.shape == (len(task.inputs), width),
            f"{estimator} must predict the shape {[len(task.inputs), width]}, got "
            f"{list(found.shape)}",
        )
        if spec.task == "classes":
            demand(
                np.allclose(np.exp(found).sum(1), 1, atol=1e-3),
                f"{estimator} must predict logarithms of probabilities, and these do not add up "
                "to 1",
            )
        else:
            demand(np.isfinite(found).all(), f"{estimator} predicts numbers that are not finite")


def unseen_targets(estimator: Estimator, beside: Beside) -> None:
    """It makes no use of the targets of rows that it is not trained on."""
    for task in _tasks(estimator, beside):
        outside = np.setdiff1d(np.arange(len(task.inputs)), task.train)
        other = task.targets.copy()
        if task.spec.task == "classes":
            other[outside] = (other[outside] + 1) % len(task.spec.classes)
        else:
            other[outside] = 100 - 7 * other[outside]
        demand(
            close(task.predict(estimator), task.predict(estimator, other)),
            f"{estimator} predicts otherwise where targets of test rows are others: it has seen "
            "them",
        )


def same_seed(estimator: Estimator, beside: Beside) -> None:
    """The same seed gives the same predictions."""
    for task in _tasks(estimator, beside):
        demand(
            np.array_equal(task.predict(estimator), task.predict(estimator)),
            f"{estimator} predicts otherwise the second time: draw from the seed that it is given",
        )


def versions(estimator: Estimator, beside: Beside) -> None:
    """It tells the versions of the libraries that decide its results."""
    told = estimator.versions()
    demand(
        told and all(isinstance(part, str) and part for pair in told.items() for part in pair),
        f"`versions` of {estimator} must name libraries and their versions, got {told!r}",
    )


CHECKS = (prediction, unseen_targets, same_seed, versions)


@dataclass(frozen=True, eq=False)
class _Task:
    """Rows to train on and to predict, as `Estimator.predict` takes them."""

    spec: Spec
    inputs: np.ndarray
    targets: np.ndarray
    train: np.ndarray

    def predict(self, estimator: Estimator, targets: np.ndarray | None = None) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return estimator.predict(
                self.inputs,
                self.targets if targets is None else targets,
                self.train,
                np.ones(len(self.train)),
                self.spec,
                SEED,
            )


def _tasks(estimator: Estimator, beside: Beside) -> Iterator[_Task]:
    for prepared in beside.prepared(estimator).values():
        rows = np.arange(prepared.rows)
        test = rows[::3]
        train = np.setdiff1d(rows, test)
        split = RowSplit(train, np.empty(0, np.int64), test)
        batch = rows_of(Material(prepared, (split,), ()), 0, np.arange(prepared.rows))
        inputs = batch.inputs.reshape(prepared.rows, -1).astype(np.float64)
        yield _Task(prepared.spec, inputs, batch.targets, train)
