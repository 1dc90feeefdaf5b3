"""Shared by the learners: where they train, and what it means to be the same.

Their components name their `kind` themselves, which keeps them out of the registry: study files
and the tests of the registry know our components alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from etude.engine.device import Device, current_device
from etude.store.records import MemberRecord, StudyRecord

__all__ = ["assert_same_bits", "device"]


@pytest.fixture
def device() -> Callable[..., Device]:
    """A device by the number W of members side by side, and by workers."""

    def at(width: int = 1, workers: int = 2) -> Device:
        return replace(current_device(workers), fixed_width=width)

    return at


@pytest.fixture
def assert_same_bits() -> Callable[[StudyRecord, StudyRecord], None]:
    """Every member of the first record is in the second one, with the same bits."""

    def check(first: StudyRecord, second: StudyRecord) -> None:
        others = {member.identity: member for member in second.members}
        assert first.members
        for member in first.members:
            other = others[member.identity]
            assert (member.status, member.steps) == ("done", other.steps)
            assert list(_bits(member)) == list(_bits(other))

    return check


def _bits(member: MemberRecord) -> Iterable[bytes]:
    for array in (member.curves, member.outputs):
        assert array is not None
        yield np.ascontiguousarray(array).tobytes()
