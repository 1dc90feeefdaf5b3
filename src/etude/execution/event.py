"""What a run tells while it goes on, and when it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass

from etude.store.records import StudyRecord


@dataclass(frozen=True)
class Event:
    """What a run tells whoever watches it.

    Attributes:
        stage: "plan", "compile" or "train".
        members: members of the study.
        reused: members found in the store.
        finished: members trained so far in this run.
        programs: programs of the study.
        left: about how many seconds training will still take; None before that can be told.
        note: what people should be told besides; "" for nothing.
        part: which part of a search it is about, whose members alone are counted; "" where the
            study has no search.
    """

    stage: str
    members: int
    reused: int
    finished: int
    programs: int
    left: float | None = None
    note: str = ""
    part: str = ""


Watcher = Callable[[Event], None]


class Interrupted(Exception):
    """The run was stopped at a border; what was finished is kept and the run can go on."""

    def __init__(self, record: StudyRecord, missing: int, part: str = "") -> None:
        left = "before the evidence was summed up"
        if part:
            left = f"{'in' if missing else 'after'} {part} of the search"
        elif missing:
            left = f"with {missing} of {len(record.members)} networks to train"
        super().__init__(f"stopped {left}")
        self.record = record
        self.missing = missing
