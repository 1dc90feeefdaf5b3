"""The area under the ROC curve against scikit-learn, ties, weights and missing classes too."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from etude.batch import Batch, Spec
from etude.metric.base import measured
from etude.metric.roc_auc import RocAuc

AUC = RocAuc()
ROWS = 40
"""One size for every drawn example, so that JAX compiles once."""


def statistics(prediction: np.ndarray, targets: np.ndarray) -> np.ndarray:
    batch = Batch(None, jnp.asarray(targets), jnp.ones(len(targets)))
    return np.asarray(AUC.statistics(jnp.asarray(prediction), batch))


def binary(scores: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities whose log odds are the scores, exactly."""
    return np.stack([np.zeros_like(scores), scores], 1).astype(np.float32)


def by_pairs(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """The definition, in double precision."""
    won = (scores[:, None] > scores) + 0.5 * (scores[:, None] == scores)
    shares = np.outer(weights * positive, weights * (1 - positive))
    return float((shares * won).sum() / shares.sum())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([1, 2, 5, 1000]), weighted=st.booleans())
def test_two_classes_with_ties_and_weights(seed: int, levels: int, weighted: bool) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, levels, ROWS).astype(np.float32)
    targets = generator.integers(0, 2, ROWS)
    targets[:2] = 0, 1
    # a weight of 0 is what padded rows and rows of other roles have
    weights = generator.integers(0, 4, ROWS) * 0.37 if weighted else np.ones(ROWS)
    weights[:2] = 1
    expected = roc_auc_score(targets, scores, sample_weight=weights)
    assert by_pairs(scores, targets, weights) == pytest.approx(expected, rel=1e-12)
    found = measured(AUC, statistics(binary(scores), targets), weights)
    assert found == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("classes", [3, 6])
def test_one_against_the_rest(classes: int) -> None:
    generator = np.random.default_rng(classes)
    for _ in range(5):
        prediction = log_softmax(generator.normal(size=(ROWS, classes)), 1).astype(np.float32)
        # repeated rows tie
        prediction[ROWS // 2 :] = prediction[: ROWS - ROWS // 2]
        targets = generator.permutation(np.arange(ROWS) % classes)
        probabilities = np.exp(prediction.astype(np.float64))
        probabilities /= probabilities.sum(1, keepdims=True)
        weights = generator.uniform(0.1, 2, ROWS)
        for share in (None, weights):
            expected = roc_auc_score(targets, probabilities, multi_class="ovr", sample_weight=share)
            found = measured(AUC, statistics(prediction, targets), share)
            assert found == pytest.approx(expected, rel=2e-6)


def test_classes_that_do_not_occur_are_left_out() -> None:
    generator = np.random.default_rng(0)
    prediction = log_softmax(generator.normal(size=(ROWS, 4)), 1).astype(np.float32)
    targets = generator.choice([0, 2], ROWS)
    expected = np.mean(
        [
            roc_auc_score(targets == k, prediction[:, k] - np.log1p(-np.exp(prediction[:, k])))
            for k in (0, 2)
        ]
    )
    assert measured(AUC, statistics(prediction, targets)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_one_class_alone_is_unknown(classes: int) -> None:
    prediction = log_softmax(np.random.default_rng(0).normal(size=(ROWS, classes)), 1)
    found = statistics(prediction.astype(np.float32), np.ones(ROWS, dtype=int))
    assert np.isnan(measured(AUC, found))
    assert np.isnan(measured(AUC, found[:1]))
    spec = Spec("classes", (4,), classes=("a", "b", "c")[:classes])
    assert np.isnan(AUC.trivial(np.array([0, 1]), np.array([1, 1]), spec))
    assert AUC.trivial(np.array([0, 1]), np.array([1, 0]), spec) == 0.5


def test_each_role_is_measured_alone() -> None:
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 6, ROWS).astype(np.float32)
    targets = generator.integers(0, 2, ROWS)
    roles = generator.integers(0, 4, ROWS)  # the last one plays none
    weights = np.stack([roles == role for role in range(3)]).astype(np.float32)
    scores[roles == 3] = np.nan
    summary = AUC.summary(jnp.asarray(statistics(binary(scores), targets)), jnp.asarray(weights))
    assert summary.shape == (3, 1)
    for role in range(3):
        mine = roles == role
        expected = roc_auc_score(targets[mine], scores[mine])
        assert AUC.value(np.asarray(summary))[role] == pytest.approx(expected, rel=1e-6)


def test_a_prediction_that_is_not_a_number_is_no_result() -> None:
    scores = np.arange(ROWS, dtype=np.float32)
    targets = np.arange(ROWS) % 2
    scores[5] = np.nan
    assert np.isnan(measured(AUC, statistics(binary(scores), targets)))


def test_certain_predictions_are_told_apart() -> None:
    """Probabilities of these odds all round to 1; their order still counts."""
    odds = np.linspace(20, 60, ROWS)
    targets = (np.arange(ROWS) >= ROWS // 2).astype(int)
    for others in (1, 2):
        prediction = log_softmax(
            np.stack([*[np.zeros(ROWS)] * others, odds], 1).astype(np.float64), 1
        ).astype(np.float32)
        assert (np.exp(prediction[:, -1]) == 1).all()
        found = statistics(prediction, others * targets)
        assert measured(AUC, found) == 1


def test_equal_probabilities_tie_whatever_the_other_classes_have() -> None:
    """As a forest votes: fifths, in every arrangement, with 0 clipped to a small number."""
    generator = np.random.default_rng(2)
    votes = generator.multinomial(5, [0.5, 0.3, 0.2], ROWS) / 5
    prediction = np.log(np.maximum(votes, 1e-7)).astype(np.float32)
    targets = generator.integers(0, 3, ROWS)
    expected = roc_auc_score(targets, votes, multi_class="ovr")
    assert measured(AUC, statistics(prediction, targets)) == pytest.approx(expected, rel=1e-6)


def test_many_rows_keep_their_digits() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(size=100_000).astype(np.float32)
    targets = (scores + 3 * generator.normal(size=scores.size) > 1).astype(int)
    expected = roc_auc_score(targets, scores)
    assert measured(AUC, statistics(binary(scores), targets)) == pytest.approx(expected, rel=1e-6)


def test_targets_may_be_shares() -> None:
    generator = np.random.default_rng(5)
    prediction = log_softmax(generator.normal(size=(ROWS, 3)), 1).astype(np.float32)
    targets = generator.integers(0, 3, ROWS)
    shares = np.eye(3, dtype=np.float32)[targets]
    np.testing.assert_array_equal(statistics(prediction, targets), statistics(prediction, shares))


def test_name_and_direction() -> None:
    assert RocAuc.name == "roc_auc"
    assert RocAuc.greater_is_better
