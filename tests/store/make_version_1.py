"""Made `version_1.db`, a store of version 1, with the code of commit d39f1ed.

`PYTHONPATH=<checkout of d39f1ed>/src python make_version_1.py version_1.db`
"""

import sys
from dataclasses import replace

import numpy as np

import etude
from etude.file import parse_study
from etude.store import ChoiceRecord, MemberRecord, Store, StudyRecord

STUDY = """
name = "trained by version 1"
[data]
name = "moons"
rows = 60
[model]
name = "mlp"
widths = [4]
[loss]
name = "cross_entropy"
[algorithm]
name = "sgd"
learning_rate = { grid = [0.01, 0.1, 1e30] }
epochs = 3
[validation]
name = "kfold"
folds = 2
"""


def member(number, **values):
    random = np.random.default_rng(number)
    return MemberRecord(
        identity=f"{number:064x}",
        choice=number // 2,
        split=number % 2,
        seed=2**32 - 1,
        **{
            "status": "done",
            "epochs": 2,
            "steps": 2**33,
            "seconds": 0.1,
            "values": {"test": {"loss": random.random(), "accuracy": None}},
            "curves": random.random((2, 3, 2), dtype=np.float32),
            "outputs": random.random((3, 2), dtype=np.float32),
        }
        | values,
    )


def main(path):
    etude.run(parse_study(STUDY), path, workers=1, text=STUDY)
    members = (
        member(0, curves=np.full((2, 3, 2), np.nan, np.float32)),
        member(1, status="stopped", best_epoch=1, outputs=None),
        member(2, status="failed", reason="größer 😀 \u2028", outputs=None),
        member(3),
    )
    record = StudyRecord(
        identity=f"{1:064x}",
        name="größer",
        created="2026-01-02T03:04:05+00:00",
        document={"name": "größer", "none": None},
        text='name = "größer"\n',
        choices=(
            ChoiceRecord("η=0.1 😀", {"b": 1, "a": [0.1, None]}, {"algorithm": "adam"}),
            ChoiceRecord("sgd", {"b": 2}, {"algorithm.learning_rate": 1e-300}),
        ),
        splits=(),
        metric="accuracy",
        greater_is_better=True,
        metrics=("loss", "accuracy"),
        judged="test",
        profile={"jax": "0.10.2", "width": 8},
        seconds={"run": 0.5},
        trained=3,
        members=members,
        bounds=(0.0, 1.0),
    )
    with Store.open(path) as store:
        store.begin(record)
        store.save(members[:3], {members[3].identity: (1, b"older")})
        store.checkpoint(members[3].identity, 2, b"newer")
        store.save([replace(members[0], epochs=1)])
        store.finish(record)


if __name__ == "__main__":
    main(sys.argv[1])
