"""How commands find a stored study and show what it found."""

from typing import Any

from etude.terminal import say, show_table


def stored(study: str, store: str) -> Any:
    """The result of a study in a store."""
    import etude

    with etude.Store.open(store, readonly=True) as opened:
        return etude.Result(opened.load(study))


def show_ranking(result: Any, top: int) -> None:
    """The headline, the best choices and what to think of them."""
    from etude.evidence.verdict import verdict

    say(_headline(result))
    show_noted(result.table(top), verdict(result))


def show_noted(table: Any, notes: list[str]) -> None:
    """A table, where there is one, and the sentences under it."""
    if table is not None:
        show_table(table)
    for note in notes:
        say(note)


def _headline(result: Any) -> str:
    record = result.record
    seconds = record.seconds
    programs = len(record.programs)
    fitted = {n for n, choice in enumerate(record.choices) if "estimator" in choice.document}
    fits = sum(member.choice in fitted for member in record.members)
    text = (
        f"{record.name}: {len(record.members) - fits} networks in {programs} "
        f"program{'s' if programs != 1 else ''}{f' and {fits} fits of estimators' if fits else ''}"
    )
    if seconds:
        text += (
            f"; {record.trained} trained, {record.reused} found in the store; "
            f"compile {seconds['compile']:.1f} s, run {seconds['run']:.1f} s, "
            f"total {seconds['total']:.1f} s"
        )
    diverged = sum(member.status == "diverged" for member in record.members)
    return text + (f"; {diverged} diverged" if diverged else "")
