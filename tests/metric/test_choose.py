"""Which metrics are measured, and which decides."""

from etude.batch import Spec
from etude.metric.choose import applicable, default_metric
from etude.metric.classification import Accuracy, LogLoss
from etude.metric.regression import R2, RMSE, MeanAbsoluteError


def test_classes() -> None:
    spec = Spec("classes", (4,), classes=("a", "b"))
    assert applicable(spec) == (Accuracy(), LogLoss())
    assert default_metric(spec) == Accuracy()
    for metric in applicable(spec):
        metric.check(spec)


def test_numbers() -> None:
    spec = Spec("numbers", (4,), 2)
    assert applicable(spec) == (RMSE(), MeanAbsoluteError(), R2())
    assert default_metric(spec) == RMSE()
    for metric in applicable(spec):
        metric.check(spec)


def test_other_tasks_are_decided_by_the_loss() -> None:
    spec = Spec("surface", (3, 3, 4), 3)
    assert applicable(spec) == ()
    assert default_metric(spec) is None
