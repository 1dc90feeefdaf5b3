"""Members that a search left: kept under identities of their own, beside finished ones."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from etude.store import Store
from etude.store.identity import left_identity
from etude.store.records import MemberRecord

FULL = "a" * 64
OLD = Path(__file__).with_name("version_1.db")


def left(epochs: int = 3) -> MemberRecord:
    curves = np.arange(epochs * 3, dtype=np.float32).reshape(epochs, 3, 1)
    identity = left_identity(FULL, epochs)
    return MemberRecord(identity, 0, 0, 0, "left", epochs=epochs, steps=9, curves=curves)


def test_what_left_is_found_and_its_checkpoints_are_dropped():
    with Store.open() as store:
        store.save([MemberRecord(FULL, 0, 0, 0)], {FULL: (9, b"where it stood")})
        assert store.latest_checkpoint(FULL) == (9, b"where it stood")
        assert store.leave({FULL: left()}) == ()
        assert store.latest_checkpoint(FULL) is None
        found = store.ended([FULL, left().identity, left_identity(FULL, 9)])
        assert list(found) == [left().identity]
        assert found[left().identity].curves.tobytes() == left().curves.tobytes()
        assert store.leave({FULL: replace(left(), seconds=5.0)}) == (), "the time is no result"
        assert store.leave({FULL: replace(left(), steps=8)}) == (left().identity,)


def test_checkpoints_beyond_the_rung_stay_for_the_study_that_goes_on():
    with Store.open() as store:
        store.save([MemberRecord(FULL, 0, 0, 0)], {FULL: (9, b"at the rung")})
        store.save([], {FULL: (20, b"of a grid")})
        store.leave({FULL: left()})
        assert store.latest_checkpoint(FULL) == (20, b"of a grid")
        store.leave({FULL: replace(left(), identity="c" * 64, steps=20)})
        assert store.checkpointed() == frozenset()


def test_an_identity_tells_member_and_epoch():
    assert len({left_identity(FULL, 3), left_identity(FULL, 9), left_identity("b" * 64, 3)}) == 3


@pytest.mark.parametrize("source", ["old", "new"])
def test_stores_of_every_version_take_it(tmp_path, source):
    path = tmp_path / "etude.db"
    if source == "old":
        path.write_bytes(OLD.read_bytes())
    with Store.open(path) as store:
        store.leave({FULL: left()})
        assert store.ended([left().identity])[left().identity].status == "left"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            connection.execute("UPDATE member SET status = 'lost'")
    connection.close()
