"""Small studies with every kind of value, and the comparison of what came back."""

from dataclasses import fields, replace

import numpy as np
import pytest

from etude.store import ChoiceRecord, MemberRecord, SplitRecord, StudyRecord

ROLES = ("train", "validation", "test")
METRICS = ("loss", "accuracy")


@pytest.fixture(scope="session")
def study_of():
    """A study with pending members, numbered from `first`."""

    def make(name="sweep", count=4, first=0, created="2026-01-02T03:04:05+00:00", identity=None):
        members = tuple(
            MemberRecord(identity=f"{first + i:064x}", choice=i // 2, split=i % 2, seed=2**32 - 1)
            for i in range(count)
        )
        return StudyRecord(
            identity=identity or f"{count:04x}{first:060x}",
            name=name,
            created=created,
            document={"name": name, "model": [{"widths": [64, 32], "rate": 0.1}], "none": None},
            text='name = "größer"\n',
            choices=(
                ChoiceRecord("adam η=0.1", {"b": 1, "a": [0.1, None]}, {"algorithm": "adam"}),
                ChoiceRecord("sgd", {"b": 2}, {"algorithm.learning_rate": 1e-300}),
            ),
            splits=(SplitRecord(0, 1, 10, 0, 5, {"test": {"loss": 0.1, "accuracy": None}}),),
            metric="accuracy",
            greater_is_better=True,
            metrics=METRICS,
            judged="test",
            profile={"jax": "0.10.2", "width": 8},
            members=members,
        )

    return make


@pytest.fixture(scope="session")
def finished():
    """A member with a result that its identity and `salt` decide."""

    def make(member, salt=0, **values):
        random = np.random.default_rng([int(member.identity, 16) % 2**32, salt])
        curves = random.random((3, 3, 2), dtype=np.float32)
        curves[:, 1] = np.nan
        result = replace(
            member,
            status="done",
            epochs=3,
            steps=2**33,
            best_epoch=2,
            seconds=0.1,
            values={role: {name: random.random() for name in METRICS} for role in ROLES},
            curves=curves,
            outputs=random.normal(size=(5, 4)).astype(np.float32),
        )
        return replace(result, **values)

    return make


@pytest.fixture(scope="session")
def same():
    """Whether two records are equal, arrays bit for bit."""

    def same_array(one, other):
        if one is None or other is None:
            return one is other
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())

    def compare(one, other):
        for field in fields(one):
            a, b = getattr(one, field.name), getattr(other, field.name)
            if field.name in ("curves", "outputs"):
                assert same_array(a, b), field.name
            elif field.name == "members":
                assert len(a) == len(b)
                assert all(compare(x, y) for x, y in zip(a, b, strict=True))
            else:
                assert a == b, field.name
        return True

    return compare
