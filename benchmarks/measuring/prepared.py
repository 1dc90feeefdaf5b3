"""The rows of a study as Étude prepares and splits them, for peers that are to have the same."""

from pathlib import Path
from typing import Any

import numpy as np


def write_rows(study: str, file: Path) -> tuple[Any, int]:
    """Write the rows of a study with one split to a file of NumPy.

    Its arrays: `inputs` and `targets` of all rows; `train` and `test`, numbers of rows; `sample`,
    the training rows that Étude measures beside the test rows after every epoch.

    Args:
        study: the study file's content.
        file: where they go.

    Returns:
        the sizes of the data, and how many rows train.
    """
    from etude.engine.material import judged_rows
    from etude.engine.plan import plan
    from etude.file import parse_study

    material = plan(parse_study(study)).materials[0]
    (split,) = material.splits
    judged = judged_rows(split)
    np.savez(
        file,
        inputs=material.prepared.arrays["inputs"],
        targets=material.prepared.arrays["targets"],
        train=split.train,
        test=split.test,
        sample=np.setdiff1d(judged, split.test),
    )
    return material.prepared.spec, split.train.size
