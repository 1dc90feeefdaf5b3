"""SAMME against scikit-learn's AdaBoostClassifier on the same predictions."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import pytest
from members import CLASSES, INPUTS, TWO, Trained, study
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import AdaBoostClassifier

import etude
from etude.batch import Batch
from etude.ensemble.samme import Samme
from etude.errors import InputError


class Told(ClassifierMixin, BaseEstimator):
    """Predicts what it was told to, row by row; each fit takes the next predictions."""

    predictions: ClassVar[list[np.ndarray]] = []
    weights: ClassVar[list[np.ndarray]] = []

    def fit(self, rows: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray) -> "Told":
        self.classes_ = np.unique(targets)
        self.mine_ = len(Told.weights)
        Told.weights.append(sample_weight.copy())
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return Told.predictions[self.mine_][rows[:, 0].astype(int)]


def ada_boost(
    predictions: list[np.ndarray], targets: np.ndarray, train: np.ndarray, rate: float
) -> AdaBoostClassifier:
    Told.predictions, Told.weights = predictions, []
    found = AdaBoostClassifier(Told(), n_estimators=len(predictions), learning_rate=rate)
    return found.fit(train[:, None], targets[train])


@pytest.mark.parametrize(
    ("targets", "loss", "rate"),
    [
        (CLASSES, etude.CrossEntropy(), 1.0),
        (CLASSES, etude.CrossEntropy(), 0.5),
        pytest.param(TWO, etude.BinaryCrossEntropy(), 1.0, marks=pytest.mark.slow),
        pytest.param(TWO, etude.CrossEntropy(), 1.0, marks=pytest.mark.slow),
    ],
    ids=["three", "shrunk", "one logit", "two logits"],
)
def test_weights_votes_and_probabilities_are_those_of_scikit_learn(
    targets: np.ndarray, loss: Any, rate: float
) -> None:
    """The engine trains linear models; scikit-learn is told what each of them predicts."""
    algorithm = etude.SGD(
        epochs=10, batch_size=16, learning_rate=0.3, ensemble=Samme(networks=4, shrinkage=rate)
    )
    found = Trained(study(algorithm, targets, loss=loss))
    stage, train = found.carry.stage, found.split.train
    count = int(stage.number)
    assert count >= 2, "a boosting that ends at once would compare nothing"
    outputs = [INPUTS @ kernel + bias for kernel, bias in found.networks]
    if loss.name == "binary_cross_entropy":
        predictions = [(each[:, 0] > 0).astype(int) for each in outputs]
    else:
        predictions = [each.argmax(1) for each in outputs]
    expected = ada_boost(predictions, targets, train, rate)
    np.testing.assert_allclose(
        stage.coefficients[:count], expected.estimator_weights_[:count], rtol=1e-4
    )
    test = found.split.test
    shares = expected.predict_proba(test[:, None])
    np.testing.assert_allclose(
        np.exp(loss.prediction(jnp.asarray(found.carry.outputs[: len(test)]))), shares, atol=1e-5
    )
    log_loss = -np.log(shares[np.arange(len(test)), targets[test]]).mean()
    last = int(found.carry.epoch) - 1
    assert found.carry.history[last, 2, 0] == pytest.approx(log_loss, rel=1e-4)


def weighed(
    predictions: list[list[int]], targets: list[int], networks: int = 9
) -> tuple[list[float], list[np.ndarray], bool]:
    """Coefficients and row weights after each of some predictions, and whether the last ended."""
    samme, loss = Samme(networks=networks), etude.CrossEntropy()
    # The last row does not train.
    weights = jnp.asarray([1.0] * (len(targets) - 1) + [0.0])
    batch = Batch(jnp.zeros((len(targets), 1)), jnp.asarray(targets), weights)
    said, memory = samme.begin(loss, jnp.zeros((len(targets), 3)), batch)
    coefficients, memories, ends = [], [], False
    for number, each in enumerate(predictions):
        outputs = 5.0 * jnp.eye(3)[jnp.asarray(each)]
        found = samme.weighed(loss, said, memory, outputs, batch, jnp.asarray(number))
        memory, ends = found.memory, bool(found.ends)
        coefficients.append(float(found.coefficient) if found.counts else float("nan"))
        memories.append(np.asarray(memory))
    return coefficients, memories, ends


def test_row_weights_are_those_of_scikit_learn() -> None:
    targets = [0, 0, 1, 1, 2, 2, 0, 1]
    predictions = [[0, 0, 1, 0, 2, 0, 1, 2], [1, 0, 1, 1, 2, 1, 0, 0], [0, 2, 1, 1, 2, 2, 0, 0]]
    coefficients, memories, ends = weighed(predictions, targets)
    train = np.arange(7)
    expected = ada_boost([np.array(p) for p in predictions], np.array(targets), train, 1.0)
    np.testing.assert_allclose(coefficients, expected.estimator_weights_, rtol=1e-5)
    assert not ends
    # Theirs add up to 1, ours have mean 1 over the training rows.
    for memory, weights in zip(memories, Told.weights[1:], strict=False):
        np.testing.assert_allclose(memory[:7], 7 * weights, rtol=1e-5)
        assert memory[7] == 0


def test_a_network_no_better_than_chance_ends_the_boosting() -> None:
    targets = [0, 0, 1, 1, 2, 2, 0]
    good, chance = [0, 0, 1, 0, 2, 0, 0], [1, 1, 2, 2, 0, 1, 0]
    (first, second), _, ends = weighed([good, chance], targets)
    assert first > 0
    assert np.isnan(second), "it is left out"
    assert ends
    (alone,), _, ends = weighed([chance], targets)
    assert (alone, ends) == (1.0, True), "the first one is all there is"
    (perfect,), _, ends = weighed([targets], targets)
    assert (perfect, ends) == (1.0, True), "as scikit-learn has it"


def test_an_ended_boosting_is_done_and_keeps_what_it_has() -> None:
    """The second linear model cannot be better than chance: classes are weighed to be alike."""
    generator = np.random.default_rng(3)
    targets = generator.integers(0, 2, 60)
    algorithm = etude.SGD(
        epochs=2, batch_size="full", learning_rate=1e-6, ensemble=Samme(networks=50)
    )
    found = Trained(study(algorithm, targets))
    count = int(found.carry.stage.number)
    assert 1 <= count < 50
    assert int(found.carry.status) == 1
    assert int(found.carry.epoch) == int(found.carry.step) == 2 * (count + 1)
    assert np.isnan(found.carry.history[int(found.carry.epoch) :]).all()
    np.testing.assert_array_equal(found.carry.outputs, found.after(2 * count).outputs)


def test_batches_weigh_by_the_mean_over_all_rows() -> None:
    """Row weights act in a batch of one row too, where a mean over the batch would lose them."""
    samme = Samme()
    batch = Batch(jnp.zeros((2, 1)), jnp.asarray([0, 1]), jnp.asarray([1.0, 0.0]))
    memory = jnp.asarray([0.25, 3.0, 1.5])
    after, factor = samme.learned(None, jnp.zeros(3), memory, jnp.asarray([1, 0]), batch)
    np.testing.assert_allclose(after.weights, [3.0, 0.0])
    assert float(factor) == pytest.approx(3.0)


def test_it_refuses_numbers() -> None:
    spec = study(etude.SGD()).data[0].prepare().spec
    with pytest.raises(InputError, match="`ensemble` samme needs a target of classes, got numbers"):
        Samme().check(etude.MSE(), spec)
