"""What is called from Python: run, refit, save and load, with our parts and the user's own."""

from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas
import polars
import pytest
from flax import nnx

import etude
from etude.engine.plan import plan
from etude.execution.record import study_record
from etude.interface import keep_compiled_programs
from etude.network import Network
from etude.store.records import MemberRecord

BUDGET: dict[str, Any] = {"epochs": 4, "batch_size": 16}
RATES = etude.grid(etude.SGD, learning_rate=[0.05, 0.5], **BUDGET)


def study(**fields: Any) -> etude.Study:
    values: dict[str, Any] = {
        "data": etude.Moons(rows=90, noise=0.2),
        "model": etude.Linear(initializer=etude.Zeros()),
        "loss": etude.CrossEntropy(),
        "algorithm": RATES,
        "validation": etude.KFold(folds=3),
    }
    return etude.Study(**(values | fields))


def values(result: etude.Result, metric: str, role: str = "test") -> dict[str, list[float]]:
    """The values of every choice by its label, in the order of splits and seeds."""
    found: dict[str, list[float]] = {}
    for member in result.record.members:
        assert member.status == "done", member.reason
        value = member.values[role][metric]
        assert value is not None
        found.setdefault(result.record.choices[member.choice].label, []).append(value)
    return found


# The user's own parts


class Normalized(nnx.Module):
    """A network that behaves differently in training and evaluation, and sees row weights."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, width: int, *, rngs: nnx.Rngs):
        self.hidden = nnx.Linear(inputs[0], width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, momentum=0.5, rngs=rngs)
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.readout = nnx.Linear(width, outputs, rngs=rngs)

    def __call__(self, x: jax.Array, weights: jax.Array) -> jax.Array:
        assert weights.shape == x.shape[:1]
        hidden = self.norm(self.hidden(x), mask=weights[:, None] > 0)
        return self.readout(self.dropout(nnx.relu(hidden)))


class Affine(nnx.Module):
    """What `Linear` is, by Flax's own layer."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs):
        self.layer = nnx.Linear(*(*inputs, outputs), kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.layer(x)


def surprise(logits: jax.Array, classes: jax.Array) -> jax.Array:
    """Cross-entropy, written otherwise."""
    chosen = jnp.take_along_axis(logits, classes[:, None], axis=1)[:, 0]
    return jax.nn.logsumexp(logits, axis=1) - chosen


def clipped(learning_rate: Any, norm: Any) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(norm), optax.sgd(learning_rate))


def user_model(**fields: Any) -> etude.UserModel:
    given = {"module": Normalized, "label": "net", "version": "1", "arguments": {"width": 6}}
    return etude.UserModel(**(given | fields))


def user_loss(**fields: Any) -> etude.UserLoss:
    given = {"function": surprise, "label": "surprise", "version": "1", "task": "classes"}
    return etude.UserLoss(**(given | fields))


def user_rules(**fields: Any) -> tuple[etude.UserRule, ...]:
    given = {"factory": clipped, "label": "clipped", "version": "1", **BUDGET}
    # So large a norm clips nothing: what is left is gradient descent.
    given |= {"arguments": {"norm": 1e6}, "learning_rate": [0.05, 0.5]}
    return etude.grid(etude.UserRule, **(given | fields))


@pytest.fixture(scope="module")
def losses() -> etude.Result:
    """The user's loss under the user's transformation."""
    return etude.run(study(loss=user_loss(), algorithm=user_rules()))


@pytest.fixture(scope="module")
def models() -> etude.Result:
    """The user's modules swept against ours."""
    affine = etude.UserModel(module=Affine, label="affine", version="1")
    return etude.run(study(model=(user_model(), affine, etude.Linear(initializer=etude.Zeros()))))


@pytest.fixture(scope="module")
def rules() -> etude.Result:
    """The user's transformation swept against our rule."""
    return etude.run(study(algorithm=user_rules() + RATES))


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_parts_of_a_user_work_in_place_of_ours(
    losses: etude.Result, models: etude.Result, rules: etude.Result, rate: float
) -> None:
    """Loss, module and transformation mean the same as ours here: so do the results."""
    ours = values(rules, "log_loss")[f"sgd learning_rate={rate}"]
    assert values(models, "log_loss")[f"linear · sgd learning_rate={rate}"] == ours
    theirs = [
        values(rules, "log_loss")[f"clipped learning_rate={rate}"],
        values(models, "log_loss")[f"affine · sgd learning_rate={rate}"],
        values(losses, "log_loss")[f"clipped learning_rate={rate}"],
        values(losses, "loss")[f"clipped learning_rate={rate}"],
    ]
    for found in theirs:
        np.testing.assert_allclose(found, ours, rtol=1e-4)
    assert max(values(models, "log_loss")[f"net · sgd learning_rate={rate}"]) < 1.2 * np.log(2)


