import json
from dataclasses import replace

import numpy as np
import pytest

from etude.errors import InputError
from etude.store import encoding


def row_of(record):
    places = {"choice": record.choice, "split": record.split, "seed": record.seed}
    return encoding.member_row(record) | places


def test_member_comes_back_bit_for_bit(study_of, finished, same):
    record = finished(study_of().members[0])
    nan_with_payload = np.array([0x7FC01234, 0xFFC00000, 0x80000000], np.uint32).view(np.float32)
    record = replace(record, outputs=nan_with_payload.reshape(3, 1))
    assert same(encoding.member_record(row_of(record)), record)


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
    row = row_of(finished(study_of().members[0]))
    row["outputs"] = bytes([row["outputs"][0] ^ 1]) + row["outputs"][1:]
    with pytest.raises(InputError, match="damaged"):
        encoding.member_record(row)


def test_study_comes_back(study_of, same):
    record = study_of()
    rows = encoding.study_row(record) | encoding.run_row(record)
    stored = {key: json.loads(encoding.dump(value)) for key, value in rows.items()}
    assert same(encoding.study_record(stored, record.members), record)
    assert list(stored["choices"][0]["document"]) == ["b", "a"]
