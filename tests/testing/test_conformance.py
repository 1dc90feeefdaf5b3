"""Every component that study files can name × every check of its kind."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optax
import pytest
from flax import nnx
from pydantic import ValidationError

import etude
import etude.testing
from etude.algorithm.base import Algorithm
from etude.component import Component, discover_all, registered
from etude.packages import is_ours

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
MOVIELENS = Path(os.environ.get("ETUDE_DATA", "")) / "ml-100k" / "u.data"


def clipped_sgd(learning_rate: Any) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(learning_rate))


def quartic(outputs: Any, targets: Any) -> Any:
    return ((targets - outputs) ** 4).sum(-1)


class Net(nnx.Module):
    """Batch norm and dropout, which see row weights and draw random numbers."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.Linear(inputs[0], 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.readout = nnx.Linear(4, outputs, rngs=rngs)

    def __call__(self, x: Any, weights: Any) -> Any:
        hidden = self.norm(self.hidden(x), mask=weights[:, None] > 0)
        return self.readout(nnx.relu(self.dropout(hidden)))


SURFACE = etude.Surface(function="beale")
GIVEN: dict[tuple[str, str], tuple[Component, ...]] = {
    ("algorithm", "optax"): (
        etude.Optax(rule="yogi", learning_rate=0.01, arguments={"b1": 0.8}),
        etude.Optax(rule="schedule_free_sgd", learning_rate=0.01),
    ),
    ("algorithm", "user_rule"): (
        etude.UserRule(factory=clipped_sgd, label="clipped", version="1"),
    ),
    ("data", "autoregressive"): (etude.Autoregressive(), etude.Autoregressive(sequence=True)),
    ("data", "series"): (
        etude.Series(
            path=str(PENGUINS), target="year", columns=("species", "body_mass_g"), window=5
        ),
    ),
    ("data", "surface"): (SURFACE,),
    ("data", "table"): (
        etude.Table(path=str(PENGUINS), target="species", drop=("year",)),
        etude.Table(path=str(PENGUINS), target="year", scale="none"),
    ),
    ("estimator", "scikit_learn"): (
        etude.ScikitLearn(estimator="LogisticRegression"),
        etude.ScikitLearn(estimator="Ridge", parameters={"alpha": 2.0}),
        etude.ScikitLearn(estimator="DecisionTreeClassifier"),
    ),
    ("loss", "gaussian_nll"): (
        etude.GaussianNLL(),
        etude.GaussianNLL(variance="fixed", sigma=0.5),
    ),
    ("loss", "user_loss"): (
        etude.UserLoss(function=quartic, label="quartic", version="1", task="numbers"),
    ),
    ("metric", "top_k"): (etude.TopK(k=2),),
    ("model", "gpt"): (etude.GPT(layers=1, heads=2, width=8),),
    ("model", "resnet"): (etude.ResNet(depth=8, width=4),),
    ("model", "transformer_encoder"): (etude.TransformerEncoder(layers=1, heads=2, width=8),),
    ("model", "user_model"): (etude.UserModel(module=Net, label="net", version="1"),),
    ("validation", "holdout"): (
        etude.Holdout(),
        etude.Holdout(validation=0.2, stratified=True),
        etude.Holdout(validation=0.2, shuffle=False),
    ),
    ("validation", "time_series"): (etude.TimeSeries(folds=3, gap=2, validation=0.2),),
}
"""Components with fields that have no default, settings with code of their own, small networks."""

BESIDE: dict[tuple[str, str], dict[str, Any]] = {
    ("loss", "height"): {"data": SURFACE, "model": etude.Point()},
    ("metric", "coordinate"): {"data": SURFACE, "model": etude.Point(), "loss": etude.Height()},
    ("model", "point"): {"data": SURFACE, "loss": etude.Height()},
}
"""What those have a meaning with that have none for a table of numbers or classes."""

OF_RATINGS = {("loss", "regularized_squared_error"), ("model", "matrix_factorization")}

