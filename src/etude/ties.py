"""Values that differ by rounding alone are equal."""

import numpy as np

TIE = 1e-6
"""Values that differ by less than this share of their size differ by rounding alone.

Networks are measured in single precision (2⁻²⁴ ≈ 6e-8), others in double: the same accuracy comes
out up to some 1e-7 apart, equally on every split, which a test would take for a sure effect. One
more row right among fewer than a million is a greater difference.
"""


def first_of_best(scores: np.ndarray) -> np.ndarray:
    """Along the first axis the place of the greatest; the first one where several tie.

    Example:
        >>> int(first_of_best(np.array([0.5, 0.9, 0.9 + 1e-9])))
        1
    """
    best = scores.max(axis=0)
    return np.asarray((scores >= best - TIE * np.abs(best)).argmax(axis=0))
