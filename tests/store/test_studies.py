import sqlite3
from dataclasses import replace

import pytest

from etude.errors import InputError
from etude.store import Store, encoding


@pytest.fixture
def store():
    with Store.open() as store:
        yield store


def test_study_comes_back(store, study_of, same):
    record = study_of()
    assert same(store.begin(record), record)
    assert same(store.load("sweep"), record)
    run = replace(
        record,
        programs=({"members": 4, "width": 8, "compile": 1.25},),
        seconds={"compile": 1.25, "run": 0.5, "total": 1.75},
        trained=4,
        reused=0,
    )
    store.finish(run)
    assert same(store.load("sweep"), run)


def test_study_must_be_begun_before_it_is_finished(store, study_of):
    with pytest.raises(ValueError, match="must be begun"):
        store.finish(study_of())
    with pytest.raises(ValueError, match="must be begun"):
        store.note(study_of().identity, {"canary": 0})


def test_findings_come_back(store, study_of, same):
    record = study_of()
    assert store.begin(record).findings == {}
    store.note(record.identity, {"canary": {"loss": 0.1}, "gain": float("nan")})
    assert store.load("sweep").findings == {"canary": {"loss": 0.1}, "gain": None}
    store.note(record.identity, {"gain": 2, "η": ["😀"]})
    found = {"canary": {"loss": 0.1}, "gain": 2, "η": ["😀"]}
    assert store.begin(record).findings == found
    # A run knows them from its beginning; what it leaves is what it says.
    store.finish(replace(record, findings={"gain": 3}))
    assert same(store.load("sweep"), replace(record, findings={"gain": 3}))


def test_moved_member_is_damage(study_of, tmp_path):
    path = tmp_path / "etude.db"
    with Store.open(path) as store:
        store.begin(study_of())
        for change in ("choice = 1", "split = 7", "seed = 0", f"member = '{3:064x}'"):
            connection = sqlite3.connect(path)
            connection.execute(f"UPDATE study_member SET {change} WHERE place = 0")
            connection.commit()
            connection.close()
            with pytest.raises(InputError, match="study 'sweep' is damaged"):
                store.load("sweep")
            store.begin(study_of())
            store.load("sweep")


def test_second_run_finds_the_results_of_the_first(store, study_of, finished, same):
    record = study_of()
    store.begin(record)
    store.finish(replace(record, trained=3))
    results = [finished(member) for member in record.members[:3]]
    store.save(results)
    again = store.begin(replace(record, created="2027-01-01T00:00:00+00:00"), outputs=True)
    assert again.created == record.created
    assert all(same(one, other) for one, other in zip(again.members[:3], results, strict=True))
    assert again.members[3].status == "pending"
    assert store.begin(record).members[0].outputs is None
    assert store.load("sweep").trained == 3
    assert len(store.studies()) == 1


def test_extended_study_reuses_members_at_other_places(store, study_of, finished, same):
    small = study_of(count=4, first=2)
    store.begin(small)
    store.save([finished(member) for member in small.members])
    large = study_of(count=8, first=0)
    begun = store.begin(large, outputs=True)
    assert [member.status for member in begun.members] == (
        ["pending"] * 2 + ["done"] * 4 + ["pending"] * 2
    )
    # The place is the new study's, the result the old one's.
    assert same(begun.members[2], finished(large.members[2]))
    assert store.load(small.identity).members[0].choice == small.members[0].choice == 0
    assert begun.members[2].choice == 1


def test_other_profile_trains_again_and_keeps_the_old_members(store, study_of, finished):
    old = study_of(first=0, identity="a" * 64)
    store.begin(old)
    store.save([finished(member) for member in old.members])
    new = study_of(first=100, identity="a" * 64)
    assert {member.status for member in store.begin(new).members} == {"pending"}
    assert {member.status for member in store.begin(old).members} == {"done"}


def test_newest_of_equal_names(store, study_of):
    old = study_of(count=2, created="2026-01-01T00:00:00+00:00")
    new = study_of(count=4, created="2026-03-01T00:00:00+00:00")
    tie = study_of(count=6, created="2026-03-01T00:00:00+00:00")
    for record in (new, old, tie):
        store.begin(record)
    assert store.load("sweep").identity == tie.identity
    assert [item.identity for item in store.studies()] == [
        tie.identity,
        new.identity,
        old.identity,
    ]


def test_beginning_of_the_identity(store, study_of):
    store.begin(study_of(name="one", identity="abcd1" + "0" * 59))
    store.begin(study_of(name="two", identity="abcd2" + "0" * 59))
    assert store.load("ABCD2").name == "two"
    assert store.load("abcd1" + "0" * 59).name == "one"
    with pytest.raises(InputError, match=r"begins several: abcd20000000 \(two\), abcd1"):
        store.load("abcd")
    for key in ("abc", "____", "%%%%"):
        with pytest.raises(InputError, match="holds no study"):
            store.load(key)


def test_name_comes_before_identity(store, study_of):
    store.begin(study_of(name="one", identity="abcd" + "0" * 60))
    store.begin(study_of(name="abcd", identity="1" * 64))
    assert store.load("abcd").identity == "1" * 64


def test_unknown_study_is_told_with_the_nearest(store, study_of):
    with pytest.raises(InputError, match="holds no study yet"):
        store.load("sweep")
    store.begin(study_of(name="optimizers-on-digits"))
    with pytest.raises(InputError, match="did you mean 'optimizers-on-digits'"):
        store.load("optimizers-on-digit")


def test_summaries_count(store, study_of, finished):
    record = study_of(count=6)
    store.begin(record)
    one, two, three, four, *_ = record.members
    store.save(
        [
            finished(one),
            finished(two, status="stopped"),
            finished(three, status="diverged"),
            replace(four, status="failed", reason="memory"),
        ]
    )
    store.save([finished(one, salt=1), finished(two, salt=1)])
    store.begin(study_of(name="other", count=2, first=1, created="2026-09-01T00:00:00+00:00"))
    store.begin(study_of(name="empty", count=0, created="2025-09-01T00:00:00+00:00"))
    counts = [
        (item.name, item.members, item.finished, item.diverged, item.failed, item.faults)
        for item in store.studies()
    ]
    assert counts == [("other", 2, 2, 1, 0, 1), ("sweep", 6, 3, 1, 1, 2), ("empty", 0, 0, 0, 0, 0)]
    assert store.studies()[0].metric == "accuracy"


def test_hostile_texts_come_back(store, study_of, same):
    record = study_of(name="'; DROP TABLE study; -- <b>\u2028😀")
    store.begin(record)
    assert same(store.load(record.name), record)


def test_splits_that_choose_come_back_and_others_are_kept_as_they_were(store, study_of, same):
    judges = study_of().splits[0]
    chooses = replace(judges, split=2, validation=4, test=0, chooses_for=1)
    again = replace(judges, split=3, judged_as_first=True)
    record = replace(study_of(), splits=(judges, chooses, again))
    store.begin(record)
    assert store.load("sweep").splits == (judges, chooses, again)
    kept = encoding.study_row(record)["splits"]
    # As earlier versions wrote and read it.
    assert not {"chooses_for", "judged_as_first"} & kept[0].keys()
    assert kept[1]["chooses_for"] == 1
    assert kept[2]["judged_as_first"] is True
