"""When training ends before its budget is used."""

from typing import Annotated

from pydantic import Field

from etude.component import Component, Traced


class Stopping(Component, kind="stopping"):
    """Watches the loss on the validation rows at the end of each epoch."""

    patience: Annotated[Traced, Field(ge=1)] = 10.0
    min_delta: Annotated[Traced, Field(ge=0)] = 0.0


class EarlyStopping(Stopping):
    """Ends training when the validation loss has not improved for `patience` epochs.

    An epoch improves when its loss is below the best one by more than `min_delta`. The weights
    of the best epoch are restored (Prechelt, "Early Stopping — But When?", 1998).

    Attributes:
        patience: epochs to wait for an improvement.
        min_delta: what counts as one.
    """
