"""What every row is told."""

from pathlib import Path
from typing import NamedTuple

from measuring.rounds import Tell


class Options(NamedTuple):
    """How a row is measured.

    Attributes:
        repeats: rounds.
        quick: small sizes, which show that the scripts work and nothing else.
        folder: an empty folder for its files.
        tell: called with what is going on.
        pictures: a folder for pictures.
    """

    repeats: int
    quick: bool
    folder: Path
    tell: Tell
    pictures: Path
