"""Searches inside of nested validation: each decides by its own inner splits alone."""

import itertools

import numpy as np
import optuna
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold as PeerKFold

import etude
from etude.algorithm import Adam
from etude.algorithm.schedule import Cosine
from etude.algorithm.stopping import EarlyStopping
from etude.data import Iris, Table
from etude.domain import varied
from etude.engine import population
from etude.engine.outlook import outlook
from etude.estimator import ScikitLearn
from etude.evidence.result import Result
from etude.evidence.verdict import verdict
from etude.execution.run import Interrupted
from etude.loss import CrossEntropy
from etude.model import MLP
from etude.search import Bayesian, Halving
from etude.study import Study
from etude.sweep import grid, log_range, log_uniform
from etude.validation import KFold, Nested

RATES = grid(Adam, learning_rate=log_range(1e-3, 1e-1, 6), epochs=10, schedule=Cosine())
NESTED = Nested(outer=KFold(folds=3), inner=KFold(folds=2))
DRAWN = varied(Adam, learning_rate=log_uniform(1e-4, 1e-1), epochs=10, schedule=Cosine())
"""Of the program of those of the grid."""


def study(**parts):
    whole = {
        "data": Iris(),
        "model": MLP(widths=(8,)),
        "loss": CrossEntropy(),
        "algorithm": RATES,
        "validation": NESTED,
        "seed": 3,
    }
    return Study(**(whole | parts))


@pytest.fixture(scope="module")
def plain() -> Result:
    return etude.run(study())


@pytest.fixture(scope="module")
def halved() -> Result:
    return etude.run(study(search=Halving()))


def searches(result: Result) -> list[dict]:
    return result.record.findings["search"]["searches"]


def test_where_nothing_leaves_it_is_the_plain_nested_grid(plain):
    found = etude.run(study(search=Halving(first=10)))
    ours, theirs = found.estimate_of_best(), plain.estimate_of_best()
    assert (ours.chosen, ours.mean, ours.stderr) == (theirs.chosen, theirs.mean, theirs.stderr)
    assert ours.interval == theirs.interval
    known = {member.identity: member for member in plain.record.members}
    outer_and_inner = [member for member in found.record.members if member.split < 9]
    assert len(outer_and_inner) == 3 + 6 * 6
    for member in outer_and_inner:
        assert member.curves.tobytes() == known[member.identity].curves.tobytes()


