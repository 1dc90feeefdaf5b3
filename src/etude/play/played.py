"""An étude that is played: its studies are run and its rule is applied."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from etude.etudes.base import CannotJudge, Etude, Finding
from etude.evidence.result import Result
from etude.execution.event import Watcher
from etude.interface import run
from etude.store.store import Store


@dataclass(frozen=True)
class Played:
    """What came of an étude.

    Attributes:
        etude: which.
        results: of its studies, by the name of the part.
        finding: what its rule says of them.
    """

    etude: Etude
    results: Mapping[str, Result]
    finding: Finding


def play(
    etude: Etude,
    store: str | None = None,
    workers: int | None = None,
    watch: Watcher | None = None,
) -> Played:
    """Run the studies of an étude, as far as the store does not hold them, and judge.

    Args:
        etude: which.
        store: a file or URL where results are kept; None keeps them in memory only.
        workers: how many chunks train at a time; by default one for each core.
        watch: called with an `Event` whenever something has happened.

    Raises:
        CannotJudge: networks failed, their program gave wrong numbers, or the rule found values
            that it cannot take; the message names the étude.
        Interrupted: it was stopped by Ctrl-C; everything finished is kept.
    """
    files = etude.files()
    results = {}
    for part, study in etude.studies().items():
        text = files[part].read_text(encoding="utf-8") if part in files else ""
        found = run(study, store, workers=workers, text=text, watch=watch)
        results[part] = found if store is None else _with_outputs(found, store)
    faults = [fault for result in results.values() for fault in _faults(result)]
    if faults:
        raise CannotJudge(f"{etude.name} cannot be judged: {'; '.join(faults)}")
    try:
        finding = etude.judge(results)
    except (CannotJudge, ArithmeticError, ValueError) as error:
        raise CannotJudge(f"{etude.name} cannot be judged: {error}") from error
    return Played(etude, results, finding)


def _with_outputs(result: Result, store: str) -> Result:
    """The result with what the networks gave for their test rows, of which the store has charge."""
    record = result.record
    with Store.open(store, readonly=True) as opened:
        outputs = opened.outputs([member.identity for member in record.members])
    members = tuple(replace(m, outputs=outputs[m.identity]) for m in record.members)
    return Result(replace(record, members=members), result.study)


def _faults(result: Result) -> list[str]:
    """Why the results are not to be relied on; [] where they are."""
    record = result.record
    failed = [member for member in record.members if member.status == "failed"]
    canaries = record.findings.get("canaries", ())
    told = [canary["message"] for canary in canaries if canary["agrees"] is False]
    if failed:
        told.append(f"{len(failed)} networks of {record.name} failed: {failed[0].reason}")
    return told
