"""How two runs of a study are compared."""

from collections.abc import Callable

import pytest

from etude.store.records import StudyRecord

Table = Callable[[StudyRecord], list[tuple[object, ...]]]


@pytest.fixture(scope="session")
def table() -> Table:
    """Everything of the members that is a result, bit for bit."""

    def told(record: StudyRecord) -> list[tuple[object, ...]]:
        return [
            (
                *(member.identity, member.choice, member.split, member.seed, member.status),
                *(member.epochs, member.steps, member.best_epoch, member.diverged_step),
                *(repr(member.values), member.curves.shape, member.curves.tobytes()),
            )
            for member in record.members
        ]

    return told
