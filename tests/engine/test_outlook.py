"""What `etude check` tells of a search, against what the search then takes."""

import json

import pytest
from typer.testing import CliRunner

import etude
from etude.algorithm import SGD, Adam
from etude.data import Blobs
from etude.domain import varied
from etude.engine.outlook import outlook, waiting_bytes
from etude.loss import CrossEntropy
from etude.model import Linear
from etude.search import Bayesian, Halving, RandomSearch
from etude.study import Study
from etude.sweep import choice, grid, int_uniform, log_range, log_uniform
from etude.validation import KFold

RATES = grid(SGD, learning_rate=log_range(1e-3, 1.0, 9), epochs=4)
RULE = varied(Adam, learning_rate=log_uniform(1e-3, 1.0), epochs=4)


def study(algorithm, search, **parts):
    return Study(
        **{"data": Blobs(rows=60), "model": Linear(), "loss": CrossEntropy()} | parts,
        algorithm=algorithm,
        validation=KFold(folds=2),
        search=search,
    )


@pytest.mark.parametrize(
    ("algorithm", "search", "trials", "rounds"),
    [
        (RATES, Halving(), 9, ((9, 1), (3, 3), (1, 0))),
        (RATES, Bayesian(trials=4, batch=2, startup=4), 4, ((2, 0), (2, 0))),
        (RULE, RandomSearch(trials=5), 5, ((5, 0),)),
        (RULE, Halving(trials=4, first=2, factor=2), 4, ((4, 2), (2, 0))),
    ],
    ids=["halving", "bayesian", "random", "drawn"],
)
def test_it_comes_to_what_it_takes(algorithm, search, trials, rounds):
    whole = study(algorithm, search)
    told = outlook(etude.plan(whole))
    assert told is not None
    assert (told.trials, told.rounds) == (trials, rounds)
    found = etude.run(whole).record.findings["search"]
    assert found["steps"] <= told.steps
    if not isinstance(search, Bayesian):  # which may propose a trial again
        assert found["steps"] == told.steps
    assert found["steps_of_the_grid"] == told.steps_of_the_grid


def test_steps_at_most_are_those_of_the_largest_budget():
    rule = varied(Adam, epochs=int_uniform(2, 9), batch_size=choice([5, 10]))
    told = outlook(etude.plan(study(rule, RandomSearch(trials=3))))
    assert told is not None
    # 30 rows to train on: 6 batches of 5, 9 epochs, 2 splits.
    assert told.steps == 3 * 6 * 9 * 2
    assert told.steps_of_the_grid is None


def test_a_study_without_a_search_has_none():
    assert outlook(etude.plan(study(RATES, None))) is None


def test_check_tells_it(tmp_path):
    from etude.cli import app

    file = tmp_path / "study.toml"
    file.write_text(
        'data = { name = "iris" }\nmodel = { name = "linear" }\n'
        'loss = { name = "cross_entropy" }\n'
        'algorithm = { name = "sgd", learning_rate = { grid = [0.1, 0.2, 0.3] }, epochs = 5 }\n'
        'search = { name = "halving" }\n'
    )
    text = CliRunner().invoke(app, ["check", str(file)]).output
    assert "search halving: 3 trials, 3, 1 of them to epochs 1, the end; at most 140 " in text
    assert "47 % of the 300 of all combinations" in text
    told = json.loads(CliRunner().invoke(app, ["check", str(file), "--json"]).output)["search"]
    assert told == {
        "name": "halving",
        "trials": 3,
        "rounds": [{"choices": 3, "epochs": 1}, {"choices": 1, "epochs": None}],
        "steps_at_most": 140,
        "steps_of_the_grid": 300,
        "waiting_bytes": waiting_bytes(etude.plan(etude.read_study(file))),
        "outer_splits": 0,
    }
    assert "networks that wait take up to 1 MiB" in text
