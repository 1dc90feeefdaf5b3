"""The stored outputs of members, for what is found from them when a study has ended."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from etude.store.records import MemberRecord
from etude.store.store import Store

AT_ONCE = 100
"""The outputs of so many members are in memory at once."""


def with_outputs(
    members: Iterable[MemberRecord], store: Store
) -> Iterator[tuple[MemberRecord, np.ndarray | None]]:
    """Members with their outputs, which are read a few at a time."""
    members = iter(members)
    while some := list(itertools.islice(members, AT_ONCE)):
        stored = store.outputs([m.identity for m in some if m.outputs is None])
        for member in some:
            yield member, stored.get(member.identity, member.outputs)
