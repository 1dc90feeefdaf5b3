"""Which metrics suit a target."""

from etude.batch import Spec
from etude.metric.base import Metric
from etude.metric.classification import Accuracy, LogLoss
from etude.metric.regression import R2, RMSE, MeanAbsoluteError
from etude.metric.tokens import Perplexity, TokenAccuracy, TokenLogLoss


def applicable(spec: Spec) -> tuple[Metric, ...]:
    """The metrics that are measured for data of these sizes; the one that decides comes first.

    Accuracy and log loss for classes, RMSE, MAE and R² for numbers; log loss, perplexity and
    accuracy for tokens; none for other tasks.
    """
    match spec.task:
        case "classes":
            return (Accuracy(), LogLoss())
        case "numbers":
            return (RMSE(), MeanAbsoluteError(), R2())
        case "tokens":
            # Not the loss itself: it depends on label smoothing, and a trivial predictor has none.
            return (TokenLogLoss(), Perplexity(), TokenAccuracy())
        case _:
            return ()


def default_metric(spec: Spec) -> Metric | None:
    """The metric that decides where the study names none; None means the loss does."""
    return next(iter(applicable(spec)), None)