LARGE = {"gru", "lstm", "resnet", "roc_auc", "transformer_encoder"}
"""Their programs take long to compile, and daily `rnn`, `cnn` and `gpt` stand for their kinds."""

IN_FILES = {"array_file", "fashion_mnist", "image_folder", "mnist", "names", "ratings"}
IN_FILES |= {"text", "tiny_shakespeare"}
"""Data that conform in tests of their own, on files that those write."""

discover_all()
LISTED = [
    (kind, cls)
    for kind in (*etude.testing.kinds(), "stopping", "clipping")
    for name, cls in registered(kind).items()
    if is_ours(cls.__module__) and (kind, name) not in GIVEN and name not in IN_FILES
]
COMPONENTS: list[Component] = [cls() for _, cls in LISTED]
COMPONENTS += [component for given in GIVEN.values() for component in given]
ALGORITHMS = [component for component in COMPONENTS if isinstance(component, Algorithm)]


def named(component: Component) -> str:
    place = GIVEN.get((component.kind, component.name), (component,)).index(component)
    return f"{component.kind}-{component.name}-{place}"


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> etude.Ratings:
    """Forty ratings of six films by eight people."""
    generator = np.random.default_rng(0)
    pairs = [(user, item) for user in range(8) for item in range(6) if (user + item) % 6]
    lines = [f"{user},{item},{generator.integers(1, 6)}" for user, item in pairs]
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    path.write_text("user,item,rating\n" + "\n".join(lines) + "\n")
    return etude.Ratings(path=str(path))


def failed(component: Component, checks: Callable[[Any], bool], **beside: Any) -> dict[str, str]:
    """What those of the checks of its kind say that fail."""
    found = {}
    for name, check in etude.testing.conformance(component.kind):
        try:
            if checks(check):
                check(component, **beside)
        except AssertionError as error:
            found[name] = str(error)
    return found


@pytest.mark.parametrize(
    "component",
    [
        pytest.param(
            component, id=named(component), marks=[pytest.mark.slow] * (component.name in LARGE)
        )
        for component in COMPONENTS
    ],
)
def test_every_component_conforms(component: Component, ratings: etude.Ratings) -> None:
    place = (component.kind, component.name)
    if component.name == "movielens_100k" and not MOVIELENS.is_file():
        pytest.skip("ETUDE_DATA does not have ml-100k/u.data")
    beside = dict(BESIDE.get(place, {}))
    if place in OF_RATINGS:
        beside = {"data": ratings, "model": etude.MatrixFactorization(factors=2)}
    if place == ("model", "matrix_factorization"):
        del beside["model"]
    assert failed(component, lambda check: not check.trains, **beside) == {}


def test_ratings_conform(ratings: etude.Ratings) -> None:
    assert etude.testing.failures(ratings) == {}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, id=named(rule), marks=() if rule.name == "sgd" else pytest.mark.slow)
        for rule in ALGORITHMS
    ],
)
def test_every_algorithm_conforms_in_the_engine(rule: Algorithm) -> None:
    assert failed(rule, lambda check: check.trains) == {}


def test_every_kind_has_checks_of_its_own() -> None:
    of_any = {name for name, _ in etude.testing.conformance("stopping")}
    for kind in etude.testing.kinds():
        names = [name for name, _ in etude.testing.conformance(kind)]
        assert len(names) == len(set(names))
        assert len(set(names) - of_any) >= 3
        for _, check in etude.testing.conformance(kind):
            assert check.meaning.endswith((".", ":")), check.name


def test_code_does_not_come_back_from_a_document() -> None:
    (rule,) = GIVEN["algorithm", "user_rule"]
    with pytest.raises(ValidationError, match="factory"):
        Algorithm.from_document(rule.document())


def test_a_class_is_no_component() -> None:
    with pytest.raises(etude.InputError, match=r"must be an instance, such as SGD\(\)"):
        etude.testing.failures(etude.SGD)  # type: ignore[arg-type]


def test_data_that_a_component_refuses_are_told() -> None:
    with pytest.raises(AssertionError, match=r"height refuses all data .* as check\(\.\.\., data"):
        etude.testing.check(etude.Height())
