"""Pairwise ranking of films: a loss over pairs, whose negatives are drawn in the stream."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import etude
from etude.batch import Batch, Spec
from etude.data.assemble import fingerprint
from etude.data.base import Data, Prepared, Source, Split
from etude.data.ratings import MovieLens
from etude.data.rows import Rows
from etude.evidence.result import Result
from etude.execution.run import run
from etude.loss.base import Loss
from etude.metric.base import Metric
from etude.model.factorization import Factors, MatrixFactorization
from etude.validation.holdout import Holdout
from quick_programs import compiled

REAL = Path(os.environ.get("ETUDE_DATA", "")) / "ml-100k" / "u.data"
needs_movielens = pytest.mark.skipif(
    not REAL.is_file(), reason="ETUDE_DATA does not have ml-100k/u.data"
)


class Pairs(Rows, kind="stream"):
    """Each row with a film that its user has not seen: inputs `[batch, 2, 2]`.

    In training it is drawn anew for every batch from all films, and a row weighs 0 where the
    user has seen the film drawn in another training row. In evaluations it stays the same.
    """

    def gather(self, source: Source, index: jax.Array, weights: jax.Array) -> Batch:
        seen, unseen = (source.arrays[name][index] for name in ("seen", "unseen"))
        return Batch(_pairs(seen, unseen), (), weights)

    def drawn(self, source: Source, index: jax.Array, weights: jax.Array, key: jax.Array) -> Batch:
        seen, known = source.arrays["seen"][index], source.fitted["known"]
        other = jax.random.randint(key, index.shape, 0, known.shape[1], seen.dtype)
        weights = jnp.where(known[seen[:, 0], other], 0, weights)
        return Batch(_pairs(seen, other), (), weights)


def _pairs(seen: jax.Array, other: jax.Array) -> jax.Array:
    """(user, film seen) and (user, other film), `[batch, 2, 2]`."""
    return jnp.stack([seen, jnp.stack([seen[:, 0], other], 1)], 1)


@dataclass(frozen=True, eq=False)
class Known:
    """Which films each user has seen in the training rows, `[users, films]`."""

    seen: np.ndarray
    shape: tuple[int, int]

    def __call__(self, rows: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        known = np.zeros(self.shape, bool)
        known[tuple(self.seen[rows].T)] = True
        return {"known": known}


@cache
def unseen_films(rows: bytes, users: int, films: int) -> np.ndarray:
    """For every row a film that its user has in no row, uniformly at random."""
    seen = np.frombuffer(rows, np.int32).reshape(-1, 2)
    known = np.zeros((users, films), bool)
    known[tuple(seen.T)] = True
    generator = np.random.default_rng(0)
    drawn = generator.integers(films, size=len(seen))
    while (again := known[seen[:, 0], drawn]).any():
        drawn[again] = generator.integers(films, size=again.sum())
    return drawn.astype(np.int32)


class FilmPairs(Data, kind="data"):
    """MovieLens 100K as who has seen what; how they liked it is ignored."""

    def prepare(self) -> Prepared:
        ratings = MovieLens().prepare()
        seen, sizes = ratings.arrays["inputs"], ratings.spec.sizes
        shape = (ratings.spec.size("users"), ratings.spec.size("items"))
        arrays = {"seen": seen, "unseen": unseen_films(seen.tobytes(), *shape)}
        return Prepared(
            spec=Spec("ranking", (2,), sizes=sizes),
            stream=Pairs(),
            arrays=arrays,
            rows=len(seen),
            fingerprint=fingerprint(arrays, {}),
            fit=Known(seen, shape),
        )


class PairwiseLogistic(Loss, kind="loss"):
    """−log σ(ŷ_seen − ŷ_other) (Rendle et al., "BPR", 2009); outputs are both scores."""

    def outputs(self, spec: Spec) -> int:
        return 1

    def evaluate(self, model: nnx.Module, batch: Batch) -> jax.Array:
        users_and_films = batch.inputs.reshape(-1, 2)
        return model(users_and_films).reshape(-1, 2)  # type: ignore[operator]

    def __call__(self, outputs: jax.Array, batch: Batch) -> jax.Array:
        return jax.nn.softplus(outputs[:, 1] - outputs[:, 0])

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return outputs[:, :1] - outputs[:, 1:]


class PairAccuracy(Metric, kind="metric"):
    """Share of pairs in the right order, a tie one half: the area under the ROC curve."""

    greater_is_better = True
    task = "ranking"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        return (jnp.sign(prediction) + 1) / 2

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return 0.5


def study(*rates: float) -> etude.Study:
    return etude.Study(
        data=FilmPairs(),
        model=MatrixFactorization(factors=8),
        loss=PairwiseLogistic(l2=1e-6),
        algorithm=etude.grid(etude.Adam, learning_rate=list(rates), batch_size=1024, epochs=4),
        validation=Holdout(test=0.1),
        metric=PairAccuracy(),
        seeds=2,
    )


@pytest.mark.slow
@needs_movielens
def test_films_that_people_went_on_to_see_are_ranked_first(
    device: Any, assert_same_bits: Any
) -> None:
    record = run(study(1e-2, 3e-2), device=device())
    assert len(record.programs) == 1
    assert len(record.members) == 4
    prepared = FilmPairs().prepare()
    split = Holdout(test=0.1).splits(prepared.rows, None, 0)[0]
    seen, unseen = prepared.arrays["seen"], prepared.arrays["unseen"]
    views = np.bincount(seen[split.train, 1], minlength=prepared.spec.size("items"))
    by_views = (np.sign(views[seen[split.test, 1]] - views[unseen[split.test]]).mean() + 1) / 2
    for member in record.members:
        assert member.outputs is not None
        ahead = member.outputs[:, 0].astype(np.float64) - member.outputs[:, 1]
        test, accuracy = member.values["test"], (np.sign(ahead).mean() + 1) / 2
        assert test["loss"] == pytest.approx(np.log1p(np.exp(-ahead)).mean(), rel=1e-5)
        assert test["pair_accuracy"] == pytest.approx(accuracy, abs=1e-6)
        assert accuracy > by_views + 0.02 > 0.85
    assert Result(record).best().mean == pytest.approx(
        max(
            np.mean([m.values["test"]["pair_accuracy"] for m in record.members if m.choice == n])
            for n in (0, 1)
        )
    )
    assert_same_bits(run(study(3e-2), device=device(workers=1)), record)


def test_a_pair_weighs_nothing_where_training_rows_show_that_its_user_saw_both() -> None:
    """Rows held out say nothing: their films are drawn and weigh like any other."""
    generator = np.random.default_rng(0)
    seen = generator.integers([4, 6], size=(40, 2)).astype(np.int32)
    train = np.arange(0, 40, 2)
    known = Known(seen, (4, 6))(train, np.empty(0))
    trained = {tuple(row) for row in seen[train].tolist()}
    split = Split(jnp.asarray(train), jnp.asarray(18), jnp.ones(40))
    source = Source({"seen": jnp.asarray(seen)}, jax.tree.map(jnp.asarray, known), split)
    batch = compiled(lambda key: Pairs().batch(source, split.order, 0, 20, None, key)[1])
    weighed = set()
    # A short batch is filled up with its last training row.
    rows = train[np.minimum(np.arange(20), 17)]
    for number in range(20):
        pairs, _, weights, *_ = map(np.asarray, batch(jax.random.key(number)))
        np.testing.assert_array_equal(pairs[:, 0], seen[rows])
        np.testing.assert_array_equal(pairs[:, 1, 0], seen[rows, 0])
        new = [tuple(row) not in trained for row in pairs[:, 1].tolist()]
        np.testing.assert_array_equal(weights, np.array(new) & (np.arange(20) < 18))
        weighed |= {tuple(row) for row in pairs[weights > 0, 1].tolist()}
    held_out = {tuple(row) for row in np.delete(seen, train, 0).tolist()} - trained
    assert held_out
    assert held_out <= weighed


def test_gradient_is_that_of_the_paper() -> None:
    """∂/∂p_u = −σ(−x)(q_i − q_j), ∂/∂q_i = −σ(−x) p_u, ∂/∂q_j = σ(−x) p_u, weighted, float64."""
    generator = np.random.default_rng(1)
    users, films, biases = (
        generator.normal(size=shape).astype(np.float32) for shape in [(3, 2), (5, 2), 5]
    )
    rows = [(0, 1, 2, 1.0), (2, 4, 0, 0.5), (0, 3, 1, 2.0), (1, 1, 1, 0.0)]
    pairs = np.array([[[u, i], [u, j]] for u, i, j, _ in rows])
    batch = Batch(pairs, (), np.array([weight for *_, weight in rows], np.float32))

    def objective(weights: Any) -> jax.Array:
        module = Factors(3, 5, 2, 1.0, nnx.Rngs(0))
        module.user_factors[...], module.item_factors[...], module.item_bias[...] = weights
        return PairwiseLogistic().objective(module, batch, jax.random.key(0))

    gradient = compiled(jax.grad(objective))((users, films, biases))
    expected = [np.zeros(part.shape) for part in (users, films, biases)]
    p, q, b = (part.astype(np.float64) for part in (users, films, biases))
    for u, i, j, weight in rows:
        share = weight / 3.5 / (1 + np.exp(b[i] - b[j] + p[u] @ (q[i] - q[j])))
        expected[0][u] -= share * (q[i] - q[j])
        for film, sign in ((i, -1), (j, 1)):
            expected[1][film] += sign * share * p[u]
            expected[2][film] += sign * share
    for found, right in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-6)