def test_sweeps_of_a_user_are_sweeps(losses: etude.Result) -> None:
    first, second = (
        values(losses, "log_loss")[f"clipped learning_rate={rate}"] for rate in (0.05, 0.5)
    )
    assert not np.allclose(first, second, rtol=1e-2)
    swept = study(loss=(user_loss(), etude.CrossEntropy()), algorithm=user_rules())
    assert [choice.swept["loss"] for choice in study_record(plan(swept)).choices[::2]] == [
        "surprise",
        "cross_entropy",
    ]


@pytest.fixture(scope="module")
def normalized(models: etude.Result) -> Network:
    """The user's network, trained on all rows."""
    return etude.refit(models, 1)


def test_batch_statistics_are_trained_beside_the_weights(normalized: Network) -> None:
    names = {name for name in normalized.weights if "norm" in name}
    assert names == {"params/norm/bias", "params/norm/scale", "rest/norm/mean", "rest/norm/var"}
    moved = normalized.weights["rest/norm/var"]
    assert not np.allclose(moved, 1)
    assert normalized.parameters == (2 * 6 + 6) + (6 + 6) + (6 * 2 + 2)
    assert normalized.history["epochs"] == 4
    assert normalized.history["steps"] == 4 * -(-90 // 16)


def test_predictions_are_made_in_evaluation_mode(normalized: Network) -> None:
    """By hand: running statistics and no dropout, whatever else is in the batch."""
    x = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    w, fitted = normalized.weights, normalized.fitted
    scaled = (x.astype(np.float64) - fitted["mean"]) * fitted["factor"]
    hidden = scaled @ w["params/hidden/kernel"] + w["params/hidden/bias"]
    hidden = (hidden - w["rest/norm/mean"]) / np.sqrt(w["rest/norm/var"] + 1e-5)
    hidden = np.maximum(hidden * w["params/norm/scale"] + w["params/norm/bias"], 0)
    expected = hidden @ w["params/readout/kernel"] + w["params/readout/bias"]
    np.testing.assert_allclose(normalized.outputs(x), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(normalized.outputs(x), normalized.outputs(x))
    np.testing.assert_allclose(normalized.outputs(x[:1]), expected[:1], rtol=1e-4, atol=1e-5)


def test_a_network_of_a_user_is_loaded_with_the_parts_that_only_the_user_has(
    normalized: Network, tmp_path: Path
) -> None:
    normalized.save(tmp_path)
    with pytest.raises(etude.InputError, match=r"user_model net 1: give it as load\(folder, model"):
        etude.load(tmp_path)
    with pytest.raises(
        etude.InputError, match="must be the one that was trained, user_model net 1"
    ):
        etude.load(tmp_path, model=user_model(version="2"))
    assert_same_network(etude.load(tmp_path, model=user_model()), normalized)


def test_versions_of_the_users_parts_are_part_of_the_identity() -> None:
    def identities(**fields: Any) -> set[str]:
        return {member.identity for member in study_record(plan(study(**fields))).members}

    made: list[tuple[str, Any]] = [
        ("model", lambda **f: user_model(**f)),
        ("loss", lambda **f: user_loss(**f)),
        ("algorithm", lambda **f: user_rules(**f)),
    ]
    for kind, make in made:
        first = identities(**{kind: make()})
        assert first == identities(**{kind: make()})
        for fields in ({"version": "2"}, {"label": "other"}):
            assert first.isdisjoint(identities(**{kind: make(**fields)}))


def test_a_stored_study_with_a_users_part_cannot_be_made_again_without_it(
    losses: etude.Result,
) -> None:
    stored = etude.Result(losses.record)
    with pytest.raises(etude.InputError, match="has parts that only Python knows"):
        etude.refit(stored)


def test_errors_in_a_users_part_say_where() -> None:
    def scalar(outputs: jax.Array, targets: jax.Array) -> jax.Array:
        return jnp.mean(surprise(outputs, targets))

    with pytest.raises(etude.InputError, match="loss surprise must give a value per row"):
        etude.run(study(loss=user_loss(function=scalar)))
    with pytest.raises(etude.InputError, match=r"must give a flax.nnx.Module, got function"):
        etude.run(study(model=user_model(module=lambda *_, **__: surprise, arguments={})))


# Losses


NUMBERS: tuple[Any, ...] = (
    etude.MSE(),
    etude.GaussianNLL(variance="fixed", sigma=1.0),
    etude.MAE(),
    etude.Huber(delta=1e6),
    etude.GaussianNLL(),
)


def run_of_numbers(losses: tuple[Any, ...]) -> etude.Result:
    """Some losses for numbers on one table."""
    fields: dict[str, Any] = {"epochs": 25, "batch_size": 32}
    algorithm = etude.grid(etude.Optax, rule="sgd", learning_rate=[0.01, 0.02], **fields)
    data = etude.Diabetes()
    return etude.run(study(name="numbers", data=data, loss=losses, algorithm=algorithm))


@pytest.fixture(scope="module")
def numbers() -> etude.Result:
    return run_of_numbers(NUMBERS[:2])


def test_losses_for_numbers_beat_the_mean_and_agree_where_they_are_the_same(
    numbers: etude.Result,
) -> None:
    """½ r² at twice the rate of r² takes the same steps."""
    squared, likelihood = assert_they_beat_the_mean(numbers)[::3]
    np.testing.assert_allclose(likelihood, squared, rtol=1e-5)
    losses = list(values(numbers, "loss").values())
    np.testing.assert_allclose(
        losses[3], np.array(losses[0]) / 2 + np.log(2 * np.pi) / 2, rtol=1e-5
    )


@pytest.mark.slow
def test_other_losses_for_numbers_do_so_too() -> None:
    others = run_of_numbers((etude.MSE(), *NUMBERS[2:]))
    squared, huber = assert_they_beat_the_mean(others)[::5]
    np.testing.assert_allclose(huber, squared, rtol=1e-5)
    losses = list(values(others, "loss").values())
    np.testing.assert_allclose(losses[5], np.array(losses[0]) / 2, rtol=1e-5)


def assert_they_beat_the_mean(result: etude.Result) -> list[list[float]]:
    """The errors of every choice."""
    record = result.record
    assert record.metric == "rmse"
    trivial = [split.trivial["test"]["rmse"] for split in record.splits]
    found = list(values(result, "rmse").values())
    assert len(found) == len(record.choices)
    for rmse in found:
        assert np.all(np.array(rmse) < 0.85 * np.array(trivial, float))
    return found


def test_one_logit_learns_what_two_learn(rules: etude.Result) -> None:
    """From weights of 0 their difference goes twice as far: at twice the rate one logit agrees."""
    twice = etude.grid(etude.SGD, learning_rate=[0.1, 1.0], **BUDGET)
    found = values(etude.run(study(loss=etude.BinaryCrossEntropy(), algorithm=twice)), "log_loss")
    for one, two in ((0.1, 0.05), (1, 0.5)):
        np.testing.assert_allclose(
            found[f"sgd learning_rate={one}"],
            values(rules, "log_loss")[f"sgd learning_rate={two}"],
            rtol=1e-4,
        )


# Labels, seeds, data frames, several data


@pytest.fixture(scope="module")
def frames() -> tuple[pandas.DataFrame, polars.DataFrame]:
    """Two tables in memory with text, a gap and a target of two classes."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=60)
    kind = generator.choice(["a", "b"], 60)
    x[7] = np.nan
    sick = np.where(np.nan_to_num(x) + (kind == "a") > 0.5, "yes", "no")
    first = {"x": x, "kind": kind, "sick": sick}
    second = {"kind": kind, "x": [None if np.isnan(v) else v - 3 for v in x], "sick": sick}
    return pandas.DataFrame(first), polars.DataFrame(second)


@pytest.fixture(scope="module")
def in_memory(frames: tuple[pandas.DataFrame, polars.DataFrame]) -> etude.Result:
    data = tuple(etude.Table.from_frame(frame, "sick") for frame in frames)
    return etude.run(
        study(
            name="frames",
            data=data,
            loss=etude.BinaryCrossEntropy(),
            algorithm=etude.SGD(learning_rate=0.5, epochs=10, batch_size=8),
            labels=("first", "second"),
            seeds=2,
        )
    )


def test_labels_and_seeds_are_networks_of_their_own(in_memory: etude.Result) -> None:
    record = in_memory.record
    assert len(record.members) == 2 * 2 * 3 * 2  # data, labels, folds, seeds
    assert len({member.identity for member in record.members}) == len(record.members)
    # Each shuffles its batches in its own way; the second table is the first one, shifted.
    losses = [member.values["train"]["loss"] for member in record.members[:12]]
    assert len(set(losses)) == len(losses)


def test_each_data_choice_is_ranked_by_itself(in_memory: etude.Result) -> None:
    assert [row.data for row in in_memory.summaries] == [0, 0, 1, 1]
    assert all(row.n == 3 for row in in_memory.summaries)
    found = values(in_memory, "accuracy")
    assert all(np.mean(accuracies) > 0.8 for accuracies in found.values())
    document = in_memory.json()
    assert (document["best"], document["estimate_of_best"]) == (None, None)
    assert [choice["rank"] for choice in document["choices"]].count(1) >= 2
    assert in_memory.best(data=1).choice in (2, 3)
    with pytest.raises(etude.InputError, match=r"`data` must be one of \[0, 1\], got 2"):
        in_memory.best(data=2)
    assert len(in_memory.frame("pandas")) == 4


def test_a_network_of_a_table_in_memory_takes_any_data_frame(
    in_memory: etude.Result, frames: tuple[pandas.DataFrame, polars.DataFrame], tmp_path: Path
) -> None:
    network = etude.refit(in_memory, in_memory.best(data=1))
    network.save(tmp_path)
    loaded = etude.load(tmp_path)
    assert_same_network(loaded, network)
    table = frames[1]
    predicted = loaded.predict(table)
    assert np.mean(predicted == table["sick"].to_numpy()) > 0.8
    rows = pandas.DataFrame(table.drop("sick").to_dict(as_series=False))
    np.testing.assert_array_equal(loaded.probabilities(rows), network.probabilities(table))
    np.testing.assert_allclose(loaded.probabilities(rows).sum(1), 1, rtol=1e-5)
    # Features: kind a, kind b, x, whether x is missing.
    single = loaded.outputs(np.array([[1, 0, 0.5, 0], [0, 1, np.nan, 1]]))
    same = polars.DataFrame({"x": [0.5, None], "kind": ["a", "b"]})
    np.testing.assert_array_equal(single, loaded.outputs(same))
    with pytest.raises(etude.InputError, match="must have a column 'kind'"):
        loaded.predict(rows[["x"]])
    stored = etude.Result(in_memory.record)
    with pytest.raises(etude.InputError, match="run it again in Python"):
        etude.refit(stored)


# Refit


@pytest.fixture(scope="module")
def stopping() -> etude.Result:
    rule = etude.Adam(
        learning_rate=0.1,
        epochs=20,
        batch_size=16,
        schedule=etude.Cosine(),
        stopping=etude.EarlyStopping(patience=2),
    )
    return etude.run(
        study(
            name="stopping",
            data=etude.Moons(rows=90, noise=0.4),
            model=etude.MLP(widths=(8,)),
            algorithm=rule,
            validation=etude.KFold(folds=3, validation=0.2),
            seeds=2,
        )
    )


def test_refit_with_early_stopping_trains_for_the_median_best_epoch(
    stopping: etude.Result,
) -> None:
    best = [member.best_epoch for member in stopping.record.members]
    assert len(set(best)) > 1
    expected = round(median(best))
    network = etude.refit(stopping)
    assert network.history["epochs"] == expected < 20
    # The schedule goes as it went in the splits: the run below is cut off, not shortened.
    rule = stopping.study.algorithm[0].changed(stopping=None)  # type: ignore[union-attr]
    whole = etude.run(
        study(
            data=etude.Moons(rows=90, noise=0.4),
            model=etude.MLP(widths=(8,)),
            algorithm=rule,
            validation=etude.TrainingOnly(),
        )
    )
    (member,) = whole.record.members
    loss = member.curves[expected - 1, 0, whole.record.metrics.index("loss")]
    assert network.history["train"]["loss"] == pytest.approx(float(loss), rel=1e-6)


def test_refit_without_best_epochs_is_refused(stopping: etude.Result) -> None:
    def lost(member: MemberRecord) -> MemberRecord:
        return replace(member, status="failed", best_epoch=0)

    record = replace(
        stopping.record, members=tuple(lost(member) for member in stopping.record.members)
    )
    with pytest.raises(etude.InputError, match="run the study first"):
        etude.refit(etude.Result(record, stopping.study), 0)
    with pytest.raises(etude.InputError, match="no choice is complete"):
        etude.refit(etude.Result(record, stopping.study))


def test_refit_refuses_what_is_no_choice_and_other_data(numbers: etude.Result) -> None:
    for number in (-1, 4):
        with pytest.raises(etude.InputError, match=f"from 0 to 3, got {number}"):
            etude.refit(numbers, number)
    other = etude.Result(replace(numbers.record, identity="0" * 64), numbers.study)
    with pytest.raises(etude.InputError, match="are not those that its choices were compared on"):
        etude.refit(other)


def test_refit_gives_the_network_of_another_seed_or_of_an_earlier_epoch() -> None:
    """Those of a study that trains on all rows, whose curves they have reached."""
    trained = etude.run(
        study(
            data=etude.Moons(rows=60),
            model=etude.Linear(),
            algorithm=etude.grid(etude.SGD, learning_rate=[0.1, 0.5], epochs=4),
            validation=etude.TrainingOnly(),
            seeds=2,
        )
    )
    losses = {
        (member.choice, member.seed): member.curves[:, 0, trained.record.metrics.index("loss")]
        for member in trained.record.members
    }
    named: dict[tuple[int, int], Network] = {}
    for place, curve in losses.items():
        # Either choice and either seed with either number of epochs.
        epochs = 1 if place[0] == place[1] else 4
        network = named[place] = etude.refit(trained, place[0], seed=place[1], epochs=epochs)
        assert network.history["epochs"] == epochs
        assert network.history["train"]["loss"] == pytest.approx(curve[epochs - 1], rel=1e-6)
    assert len({float(curve[-1]) for curve in losses.values()}) == 4
    for name, array in etude.refit(trained, 1).weights.items():
        assert array.tobytes() == named[1, 0].weights[name].tobytes()


@pytest.mark.parametrize("settings", [{"seed": -1}, {"seed": True}, {"epochs": 0}, {"epochs": 99}])
def test_refit_refuses_seeds_and_epochs_that_are_none(
    numbers: etude.Result, settings: dict[str, int]
) -> None:
    (name, value), *_ = settings.items()
    with pytest.raises(etude.InputError, match=rf"`{name}` must be .*, got {value}"):
        etude.refit(numbers, 0, **settings)


def test_refit_of_what_diverges_is_refused() -> None:
    rule = etude.SGD(learning_rate=3e38, **BUDGET)
    wild = etude.run(study(algorithm=rule, validation=etude.TrainingOnly()))
    assert {member.status for member in wild.record.members} == {"diverged"}
    with pytest.raises(etude.InputError, match=r"diverged at step .* choose one with a smaller"):
        etude.refit(wild)


def assert_same_network(one: Network, other: Network) -> None:
    """Weights and outputs are equal bit for bit."""
    for first, second in ((one.weights, other.weights), (one.fitted, other.fitted)):
        assert first.keys() == second.keys()
        for name in first:
            assert first[name].dtype == second[name].dtype
            assert first[name].tobytes() == second[name].tobytes()
    assert (one.spec, one.schema, one.document, one.history) == (
        other.spec,
        other.schema,
        other.document,
        other.history,
    )
    integers = other.dtype == "int32"
    shape = (5, *other.spec.inputs)
    rows = np.ones(shape, int) if integers else np.random.default_rng(0).normal(size=shape)
    assert one.outputs(rows).tobytes() == other.outputs(rows).tobytes()


# Settings of a run


def test_the_cache_of_programs_is_where_jax_was_told_and_else_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import platformdirs

    told = jax.config.jax_compilation_cache_dir
    assert told
    keep_compiled_programs()
    assert jax.config.jax_compilation_cache_dir == told
    try:
        jax.config.update("jax_compilation_cache_dir", None)
        (tmp_path / "file").touch()
        for place, kept in ((tmp_path / "file", None), (tmp_path / "new", "new/programs")):
            monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, at=place: str(at))
            keep_compiled_programs()
            expected = kept and str(tmp_path / kept)
            assert jax.config.jax_compilation_cache_dir == expected
    finally:
        jax.config.update("jax_compilation_cache_dir", told)


def test_bad_settings_of_a_run_are_refused() -> None:
    with pytest.raises(etude.InputError, match="`workers` must be at least 1, got 0"):
        etude.run(study(), workers=0)
    with pytest.raises(etude.InputError, match="`stopping` watches the loss on validation rows"):
        etude.run(study(algorithm=etude.SGD(stopping=etude.EarlyStopping())))
    with pytest.raises(etude.InputError, match="`loss` mse needs a target of numbers"):
        etude.run(study(loss=etude.MSE()))
    with pytest.raises(etude.InputError, match="must be an SQLite file"):
        etude.run(study(), Path(__file__))
