"""A little text, for what has no meaning for a table."""

from etude.data.base import Data, Prepared
from etude.data.names import prepare_names

NAMES = "ada bob cid dab eda fab abe bea cab dad eba fae a be cade deaf babe"


class SmallText(Data, kind="data"):  # a kind that is given keeps it out of study files
    """17 names of 1 to 4 letters, as tokens: rows with as many targets as they have letters."""

    def prepare(self) -> Prepared:
        """Number the letters."""
        return prepare_names(NAMES.split(), 0)
