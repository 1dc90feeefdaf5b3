"""Results that nobody trained: a study's record with members as a test makes them up."""

from collections.abc import Callable, Iterable
from typing import Any

from etude.evidence.result import Result
from etude.store.records import ChoiceRecord, MemberRecord, SplitRecord, StudyRecord
from etude.study import Study, choice_labels

Fields = dict[str, Any]


def made_up(
    study: Study,
    member: Callable[[dict[str, Any], int, int], Fields],
    *,
    splits: int = 1,
    rows: tuple[int, int, int] = (80, 0, 20),
    metrics: Iterable[str] = ("loss",),
    judged: str = "test",
) -> Result:
    """The result of a study whose members are what `member` says.

    Args:
        study: gives the choices.
        member: of a choice's document, split and seed the fields of its member's record.
        splits: how many.
        rows: of every split: to train, to choose, to judge.
        metrics: "loss" first; the last one decides.
        judged: the role that judges.
    """
    choices = study.choices()
    records = tuple(
        ChoiceRecord(label, choice.document(), {})
        for label, choice in zip(choice_labels(study), choices, strict=True)
    )
    members = tuple(
        MemberRecord(
            identity=f"{number}-{split}-{seed}",
            choice=number,
            split=split,
            seed=seed,
            **({"status": "done"} | member(records[number].document, split, seed)),
        )
        for number in range(len(choices))
        for split in range(splits)
        for seed in range(study.seeds)
    )
    *_, metric = metrics
    record = StudyRecord(
        identity="0" * 64,
        name=study.name,
        created="2026-01-02T03:04:05Z",
        document=study.document(),
        text="",
        choices=records,
        splits=tuple(
            SplitRecord(data, split, *rows, trivial={})
            for data in range(len(study.data))
            for split in range(splits)
        ),
        metric=metric,
        greater_is_better=False,
        metrics=tuple(metrics),
        judged=judged,
        profile={},
        members=members,
    )
    return Result(record, study)
