import hashlib

import numpy as np
import pytest

from etude.store.identity import digest, member_identity, study_identity

PARTS = {
    "specification": {"model": {"name": "mlp", "revision": 1, "widths": [64]}},
    "fingerprint": "f" * 64,
    "split": {"name": "kfold", "folds": 5, "split": 0},
    "seed_root": 0,
    "seed": 1,
    "profile": {"jax": "0.10.2", "width": 8},
}


def test_digest_is_sha256_of_canonical_json():
    document = {"b": [1, 2.5, None, True], "a": {"é": 1e-300}}
    text = '{"a":{"\\u00e9":1e-300},"b":[1,2.5,null,true]}'
    assert digest(document) == hashlib.sha256(text.encode()).hexdigest()


def test_digest_does_not_see_order_of_keys_or_kind_of_sequence():
    assert digest({"a": (1, 2), "b": 0}) == digest({"b": 0, "a": [1, 2]})


def test_neighbouring_floats_differ():
    assert digest(0.1) != digest(np.nextafter(0.1, 1).item())
    assert digest(1) != digest(1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_refused_with_its_place(value):
    with pytest.raises(ValueError, match=r"`document\.a\[1\]\.b` must be a finite number"):
        digest({"a": [0, {"b": value}]})


def test_keys_that_json_would_turn_into_text_are_refused():
    with pytest.raises(ValueError, match="must be text, got 1"):
        digest({1: "a"})


def test_values_without_json_form_are_refused():
    with pytest.raises(TypeError):
        digest({"a": np.float32(1)})


@pytest.mark.parametrize(
    "change",
    [
        {"specification": {"model": {"name": "mlp", "revision": 2, "widths": [64]}}},
        {"fingerprint": "e" * 64},
        {"split": {"name": "kfold", "folds": 5, "split": 1}},
        {"seed_root": 1},
        {"seed": 0},
        {"profile": {"jax": "0.10.2", "width": 16}},
    ],
)
def test_every_part_decides_the_identity_of_a_member(change):
    assert member_identity(**PARTS) == member_identity(**PARTS)
    assert member_identity(**PARTS | change) != member_identity(**PARTS)


def test_seed_and_root_are_not_confused():
    swapped = PARTS | {"seed_root": PARTS["seed"], "seed": PARTS["seed_root"]}
    assert member_identity(**swapped) != member_identity(**PARTS)


def test_identity_does_not_change_between_versions():
    # A change here orphans every stored result.
    assert member_identity(**PARTS) == (
        "5ae7b0928c79e6cc091d5835e49e7bd4abd38214b7043c4b3d52354b59c1ec22"
    )


def test_study_identity_sees_document_and_data_in_order():
    one = study_identity({"name": "a"}, ["x", "y"])
    assert one == study_identity({"name": "a"}, ("x", "y"))
    assert one != study_identity({"name": "a"}, ["y", "x"])
    assert one != study_identity({"name": "b"}, ["x", "y"])
