"""Étude in a process of its own, where more is asked than its command line tells."""

from typing import Any

from etude.engine.material import judged_rows
from etude.engine.plan import plan
from etude.file import parse_study
from etude.interface import run
from etude.study import Study
from sides.answer import answer


def prepare(work: dict[str, Any]) -> tuple[Study, int]:
    """The study of the file's content in `study`, and the number of workers."""
    return parse_study(work["study"]), work["workers"]


def train(ready: tuple[Study, int]) -> dict[str, Any]:
    """Run it, results in memory only; `seconds` are those that its networks trained.

    Several train at a time, so the seconds of all of them are divided by the workers.
    """
    study, workers = ready
    record = run(study, workers=workers).record
    shapes = plan(study)
    return {
        "seconds": sum(member.seconds for member in record.members) / workers,
        "networks": len(record.members),
        "steps": sum(member.steps for member in record.members),
        "epochs": sum(member.epochs for member in record.members),
        "judged_rows": judged_rows(shapes.materials[0].splits[0]).size,
        "run": record.seconds["run"],
        "compile": record.seconds["compile"],
        "total": record.seconds["total"],
    }


if __name__ == "__main__":
    answer(prepare, train)
