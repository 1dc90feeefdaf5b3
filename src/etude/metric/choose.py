"""Which metrics suit a target."""

from etude.batch import Spec
from etude.metric.base import Metric
from etude.metric.classification import Accuracy, LogLoss
from etude.metric.regression import R2, RMSE, MeanAbsoluteError


def applicable(spec: Spec) -> tuple[Metric, ...]:
    """The metrics that are measured for data of these sizes; the one that decides comes first.

    Accuracy and log loss for classes, RMSE, MAE and R² for numbers, none for other tasks.
    """
    match spec.task:
        case "classes":
            return (Accuracy(), LogLoss())
        case "numbers":
            return (RMSE(), MeanAbsoluteError(), R2())
        case _:
            return ()


def default_metric(spec: Spec) -> Metric | None:
    """The metric that decides where the study names none; None means the loss does."""
    return next(iter(applicable(spec)), None)
