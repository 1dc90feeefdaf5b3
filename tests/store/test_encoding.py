import json
from dataclasses import replace

import numpy as np
import pytest

from etude.errors import InputError
from etude.store import encoding, seals


def stored(record, **changes):
    """The row that the database gives back, with JSON as its text."""
    row = encoding.member_row(record)
    texts = ("values", "curves_shape", "outputs_shape")
    row |= {name: encoding.dump(row[name]) for name in texts if row[name] is not None}
    seal = seals.member_seal(row)
    row |= changes
    sealed = [row[name] for name in seals.MEMBER]
    place = record.choice, record.split, record.seed
    return (*place, *sealed, row["curves"], seal, row["outputs"])


def test_member_comes_back_bit_for_bit(study_of, finished, same):
    record = finished(study_of().members[0])
    nan_with_payload = np.array([0x7FC01234, 0xFFC00000, 0x80000000], np.uint32).view(np.float32)
    record = replace(record, outputs=nan_with_payload.reshape(3, 1))
    assert same(encoding.member_record(stored(record), outputs=True), record)


def test_arrays_are_kept_in_little_endian_float32(study_of, finished):
    record = finished(study_of().members[0])
    row = encoding.member_row(replace(record, outputs=np.array([[1.0]], ">f4")))
    assert row["outputs"] == b"\x00\x00\x80\x3f"
    assert len(row["curves"]) == 3 * 3 * 2 * 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_values_that_are_not_finite_are_kept_as_none(study_of, finished, value):
    record = finished(study_of().members[0], values={"test": {"loss": value, "accuracy": 0.5}})
    assert encoding.member_row(record)["values"] == {"test": {"loss": None, "accuracy": 0.5}}


def test_numbers_of_numpy_become_numbers(study_of, finished):
    record = finished(
        study_of().members[0],
        steps=np.int64(7),
        seconds=np.float32(0.5),
        values={"test": {"loss": np.float32(0.1)}},
    )
    row = encoding.member_row(record)
    assert type(row["steps"]) is int
    assert type(row["seconds"]) is float
    assert json.loads(encoding.dump(row["values"])) == {"test": {"loss": float(np.float32(0.1))}}


@pytest.mark.parametrize(
    "change",
    [
        {"status": "diverged"},
        {"epochs": 2},
        {"steps": 1},
        {"best_epoch": 1},
        {"values": {}},
        {"curves": np.zeros((3, 3, 2), np.float32)},
        {"outputs": np.zeros((5, 4), np.float32)},
        {"outputs": np.zeros((4, 5), np.float32)},
        {"outputs": None},
    ],
)
def test_digest_sees_the_result(study_of, finished, change):
    record = finished(study_of().members[0], outputs=np.ones((5, 4), np.float32))
    one, other = encoding.member_row(record), encoding.member_row(replace(record, **change))
    assert one["digest"] != other["digest"]


def test_digest_does_not_see_time_place_and_bits_of_nan(study_of, finished):
    record = finished(study_of().members[0])
    other = replace(record, seconds=9.0, choice=7, curves=np.negative(record.curves))
    other = replace(other, curves=np.where(np.isnan(other.curves), other.curves, record.curves))
    assert other.curves.tobytes() != record.curves.tobytes()
    assert encoding.member_row(other)["digest"] == encoding.member_row(record)["digest"]


@pytest.mark.parametrize("status", ["pending", "running", "failed"])
def test_what_is_no_result_has_no_digest(study_of, finished, status):
    record = finished(study_of().members[0], status=status)
    assert encoding.member_row(record)["digest"] is None


def test_reason_of_a_failure_can_always_be_kept(study_of):
    record = replace(study_of().members[0], status="failed", reason="no file a\udcff\0b")
    assert encoding.member_row(record)["reason"] == "no file a?\ufffdb"


def test_other_bytes_than_the_digest_says_are_damage(study_of, finished):
    record = finished(study_of().members[0])
    outputs = record.outputs.tobytes()
    row = stored(record, outputs=bytes([outputs[0] ^ 1]) + outputs[1:])
    with pytest.raises(InputError, match="result of the member 000000000000 is damaged"):
        encoding.member_record(row, outputs=True)


@pytest.mark.parametrize(
    "change",
    [
        {"identity": "0" * 63 + "1"},
        {"identity": None},
        {"status": "diverged"},
        {"reason": ""},
        {"epochs": 2},
        {"steps": "8589934592"},
        {"best_epoch": None},
        {"diverged_step": 1},
        {"seconds": 0.2},
        {"digest": None},
        {"values": '{"test":{}}'},
        {"curves_shape": "[3, 3, 2] "},
        {"curves": bytes(72)},
        {"curves": "text"},
        {"outputs_shape": "[4, 5]"},
    ],
)
def test_other_values_than_the_seal_says_are_damage(study_of, finished, change):
    row = stored(finished(study_of().members[0]), **change)
    with pytest.raises(InputError, match=r"result of the member .* is damaged"):
        encoding.member_record(row, outputs=False)


@pytest.mark.parametrize(
    "change", [{"values": "{"}, {"values": None}, {"curves_shape": "[9]"}, {"curves": None}]
)
def test_row_without_seal_that_cannot_be_read_is_damage(study_of, finished, change):
    row = stored(finished(study_of().members[0]), **change)
    with pytest.raises(InputError, match=r"result of the member .* is damaged"):
        encoding.member_record((*row[:-2], None, row[-1]), outputs=False)


def stored_study(record, **changes):
    row = encoding.study_row(record) | encoding.run_row(record)
    row |= {name: encoding.dump(row[name]) for name in encoding.STUDY_JSON}
    sealed = {"study": seals.study_seal(row, record.members), "run": seals.run_seal(row)}
    return row | changes, sealed


def test_study_comes_back(study_of, same):
    record = replace(study_of(), findings={"canary": [0.5, None]}, bounds=(0.0, None))
    row, seal = stored_study(record)
    read = encoding.study_record(row, record.members, seal)
    assert same(read, record)
    assert list(read.choices[0].document) == ["b", "a"]
    # Of a store of version 1.
    old = {name: value for name, value in row.items() if name != "findings"}
    assert same(encoding.study_record(old, record.members, None), replace(record, findings={}))


@pytest.mark.parametrize("name", seals.RUN)
def test_last_run_that_is_not_as_sealed_is_left_out(study_of, same, name):
    record = replace(study_of(), programs=({"width": 1},), seconds={"run": 1.0}, trained=4)
    row, seal = stored_study(record, **{name: b"x"})
    read = encoding.study_record(row, record.members, seal)
    assert same(read, replace(record, programs=(), seconds={}, trained=0, reused=0))


@pytest.mark.parametrize("name", seals.STUDY)
def test_study_with_other_values_than_its_seal_says_is_damage(study_of, name):
    record = study_of()
    row, seal = stored_study(record)
    with pytest.raises(InputError, match=r"the study .* is damaged"):
        encoding.study_record(row | {name: "[]"}, record.members, seal)
    with pytest.raises(InputError, match=r"the study .* is damaged"):
        encoding.study_record(row, record.members[::-1], seal)
