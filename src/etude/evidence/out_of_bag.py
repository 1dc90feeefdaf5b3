"""The .632 estimate beside the out-of-bag values of a bootstrap.

A network of a bootstrap has seen 63.2 % of the rows, so its value on the others is rather worse
than that of a network trained on all rows; its value on the rows it was trained on is far better.
Efron's estimate (1983, "Estimating the error rate of a prediction rule: improvement on
cross-validation") weighs one against the other:

    0.632 · out of bag + 0.368 · training rows,   0.632 = 1 − 1/e.

Networks that fit their training rows perfectly make it **optimistic**: where nothing can be
learned and every training row is remembered it says .5 · .632 = .316 of a coin's error of .5
(Efron and Tibshirani 1997). It has no standard error here, and nothing is decided by it.
"""

import math

import numpy as np

from etude.evidence.comparison import Comparison, split_values
from etude.store.records import StudyRecord

SHARE = 1 - 1 / math.e
"""Of the rows, those that a bootstrap draws on average."""


def point_632(record: StudyRecord, comparison: Comparison) -> dict[int, float]:
    """Choice -> its .632 estimate; {} where the rows were not drawn by a bootstrap.

    The training values are those of the networks of the bootstrap, each on the rows that it was
    trained on (a sample of them, weighted as often as they were drawn). Of a metric that is no
    mean over rows, such as RMSE, it is the values that are weighed. A choice with a network that
    diverged, or has no value, has none.
    """
    if (record.document.get("validation") or {}).get("name") != "bootstrap":
        return {}
    values = {
        role: split_values(record, comparison.choices, comparison.splits, role).mean(axis=1)
        for role in ("train", "test")
    }
    weighed = SHARE * values["test"] + (1 - SHARE) * values["train"]
    # The trivial predictor, with which these count elsewhere, learns nothing by heart.
    diverged = {member.choice for member in record.members if member.status == "diverged"}
    return {
        int(choice): float(value)
        for choice, value in zip(comparison.choices, weighed, strict=True)
        if np.isfinite(value) and choice not in diverged
    }
