"""Searches that run: what they decide, what they keep, and that they go on."""

import itertools
from dataclasses import replace

import numpy as np
import optuna
import pytest

import etude
from etude.algorithm import SGD, Adam
from etude.algorithm.schedule import Cosine
from etude.algorithm.stopping import EarlyStopping
from etude.data import Blobs, Iris
from etude.domain import varied
from etude.engine import population
from etude.engine.plan import plan
from etude.errors import InputError
from etude.estimator import ScikitLearn
from etude.evidence.result import Result
from etude.execution.record import grown_record, study_record
from etude.execution.run import Interrupted, run
from etude.execution.workers import Workers
from etude.loss import CrossEntropy
from etude.model import CNN, MLP, Linear
from etude.search import Bayesian, Halving, RandomSearch
from etude.store.errors import StoreError
from etude.store.records import MemberRecord, StudyRecord
from etude.study import Study
from etude.sweep import choice, grid, log_range, log_uniform, sample
from etude.validation import Holdout, KFold, Nested

RATES = grid(Adam, learning_rate=log_range(1e-4, 1e-1, 9), epochs=10, schedule=Cosine())


def study(**parts):
    whole = {
        "data": Iris(),
        "model": MLP(widths=(8,)),
        "loss": CrossEntropy(),
        "algorithm": RATES,
        "validation": KFold(folds=3),
        "seed": 3,
    }
    return Study(**(whole | parts))


EPOCHS = 5

LEARNED = {
    "data": Blobs(rows=60),
    "model": Linear(),
    "algorithm": varied(Adam, learning_rate=log_uniform(1e-3, 1e-1), epochs=EPOCHS),
    "search": Bayesian(trials=6, batch=2, startup=2),
}
"""Of one program, which most tests share."""


@pytest.fixture(scope="module")
def whole_grid() -> Result:
    return etude.run(study())


@pytest.fixture(scope="module")
def halved() -> Result:
    return etude.run(study(search=Halving()))


