"""Bayesian search by tree-structured Parzen estimators (Bergstra et al. 2011, NeurIPS)."""

from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from etude.errors import InputError
from etude.search.base import Proposal, Proposals, Search
from etude.search.space import Parts, Space, is_number
from etude.sweep import Distribution


class Bayesian(Search):
    """Choices proposed where earlier ones went well, by the sampler TPE of Optuna.

    Two densities are fitted to the settings tried so far, ℓ to the better and g to the other ones;
    of several draws from ℓ the one with the greatest ℓ/g is proposed. Trials are asked for in
    batches, those that are still under way counting as bad ones (constant liar), and each batch
    ends before the next is asked for. What is proposed again is not trained again, and what
    cannot be trained, such as a network too deep for its images, counts as a failed trial.

    Attributes:
        trials: how many proposals there are, each trained to the end.
        batch: how many are asked for at a time. Smaller batches know more.
        startup: how many are drawn at random before anything is learned from them.
    """

    trials: Annotated[int, Field(ge=1, le=10_000)] = 40
    batch: Annotated[int, Field(ge=1)] = 4
    startup: Annotated[int, Field(ge=1)] = 10

    def proposals(self, space: Space, count: int, seed: int) -> Proposals:
        """One batch after the other."""
        import optuna

        # What a library logs is for those who call it, and those are we.
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=self.startup, constant_liar=True
        )
        study = optuna.create_study(sampler=sampler, direction="maximize")
        optuna.logging.set_verbosity(verbosity)
        failed = optuna.trial.TrialState.FAIL
        known: dict[Parts, int] = {}
        for start in range(0, self.trials, self.batch):
            before, asked, trials = len(known), [], []
            for _ in range(min(self.batch, self.trials - start)):
                trial = study.ask()
                try:
                    parts = space.draw(partial(_suggested, trial))
                except InputError:
                    study.tell(trial, state=failed)
                    continue
                asked.append(trial)
                trials.append(known.setdefault(parts, len(known)))
            if not trials:
                continue
            told = yield Proposal(tuple(known)[before:], tuple(trials))
            for trial, value in zip(asked, told.values, strict=True):
                if np.isnan(value):
                    study.tell(trial, state=failed)
                else:
                    study.tell(trial, float(value))
        if not known:
            raise InputError(f"none of {self.trials} trials can be trained; {space.refused[0]}")


def _suggested(trial: Any, name: str, values: Distribution) -> Any:
    """What Optuna suggests: numbers in order by their places, others as categories."""
    match values.form:
        case "uniform" | "log_uniform":
            log = values.form == "log_uniform"
            return values.within(trial.suggest_float(name, values.low, values.high, log=log))
        case "int_uniform":
            return trial.suggest_int(name, int(values.low), int(values.high))
    items, places = values.values, range(len(values.values))
    if all(map(is_number, items)) and list(items) in (sorted(items), sorted(items, reverse=True)):
        return items[trial.suggest_int(name, 0, len(items) - 1)]
    return items[trial.suggest_categorical(name, list(places))]
