"""What a study or a member is called: the hash of everything that decides its result."""

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any


def digest(document: Any) -> str:
    """SHA-256 of a document's canonical JSON, 64 hexadecimal digits.

    Canonical: keys sorted, no spaces, ASCII, numbers as Python's `repr` writes them. So the
    order of keys does not matter, and 1 and 1.0 differ.

    Args:
        document: plain JSON values; dictionaries have text keys.

    Raises:
        ValueError: a number is NaN or infinite, or a key is no text (then two different
            documents could have the same JSON).
        TypeError: a value has no JSON form.

    >>> digest({"b": 1, "a": [0.1, None]}) == digest({"a": (0.1, None), "b": 1})
    True
    """
    _check(document, "document")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def member_identity(
    specification: dict[str, Any],
    fingerprint: str,
    split: dict[str, Any],
    seed_root: int,
    seed: int,
    profile: dict[str, Any],
) -> str:
    """The identity of one network trained once.

    Args:
        specification: the choice with the revision of each part (`Choice.specification`).
        fingerprint: hash of the content of the data.
        split: what decides which rows play which role: the validation's specification and the
            number of the split, or a hash of the rows.
        seed_root: the study's root of random numbers.
        seed: the number of the seed.
        profile: versions, device, flags, chunk width: whatever decides the bits.
    """
    return digest(
        {
            "what": "member",
            "specification": specification,
            "data": fingerprint,
            "split": split,
            "seed_root": seed_root,
            "seed": seed,
            "profile": profile,
        }
    )


def left_identity(identity: str, epochs: int) -> str:
    """The identity of a member that a search left after so many epochs.

    It is another than that of the member trained to the end, which it is never taken for.
    """
    return digest({"what": "left", "member": identity, "epochs": epochs})


def study_identity(document: dict[str, Any], fingerprints: Sequence[str]) -> str:
    """The identity of a study.

    Args:
        document: the study with every field written out (`Study.document`).
        fingerprints: the content hash of each data choice, in their order.
    """
    return digest({"what": "study", "document": document, "data": list(fingerprints)})


def _check(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"the keys of `{path}` must be text, got {key!r}")
            _check(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"`{path}` must be a finite number, got {value}")
