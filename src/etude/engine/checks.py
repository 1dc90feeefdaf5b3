"""Whether the parts of a choice fit its data and one another, before anything is compiled."""

from etude.data.rows import Rows
from etude.engine.material import Material
from etude.ensemble.base import Ensemble
from etude.errors import InputError
from etude.labels import title_of
from etude.metric.base import Metric
from etude.metric.choose import default_metric
from etude.study import Choice


def check_network(choice: Choice, material: Material) -> None:
    """Raise an `InputError` where the parts of a network do not fit the data or one another."""
    spec = material.prepared.spec
    model, loss, algorithm = choice.network
    loss.check(spec)
    model.check(spec)
    for part in choice.data.augment:
        part.check(spec)
        if part.mixes and spec.task == "classes" and not loss.takes_shares:
            raise InputError(
                f"`augment` {part.name} mixes the classes of rows, and `loss` {title_of(loss)} "
                "takes one class for each row: choose cross_entropy, or leave it out"
            )
    stops = algorithm.stopping is not None
    if stops and any(split.validation.size == 0 for split in material.splits):
        nested = any(split.chooses_for >= 0 for split in material.splits)
        where = "in `outer` of" if nested else "under"
        raise InputError(
            f"`stopping` watches the loss on validation rows and these {'outer ' * nested}splits "
            f"have none; set apart some, for example `validation = 0.2` {where} [validation]"
        )
    if algorithm.ensemble is not None:
        _check_ensemble(algorithm.ensemble, choice, material)
    if algorithm.batch_size == "full" and material.blocks is not None:
        raise InputError(
            f'`batch_size` must be a number, got "full", and `data` {choice.data.name} is larger '
            "than memory"
        )


def _check_ensemble(ensemble: Ensemble, choice: Choice, material: Material) -> None:
    """Raise an `InputError` where networks cannot be trained one after another on these rows."""
    _, loss, _ = choice.network
    ensemble.check(loss, material.prepared.spec)
    if material.blocks is not None:
        raise InputError(
            f"`ensemble` {ensemble.name} needs all rows in memory, and `data` {choice.data.name} "
            "is larger: train one network"
        )
    if not isinstance(material.prepared.stream, Rows):
        raise InputError(
            f"`ensemble` {ensemble.name} needs rows to train on, and `data` {choice.data.name} "
            "makes its own"
        )


def check_estimator(choice: Choice, material: Material, metric: Metric | None) -> None:
    """Raise an `InputError` where an estimator does not fit the data, or how it is judged."""
    spec, estimator = material.prepared.spec, choice.estimator
    assert estimator is not None
    estimator.check(spec)
    if material.blocks is not None:
        raise InputError(
            f"`estimator` {estimator} needs all rows in memory, and `data` {choice.data.name} is "
            "larger: choose networks"
        )
    if metric is not None and metric.probabilistic:
        raise InputError(
            f"`metric` {metric.name} needs standard deviations, and `estimator` {estimator} "
            "tells none: choose another metric"
        )
    if metric is None and default_metric(spec) is None:
        raise InputError(
            f"`estimator` {estimator} has no loss to be compared by, and the study no metric"
        )
    judges_shares = metric is not None and spec.task == "classes" and not metric.of_labels
    if metric is not None and judges_shares and not estimator.tells_probabilities:
        raise InputError(
            f"`estimator` {estimator} tells no probabilities, which `metric` {metric.name} "
            "judges: choose another metric, or one that does"
        )
