"""Comparisons made of given values, as K-fold cross-validation would give them."""

from typing import Any

import numpy as np

from etude.evidence.comparison import Comparison
from etude.store.records import SplitRecord


def fold_comparison(values: Any, **changes: Any) -> Comparison:
    """A comparison of `[choices, folds]` test values; n_test/n_train is 1/(folds − 1).

    Args:
        values: greater is better.
        changes: fields of `Comparison`; `validation` rows of each split.
    """
    values = np.asarray(values, float)
    choices, folds = values.shape
    validation = changes.pop("validation", 0)
    train = max(60 * (folds - 1), 60) - validation
    fields: dict[str, Any] = {
        "data": 0,
        "choices": np.arange(choices),
        "splits": tuple(SplitRecord(0, i, train, validation, 60, {}) for i in range(folds)),
        "judged": "test",
        "judged_values": values,
        "choosing": "test",
        "choosing_values": values,
        "greater_is_better": True,
    }
    return Comparison(**(fields | changes))
