"""A process that trains as fast as it can write: `python writer.py STORE FIRST COUNT BATCH`."""

import sys
from dataclasses import replace

import numpy as np

from etude.store import MemberRecord, Store, StudyRecord


def study(first, count):
    return StudyRecord(
        identity=f"{first:064x}",
        name=f"from {first}",
        created="2026-01-01T00:00:00+00:00",
        document={},
        text="",
        choices=(),
        splits=(),
        metric="loss",
        greater_is_better=False,
        metrics=("loss",),
        judged="test",
        profile={},
        members=tuple(
            MemberRecord(identity=f"{i:064x}", choice=i, split=0, seed=0)
            for i in range(first, first + count)
        ),
    )


def trained(member):
    random = np.random.default_rng(member.choice)
    return replace(
        member,
        status="done",
        values={"test": {"loss": random.random()}},
        curves=random.random((20, 3, 1), dtype=np.float32),
        outputs=random.random((360, 10), dtype=np.float32),
    )


def main(path, first, count, batch):
    with Store.open(path) as store:
        members = store.begin(study(first, count)).members
        left = [member for member in members if member.status != "done"]
        for start in range(0, len(left), batch):
            some = left[start : start + batch]
            assert store.save([trained(member) for member in some]) == ()
            print(len(some), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