def by_hand(record: StudyRecord, rungs: list[int], factor: int) -> list[list[int]]:
    """The choices at every rung from the curves of the full grid."""
    column = record.metrics.index("accuracy")
    curves = np.array([member.curves[:, 2, column] for member in record.members])
    curves = curves.reshape(len(record.choices), -1, curves.shape[1]).astype(np.float64)
    left, found = list(range(len(record.choices))), []
    for rung in rungs:
        found.append(left)
        means = {number: curves[number, :, rung - 1].mean() for number in left}
        best = sorted(left, key=lambda number: (-means[number], number))
        left = sorted(best[: -(-len(left) // factor)])
    return [*found, left]


def test_halving_decides_as_by_hand_from_the_curves_of_the_full_grid(whole_grid, halved):
    rounds = halved.record.findings["search"]["rounds"]
    assert [one["epochs"] for one in rounds] == [1, 3, 0]
    assert [one["trials"] for one in rounds] == by_hand(whole_grid.record, [1, 3], 3)


def test_a_member_that_left_has_the_first_epochs_of_the_full_one(whole_grid, halved):
    lengths = []
    for member, full in zip(halved.record.members, whole_grid.record.members, strict=True):
        assert (member.choice, member.split) == (full.choice, full.split)
        assert member.curves.tobytes() == full.curves[: member.epochs].tobytes()
        assert member.steps == full.steps * member.epochs // full.epochs
        assert (member.status == "left") == (member.epochs < 10)
        assert (member.identity == full.identity) == (member.status == "done")
        lengths.append(member.epochs)
    assert sorted(lengths) == [1] * 18 + [3] * 6 + [10] * 3


def test_steps_are_told(halved):
    told = halved.record.findings["search"]
    # 100 rows in batches of 32: 4 steps an epoch, on each of 3 splits.
    assert told["steps"] == 12 * (6 * 1 + 2 * 3 + 1 * 10)
    assert told["steps_to_the_end"] == told["steps_of_the_grid"] == 12 * 9 * 10


@pytest.mark.parametrize(
    "form",
    [
        "stopping",
        *(pytest.param(f, marks=pytest.mark.slow) for f in ("validation", "steps", "diverging")),
    ],
)
def test_rungs_agree_with_the_full_grid(form):
    rules = {
        "validation": RATES,
        "stopping": grid(
            Adam,
            learning_rate=[0.003, 0.01, 0.03, 0.1],
            epochs=12,
            stopping=EarlyStopping(patience=2, min_delta=0.02),
        ),
        "steps": grid(SGD, learning_rate=[0.01, 0.1, 0.3], steps=30, batch_size=16),
        "diverging": grid(SGD, learning_rate=[0.01, 1e20, 0.1, 1e30], epochs=6),
    }[form]
    validation = Holdout(validation=0.2) if form in ("validation", "stopping") else KFold(folds=2)
    parts = {"algorithm": rules, "validation": validation}
    full = etude.run(study(**parts)).record
    found = etude.run(study(**parts, search=Halving(factor=2))).record
    assert any(member.status == "left" for member in found.members)
    for member, other in zip(found.members, full.members, strict=True):
        assert member.curves.tobytes() == other.curves[: member.epochs].tobytes()
        if member.status != "left":
            assert (member.identity, member.status) == (other.identity, other.status)
        elif form == "stopping":
            losses = other.curves[: member.epochs, 1, 0]
            assert member.values["validation"]["loss"] == losses[member.best_epoch - 1]
            assert member.best_epoch <= other.best_epoch or other.best_epoch <= member.epochs


def test_a_store_and_a_grid_that_ran_before_change_nothing(tmp_path, whole_grid, halved, table):
    store = tmp_path / "etude.db"
    first = etude.run(study(search=Halving()), store=store)
    assert table(first.record) == table(halved.record)
    again = etude.run(study(search=Halving()), store=store)
    assert again.record.trained == 0
    assert table(again.record) == table(halved.record)
    with etude.Store.open(store, readonly=True) as opened:
        assert [(one.finished, one.members) for one in opened.studies()] == [(27, 27)]
    # Of those that left some are trained on by a search that lets more of them go on.
    other = etude.run(study(search=Halving(factor=2)), store=store).record
    went_on = sum(
        m.identity not in {n.identity for n in first.record.members} for m in other.members
    )
    assert (other.trained, other.reused) == (went_on, 27 - went_on)
    # The grid trains what the searches left, and finds what they did not.
    grown = etude.run(study(), store=store)
    assert grown.record.reused == 3
    assert table(grown.record) == table(whole_grid.record)
    after = etude.run(study(search=Halving()), store=store)
    assert after.record.trained == 0
    assert table(after.record) == table(halved.record)
    assert after.record.findings["search"] == halved.record.findings["search"]
    with etude.Store.open(store, readonly=True) as opened:
        assert table(opened.load("study")) in (table(halved.record), table(grown.record))


@pytest.mark.slow
def test_a_search_compiles_every_program_once():
    before = population.compilations
    parts = {"algorithm": RATES[:4], "search": Halving(factor=2)}
    result = etude.run(study(**LEARNED | parts))
    assert len(result.record.findings["search"]["rounds"]) == 3
    assert population.compilations - before == 2, "one program of two functions"
    before = population.compilations
    result = etude.run(study(**LEARNED))
    assert len(result.record.findings["search"]["rounds"]) == 3
    assert population.compilations - before == 2


@pytest.mark.parametrize(
    "search",
    [Halving(trials=6, factor=2), RandomSearch(trials=4), Bayesian(trials=5, batch=2, startup=2)],
    ids=str,
)
def test_an_interrupted_search_goes_on_and_ends_the_same(tmp_path, search, table):
    parts = LEARNED | {"search": search}
    undisturbed = etude.run(study(**parts))
    store, said = tmp_path / "etude.db", []
    for stop in (2, 4, 6):
        events = itertools.count(1)

        def watch(event, events=events, stop=stop):
            if next(events) == stop:
                raise KeyboardInterrupt

        try:
            etude.run(study(**parts), store=store, watch=watch, workers=1)
        except Interrupted as error:
            said.append(str(error))
    assert said
    assert all("of the search" in text for text in said)
    resumed = etude.run(study(**parts), store=store)
    assert table(resumed.record) == table(undisturbed.record)
    assert resumed.record.findings["search"] == undisturbed.record.findings["search"]
    assert resumed.record.document == undisturbed.record.document


def test_trials_have_the_bits_of_the_same_choices_in_a_grid(table):
    found = etude.run(study(**LEARNED | {"search": RandomSearch(trials=5)})).record
    drawn = sample(Adam, 5, seed=3, learning_rate=log_uniform(1e-3, 1e-1), epochs=EPOCHS)
    plain = etude.run(study(**LEARNED | {"algorithm": drawn, "search": None})).record
    assert table(found) == table(plain)
    assert [one.document for one in found.choices] == [one.document for one in plain.choices]


def test_a_bayesian_search_proposes_what_optuna_driven_by_hand_does():
    rule = varied(
        Adam, learning_rate=log_uniform(1e-4, 1e-1), beta1=choice([0.5, 0.9]), epochs=EPOCHS
    )
    search = Bayesian(trials=9, batch=3, startup=3)
    record = etude.run(study(**LEARNED | {"algorithm": rule, "search": search})).record
    rounds = record.findings["search"]["rounds"]
    sampler = optuna.samplers.TPESampler(seed=3, n_startup_trials=3, constant_liar=True)
    by_hand = optuna.create_study(sampler=sampler, direction="maximize")
    for one in rounds:
        asked = []
        for number in one["trials"]:
            asked.append(by_hand.ask())
            rate = asked[-1].suggest_float("algorithm.learning_rate", 1e-4, 1e-1, log=True)
            place = asked[-1].suggest_int("algorithm.beta1", 0, 1)
            rule = record.choices[number].document["algorithm"]
            assert rule["learning_rate"] == float(f"{rate:.6g}")
            assert rule["beta1"] == (0.5, 0.9)[place]
        for trial, number in zip(asked, one["trials"], strict=True):
            values = [m.values["test"]["accuracy"] for m in record.members if m.choice == number]
            by_hand.tell(trial, float(np.mean(values)))
    assert len(by_hand.trials) == 9


@pytest.mark.slow
def test_estimators_stand_beside_a_search():
    forest = ScikitLearn(estimator="RandomForestClassifier")
    search = Bayesian(trials=4, batch=2, startup=2)
    beside = {"estimator": forest, "baseline": _name(forest), "search": search}
    result = etude.run(study(**LEARNED | beside))
    assert next(choice.label for choice in result.record.choices) == _name(forest)
    assert {one for r in result.record.findings["search"]["rounds"] for one in r["trials"]} == {
        *range(1, 5)
    }
    assert all(row.rank is not None for row in result.summaries)
    assert len(result.differences[0]) == 4


def _name(forest):
    return study(estimator=forest).choices()[-1].estimator.title


@pytest.fixture(scope="module")
def learned() -> Result:
    return etude.run(study(**LEARNED))


def test_what_an_earlier_run_drew_is_no_part_of_the_study(learned, table):
    assert learned.study is not None
    other = etude.run(learned.study.model_copy(update={"seed": 5}))
    fresh = etude.run(study(**LEARNED, seed=5))
    assert table(other.record) == table(fresh.record) != table(learned.record)
    assert other.record.document == fresh.record.document
    stored = Study.from_document(learned.record.document)
    assert table(etude.run(stored).record) == table(learned.record)


def test_a_record_grows_by_what_is_drawn(learned):
    assert learned.study is not None
    whole = study(**LEARNED)
    first = plan(whole)
    record = study_record(first)
    grown = plan(whole.begun().having(learned.study.drawn[2:]), first.device, first)
    again = grown_record(record, grown)
    assert again == replace(learned.record, **{
        name: getattr(record, name) for name in ("created", "programs", "seconds", "trained",
                                                 "reused", "findings")
    }, members=again.members)  # fmt: skip
    assert [one.identity for one in again.members] == [m.identity for m in learned.record.members]


def test_a_finished_search_that_is_begun_again_and_killed_can_be_read(tmp_path, learned, table):
    path = tmp_path / "etude.db"
    etude.run(study(**LEARNED), store=path)
    with etude.Store.open(path) as store:
        # So far does a run come that is killed after its first batch.
        store.begin(study_record(plan(study(**LEARNED))))
        killed = Result(store.load("study"))
    assert len(killed.record.choices) == 2
    assert "search" in killed.record.findings
    assert "search" not in killed.json()
    again = etude.run(study(**LEARNED), store=path)
    assert (again.record.trained, again.record.reused) == (0, len(learned.record.members))
    assert table(again.record) == table(learned.record)


def test_a_draw_that_cannot_be_trained_is_a_failed_trial_or_told():
    parts = LEARNED | {"model": (Linear(), CNN())}
    result = etude.run(study(**parts))
    refused = result.json()["search"]["refused"]
    assert refused
    assert len(refused) + sum(map(len, _trials(result))) == 6
    assert all("model = 1 cnn" in reason and "cannot be: `model`" in reason for reason in refused)
    for search in (RandomSearch(trials=4), Halving(trials=4)):
        with pytest.raises(InputError, match=r"draws model = 1 cnn, algorithm.* which cannot be"):
            plan(study(**parts | {"search": search}))


def _trials(result):
    return [one["trials"] for one in result.record.findings["search"]["rounds"]]


def test_a_stop_between_two_batches_is_told():
    def stopped(record):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"^stopped after batch 1 \(to trial 2 of 6\) of the s"):
        run(study(**LEARNED), judge=stopped)

    def full(record):
        raise StoreError("no room")

    with pytest.raises(StoreError, match=r"^no room$"):
        run(study(**LEARNED), judge=full)


def test_a_store_that_fails_is_told_once(monkeypatch):
    def save(*arguments):
        raise StoreError("no room")

    monkeypatch.setattr(etude.Store, "save", save)
    with pytest.raises(StoreError, match=r"^no room; 6 of 6 networks are not in the store yet$"):
        run(study(**LEARNED))


def test_a_search_without_rungs_keeps_no_checkpoints_in_memory(monkeypatch):
    def checkpointed(store):
        raise AssertionError

    monkeypatch.setattr(etude.Store, "checkpointed", checkpointed)
    assert etude.run(study(**LEARNED)).record.trained == 6 * 3


def test_time_before_a_rung_counts():
    whole = plan(study(**LEARNED))
    workers = Workers(whole, study_record(whole), None)
    workers._seconds[0] = 1000.0
    workers.train(0, [0, 1])
    arrived = [workers.arrived.get() for _ in range(workers.arrived.qsize())]
    first, second = (item.seconds for item in arrived if isinstance(item, MemberRecord))
    assert first > 1000 > second


def test_what_cannot_be_searched_is_refused():
    many = varied(Adam, beta1=choice([0.5, 0.9]))
    with pytest.raises(InputError, match="`trials` must be at most 2"):
        etude.run(study(algorithm=many, search=RandomSearch(trials=3)))


@pytest.mark.slow
def test_a_random_search_may_be_nested(table):
    validation = Nested(outer=KFold(folds=2), inner=KFold(folds=2))
    parts = LEARNED | {"validation": validation}
    result = etude.run(study(**parts | {"search": RandomSearch(trials=3)}))
    drawn = sample(Adam, 3, seed=3, learning_rate=log_uniform(1e-3, 1e-1), epochs=EPOCHS)
    plain = etude.run(study(**parts | {"algorithm": drawn, "search": None}))
    assert table(result.record) == table(plain.record)
    assert result.estimate_of_best() == plain.estimate_of_best()


@pytest.mark.slow
def test_the_best_of_a_search_is_trained_on_all_rows(tmp_path):
    whole = study(**LEARNED | {"search": RandomSearch(trials=3)})
    result = etude.run(whole, store=tmp_path / "etude.db")
    network = etude.refit(result)
    with etude.Store.open(tmp_path / "etude.db", readonly=True) as opened:
        stored = Result(opened.load("study"))
    again = etude.refit(stored)
    rate = result.best().document["algorithm"]["learning_rate"]
    assert network.document["algorithm"]["learning_rate"] == rate
    assert again.document == network.document


KILLED = """
name = "killed"
[data]
name = "moons"
rows = 300
[model]
name = "mlp"
widths = [32, 32]
[loss]
name = "cross_entropy"
[algorithm]
name = "adam"
learning_rate = { log_uniform = [1e-4, 1e-1] }
epochs = 240
[validation]
name = "kfold"
folds = 4
[search]
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "search",
    ['name = "halving"\ntrials = 12\nfirst = 20', 'name = "bayesian"\ntrials = 8\nstartup = 4'],
)
def test_kill_nine(search: str, table, killed) -> None:
    found = killed(KILLED + search)
    assert table(found[0]) == table(found[1])
    assert found[0].findings["search"] == found[1].findings["search"]