def test_each_search_decides_as_by_hand_from_the_curves_of_the_plain_grid(plain, halved):
    record = plain.record
    column = record.metrics.index("accuracy")
    curve = {(m.choice, m.split): m.curves[:, 1, column].astype(float) for m in record.members}
    for outer, one in enumerate(searches(halved)[:3]):
        inner = [split.split for split in record.splits if split.chooses_for == outer]
        left = list(range(6))
        for told, (rung, epochs) in zip(one["rounds"], [(1, 1), (3, 3), (10, 0)], strict=True):
            means = [np.mean([curve[c, s][rung - 1] for s in inner]) for c in left]
            assert (told["epochs"], told["trials"]) == (epochs, left)
            np.testing.assert_allclose(told["values"], means)
            best = sorted(range(len(left)), key=lambda n: (-means[n], n))
            left = sorted(left[n] for n in best[: -(-len(left) // 3)])
        assert one["for"] == outer
        assert [one["chosen"]] == left
    judged = [record.members[one["chosen"] * 9 + k] for k, one in enumerate(searches(halved)[:3])]
    values = [member.values["test"]["accuracy"] for member in judged]
    best = halved.estimate_of_best()
    assert best.mean == pytest.approx(np.mean(values))
    # Nadeau and Bengio: test rows for each training row 50/100.
    assert best.stderr == pytest.approx(np.sqrt(np.var(values, ddof=1) * (1 / 3 + 1 / 2)))


@pytest.mark.slow
def test_all_rows_choose_what_is_handed_over(halved, tmp_path):
    record, last = halved.record, searches(halved)[-1]
    assert last["for"] is None
    whole = etude.plan(halved.study)
    rows = [split for split in whole.materials[0].splits if split.chooses_for == 3]
    dealt = PeerKFold(2, shuffle=True, random_state=3).split(np.zeros((150, 1)))
    for split, (train, held) in zip(rows, dealt, strict=True):
        assert sorted(split.train) == sorted(train)
        assert sorted(split.validation) == sorted(held)
        assert split.test.size == 0
    values = {
        trial: np.mean(
            [
                member.values["validation"]["accuracy"]
                for member in record.members
                if member.choice == trial and member.split in (9, 10)
            ]
        )
        for trial in last["rounds"][-1]["trials"]
    }
    assert last["chosen"] == max(values, key=values.get)
    best = halved.best()
    assert best.choice == last["chosen"]
    assert halved.nested_search.final.choosing_value == pytest.approx(values[best.choice])
    assert etude.refit(halved).document == best.document


@pytest.mark.parametrize(
    ("search", "algorithm"),
    [(Halving(), RATES), (Bayesian(trials=6, batch=2, startup=2), DRAWN)],
    ids=["halving", "bayesian"],
)
def test_test_rows_of_an_outer_split_have_no_say_in_what_is_chosen_there(search, algorithm):
    X, y = load_iris(return_X_y=True)
    parts = {"search": search, "algorithm": algorithm}
    honest = etude.run(study(data=Table.from_arrays(X, y, task="classes"), **parts))
    test = etude.plan(honest.study).materials[0].splits[1].test
    nonsense, labels = X.copy(), y.copy()
    nonsense[test] = np.random.default_rng(0).normal(50, 100, X[test].shape)
    labels[test] = (y[test] + 1) % 3
    found = etude.run(study(data=Table.from_arrays(nonsense, labels, task="classes"), **parts))
    told = []
    for result in (honest, found):
        name = [choice.document["algorithm"]["learning_rate"] for choice in result.record.choices]
        one = searches(result)[1]
        rounds = [([name[t] for t in r["trials"]], r["values"]) for r in one["rounds"]]
        told.append((rounds, name[one["chosen"]]))
    assert told[0] == told[1]
    values = [[r["values"] for r in searches(result)[0]["rounds"]] for result in (honest, found)]
    assert values[0] != values[1], "those rows are seen by the other outer splits"


@pytest.mark.slow
def test_every_search_proposes_what_optuna_driven_by_hand_does():
    search = Bayesian(trials=6, batch=3, startup=3)
    record = etude.run(study(algorithm=DRAWN, search=search)).record
    for one in record.findings["search"]["searches"]:
        outer = 3 if one["for"] is None else one["for"]
        inner = {split.split for split in record.splits if split.chooses_for == outer}
        sampler = optuna.samplers.TPESampler(seed=3, n_startup_trials=3, constant_liar=True)
        by_hand = optuna.create_study(sampler=sampler, direction="maximize")
        for told in one["rounds"]:
            asked = []
            for number in told["trials"]:
                asked.append(by_hand.ask())
                rate = asked[-1].suggest_float("algorithm.learning_rate", 1e-4, 1e-1, log=True)
                document = record.choices[number].document["algorithm"]
                assert document["learning_rate"] == float(f"{rate:.6g}")
            for trial, number in zip(asked, told["trials"], strict=True):
                values = [
                    member.values["validation"]["accuracy"]
                    for member in record.members
                    if member.choice == number and member.split in inner
                ]
                assert len(values) == 2
                by_hand.tell(trial, float(np.mean(values)))


@pytest.mark.slow
def test_a_store_and_a_nested_grid_that_ran_before_change_nothing(tmp_path, plain, halved, table):
    store = tmp_path / "etude.db"
    etude.run(study(), store=store)
    first = etude.run(study(search=Halving()), store=store)
    # Of 6 choices on 9 splits nothing is new, and the splits of all rows are.
    assert first.record.trained == 2 * 6
    assert table(first.record) == table(halved.record)
    assert searches(first) == searches(halved)
    again = etude.run(study(search=Halving()), store=store)
    assert again.record.trained == 0
    assert table(again.record) == table(halved.record)
    with etude.Store.open(store, readonly=True) as opened:
        stored = Result(opened.load(first.record.identity))
    assert table(stored.record) == table(halved.record)
    assert stored.json() | {"seconds": 0} == again.json() | {"seconds": 0}
    assert verdict(stored) == verdict(again)
    assert str(stored.table()) == str(again.table())


def test_all_searches_share_one_program():
    before = population.compilations
    search = Bayesian(trials=4, batch=2, startup=2)
    etude.run(study(algorithm=DRAWN, search=search))
    assert population.compilations - before == 2, "one program of two functions"


@pytest.mark.slow
@pytest.mark.parametrize(
    "search",
    [Halving(trials=5, factor=2), Bayesian(trials=4, batch=2, startup=2)],
    ids=["halving", "bayesian"],
)
def test_an_interrupted_search_goes_on_and_ends_the_same(tmp_path, search, table):
    parts = {"algorithm": DRAWN, "search": search}
    undisturbed = etude.run(study(**parts))
    store, said = tmp_path / "etude.db", []
    for stop in (3, 6, 9):
        events = itertools.count(1)

        def watch(event, events=events, stop=stop):
            if next(events) == stop:
                raise KeyboardInterrupt

        try:
            etude.run(study(**parts), store=store, watch=watch, workers=1)
        except Interrupted as error:
            said.append(str(error))
            with etude.Store.open(store, readonly=True) as opened:
                stopped = Result(opened.load("study"))
            assert stopped.nested_search is None
            assert stopped.json()["best"] is None
            assert "search" not in stopped.json()
    assert said
    resumed = etude.run(study(**parts), store=store)
    assert table(resumed.record) == table(undisturbed.record)
    assert searches(resumed) == searches(undisturbed)


def test_check_tells_what_it_comes_to(halved):
    told = outlook(etude.plan(study(search=Halving())))
    assert told.steps == halved.record.findings["search"]["steps"]
    assert "in each of 3 outer splits and for all rows: 6 trials" in str(told)
    # 100 training rows are 4 batches of 32, 50 and 75 rows are 2 and 3.
    search = 6 * 1 + 2 * 2 + 1 * 7
    assert told.steps == (6 * 2 + 2 * 3) * search + 3 * 4 * 10


def test_what_was_chosen_where_is_told(halved, tmp_path):
    told = halved.json()
    assert told["best"] == halved.best().label
    nested = told["search"]["nested"]
    assert [one["split"] for one in nested] == [0, 1, 2, None]
    values = [one["test_value"] for one in nested]
    assert values[-1] is None
    assert np.mean(values[:3]) == pytest.approx(told["estimate_of_best"]["mean"])
    assert told["estimate_of_best"]["method"].startswith("chosen by a halving search of its own")
    assert all(row["rank"] is None for row in told["choices"])
    assert "No ranks: not all choices were trained on all splits." in str(halved.table())
    sentences = verdict(halved)
    assert "was chosen by the same search on inner splits of all rows" in sentences[0]
    assert sentences[1].startswith("Choosing like this is worth ")
    assert f"Outer split 1 chose {nested[0]['chosen']} (accuracy " in sentences[2]
    text = etude.report(halved, tmp_path / "nested.html").read_text("utf-8")
    assert "What each outer split chose" in text
    assert "Every outer split had a search of its own" in text
    assert "Choices are ranked by their mean on the rows" not in text


@pytest.mark.slow
def test_estimators_stand_beside_the_searches():
    tree = ScikitLearn(estimator="DecisionTreeClassifier")
    slow = grid(Adam, learning_rate=[1e-6, 2e-6], epochs=2)
    result = etude.run(study(algorithm=slow, estimator=tree, search=Halving(factor=2)))
    best = result.estimate_of_best()
    assert best.chosen == (2, 2, 2)
    values = [m.values["test"]["accuracy"] for m in result.record.members
              if m.choice == 2 and m.split < 3]  # fmt: skip
    assert best.mean == pytest.approx(np.mean(values))
    assert result.best().choice == 2


@pytest.mark.slow
def test_early_stopping_and_seeds():
    rules = grid(Adam, learning_rate=[0.003, 0.03, 0.1], epochs=8,
                 stopping=EarlyStopping(patience=2, min_delta=0.02))  # fmt: skip
    validation = Nested(outer=KFold(folds=2, validation=0.2), inner=KFold(folds=2))
    parts = {"algorithm": rules, "validation": validation, "seeds": 2}
    result = etude.run(study(**parts, search=Halving(factor=3, first=2)))
    assert all(one["chosen"] is not None for one in searches(result))
    best = result.estimate_of_best()
    judged = [
        np.mean([m.values["test"]["accuracy"] for m in result.record.members
                 if (m.choice, m.split) == (choice, split)])
        for split, choice in enumerate(best.chosen)
    ]  # fmt: skip
    assert best.mean == pytest.approx(np.mean(judged))
    assert etude.refit(result).document == result.best().document


@pytest.mark.slow
def test_networks_that_diverge_count_as_the_trivial_predictor():
    rules = grid(Adam, learning_rate=[1e30, 1e31], epochs=3)
    result = etude.run(study(algorithm=rules, search=Halving(factor=2)))
    assert {member.status for member in result.record.members} == {"diverged"}
    trivial = [split.trivial["test"]["accuracy"] for split in result.record.splits[:3]]
    assert result.estimate_of_best().mean == pytest.approx(np.mean(trivial))


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
epochs = 90
[validation]
name = "nested"
outer = { name = "kfold", folds = 3 }
inner = { name = "kfold", folds = 2 }
[search]
name = "halving"
trials = 9
first = 10
"""


@pytest.mark.slow
def test_kill_nine(table, killed) -> None:
    found = killed(KILLED)
    assert table(found[0]) == table(found[1])
    assert found[0].findings["search"] == found[1].findings["search"]
