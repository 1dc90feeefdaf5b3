import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from etude.store import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "etude.db"


@pytest.fixture
def store(path):
    with Store.open(path) as store:
        yield store


def change(path, statement, *values):
    connection = sqlite3.connect(path)
    result = connection.execute(statement, values).fetchall()
    connection.commit()
    connection.close()
    return result


def test_result_is_kept_bit_for_bit(store, study_of, finished, same):
    record = study_of()
    store.begin(record)
    results = [finished(member) for member in record.members]
    results[1] = replace(results[1], status="diverged", diverged_step=17, outputs=None)
    results[2] = replace(results[2], status="failed", reason="memory")
    assert store.save(results) == ()
    for one, other in zip(store.load("sweep", outputs=True).members, results, strict=True):
        assert same(one, other)


def test_same_result_again_is_no_fault(store, path, study_of, finished, same):
    record = study_of()
    store.begin(record)
    results = [finished(member) for member in record.members]
    store.save(results)
    assert store.save([replace(result, seconds=99.0) for result in results]) == ()
    assert same(store.load("sweep", outputs=True).members[0], results[0])
    assert change(path, "SELECT * FROM fault") == []


def test_other_result_is_a_fault_and_no_overwrite(store, path, study_of, finished, same):
    record = study_of()
    store.begin(record)
    results = [finished(member) for member in record.members]
    store.save(results[:2])
    # The third is new: it is kept although a neighbour is a fault.
    other = finished(record.members[1], salt=1)
    assert store.save([results[0], other, results[2]]) == (other.identity,)
    stored = store.load("sweep", outputs=True).members
    assert all(same(one, result) for one, result in zip(stored[:3], results[:3], strict=True))
    [(identity, found, old, new)] = change(
        path, "SELECT member, found, stored_digest, new_digest FROM fault"
    )
    assert identity == other.identity
    assert found.endswith("+00:00")
    assert old != new
    assert old == change(path, "SELECT digest FROM member WHERE identity = ?", identity)[0][0]
    assert store.studies()[0].faults == 1


def test_two_results_in_one_batch_are_compared(store, study_of, finished, same):
    member = study_of().members[0]
    one, other = finished(member), finished(member, salt=1)
    assert store.save([one, one, other]) == (member.identity,)
    np.testing.assert_array_equal(store.outputs([member.identity])[member.identity], one.outputs)


def test_failed_and_running_members_are_overwritten_by_a_result(store, study_of, finished, same):
    record = study_of()
    store.begin(record)
    member = record.members[0]
    for status in ("running", "failed", "pending", "failed"):
        store.save([replace(member, status=status, epochs=1)])
        assert store.load("sweep").members[0].status == status
    result = finished(member)
    store.save([result])
    assert same(store.load("sweep", outputs=True).members[0], result)
    assert store.save([replace(member, status="failed", reason="memory")]) == ()
    assert same(store.load("sweep", outputs=True).members[0], result)


def test_outputs_of_one_member(store, study_of, finished):
    record = study_of()
    store.begin(record)
    store.save([finished(record.members[0]), finished(record.members[1], outputs=None)])
    expected = finished(record.members[0]).outputs
    assert (
        store.outputs([record.members[0].identity])[record.members[0].identity].tobytes()
        == expected.tobytes()
    )
    assert store.outputs([record.members[1].identity])[record.members[1].identity] is None
    assert store.load("sweep").members[0].outputs is None
    with pytest.raises(ValueError, match="no member"):
        store.outputs(["0" * 63])


def test_more_members_than_one_query_names(store, study_of, finished):
    record = study_of(count=1203)
    store.begin(record)
    assert store.save([finished(member) for member in record.members]) == ()
    assert store.studies()[0].finished == 1203
    assert store.save([finished(member, salt=1) for member in record.members[::600]]) == tuple(
        member.identity for member in record.members[::600]
    )


def test_two_newest_checkpoints_are_kept(store, path, study_of):
    record = study_of()
    store.begin(record)
    identity = record.members[0].identity
    assert store.latest_checkpoint(identity) is None
    for epoch in (5, 10, 15):
        store.checkpoint(identity, epoch, bytes([epoch]) * 1000)
    assert store.latest_checkpoint(identity) == (15, bytes([15]) * 1000)
    assert change(path, "SELECT epoch FROM checkpoint ORDER BY epoch") == [(10,), (15,)]


def test_damaged_checkpoint_falls_back_to_the_older(store, path, study_of):
    record = study_of()
    store.begin(record)
    identity = record.members[0].identity
    store.checkpoint(identity, 5, b"five")
    store.checkpoint(identity, 10, b"ten")
    change(path, "UPDATE checkpoint SET blob = x'00' WHERE epoch = 10")
    assert store.latest_checkpoint(identity) == (5, b"five")
    change(path, "UPDATE checkpoint SET hash = 'x' WHERE epoch = 5")
    assert store.latest_checkpoint(identity) is None
    # Trained again with other borders: what was given up is gone.
    store.checkpoint(identity, 4, b"four")
    store.checkpoint(identity, 8, b"eight")
    assert change(path, "SELECT epoch FROM checkpoint ORDER BY epoch") == [(4,), (8,)]
    assert store.latest_checkpoint(identity) == (8, b"eight")


def test_checkpoints_go_when_the_member_is_finished(store, path, study_of, finished):
    record = study_of()
    store.begin(record)
    blobs = {member.identity: (5, b"weights") for member in record.members}
    store.save([], blobs)
    store.save(
        [
            finished(record.members[0]),
            finished(record.members[1], status="diverged"),
            replace(record.members[2], status="failed"),
            replace(record.members[3], status="running"),
        ]
    )
    kept = change(path, "SELECT member FROM checkpoint ORDER BY member")
    assert kept == [(record.members[2].identity,), (record.members[3].identity,)]
    # One that comes late, from another process, is not kept.
    store.checkpoint(record.members[0].identity, 10, b"late")
    assert store.latest_checkpoint(record.members[0].identity) is None


def test_members_and_checkpoints_are_kept_together(store, study_of, finished):
    record = study_of()
    store.begin(record)
    with pytest.raises(ValueError, match="must be begun"):
        store.save([finished(record.members[0])], {"f" * 64: (1, b"weights")})
    assert store.load("sweep").members[0].status == "pending"
