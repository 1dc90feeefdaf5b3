"""Against the sampler driven by hand; that it runs with programs is tested with the engine."""

import logging

import numpy as np
import optuna
import pytest

from etude.algorithm import SGD, Adam
from etude.domain import varied
from etude.errors import InputError
from etude.search import Bayesian
from etude.search.base import Told
from etude.search.space import Space
from etude.study import taken_apart
from etude.sweep import choice, grid, int_uniform, log_range, log_uniform, uniform


def space(*rules):
    parts, domains = taken_apart({"algorithm": rules})
    return Space({"algorithm": parts.get("algorithm", rules)}, domains)


def value_of(rule) -> float:
    return -((np.log10(rule.learning_rate) + 2) ** 2)


def searched(search, where, value=value_of, seed=0):
    """Every trial's number and rule, in order."""
    proposals, drawn, found = search.proposals(where, 0, seed), [], []
    proposal = next(proposals)
    while True:
        drawn += [parts[0] for parts in proposal.drawn]
        found += [(trial, drawn[trial]) for trial in proposal.trials]
        told = np.array([value(drawn[trial]) for trial in proposal.trials])
        try:
            proposal = proposals.send(Told(told, True))
        except StopIteration:
            return found


def test_it_proposes_what_the_sampler_does():
    fields = {
        "learning_rate": log_uniform(1e-4, 1.0),
        "beta1": uniform(0.5, 0.9),
        "epochs": int_uniform(2, 9),
        "batch_size": choice([16, 32, 64]),
    }
    found = searched(Bayesian(trials=20, batch=4, startup=5), space(varied(Adam, **fields)), seed=5)
    sampler = optuna.samplers.TPESampler(seed=5, n_startup_trials=5, constant_liar=True)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    place = iter(found)
    for _ in range(5):
        asked = []
        for _ in range(4):
            trial = study.ask()
            rule = Adam(
                batch_size=[16, 32, 64][trial.suggest_int("algorithm.batch_size", 0, 2)],
                epochs=trial.suggest_int("algorithm.epochs", 2, 9),
                learning_rate=float(
                    f"{trial.suggest_float('algorithm.learning_rate', 1e-4, 1.0, log=True):.6g}"
                ),
                beta1=float(f"{trial.suggest_float('algorithm.beta1', 0.5, 0.9):.6g}"),
            )
            assert next(place)[1] == rule
            asked.append((trial, rule))
        for trial, rule in asked:
            study.tell(trial, value_of(rule))


def test_what_is_proposed_again_is_the_trial_that_is_there():
    found = searched(Bayesian(trials=16, startup=4), space(*grid(SGD, learning_rate=[0.1, 0.01])))
    assert len(found) == 16
    assert len({rule for _, rule in found}) == len({trial for trial, _ in found}) == 2


def test_it_learns_where_good_settings_lie():
    where = space(*grid(SGD, learning_rate=log_range(1e-6, 1e2, 81)))
    found = [rule for _, rule in searched(Bayesian(trials=40, batch=2, startup=8), where)]
    late = [abs(np.log10(rule.learning_rate) + 2) for rule in found[20:]]
    # Drawn at random from 1e-6 to 1e2 half of them lie farther than two decades from the best.
    assert np.median(late) < 1


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_trials_without_a_value_do_not_stop_it(value):
    where = space(varied(SGD, learning_rate=log_uniform(1e-3, 1.0)))
    found = searched(
        Bayesian(trials=12, batch=3, startup=3),
        where,
        lambda rule: value if rule.learning_rate > 0.1 else 1.0,
    )
    assert len(found) == 12


def test_what_cannot_be_trained_is_a_failed_trial():
    whole = space(varied(SGD, learning_rate=log_uniform(1e-3, 1.0)))

    def check(parts):
        if parts[0].learning_rate > 0.1:
            raise InputError("too fast")

    where = whole.checked(check)
    found = searched(Bayesian(trials=20, batch=3, startup=3), where)
    assert all(rule.learning_rate <= 0.1 for _, rule in found)
    assert 0 < len(where.refused) == 20 - len(found)
    assert all(reason.endswith("which cannot be: too fast") for reason in where.refused)

    def never(parts):
        raise InputError("no room")

    with pytest.raises(InputError, match=r"none of 4 trials can be trained; .*: no room"):
        searched(Bayesian(trials=4, batch=2), whole.checked(never))


def test_it_says_nothing_and_leaves_the_users_logging_alone(capsys):
    before = optuna.logging.get_verbosity()
    searched(Bayesian(trials=4, batch=2), space(varied(SGD, learning_rate=uniform(0.1, 0.2))))
    assert optuna.logging.get_verbosity() == before
    said = capsys.readouterr()
    assert said.out == said.err == ""
    assert logging.getLogger("optuna").handlers
