"""What people call: run a study, look at its report, keep its best network."""

import operator
from pathlib import Path
from typing import SupportsIndex

from etude.component import discover_all
from etude.engine.device import Device, current_device, use_compilation_cache
from etude.evidence.result import Result
from etude.execution.refit import refit as train_on_all_rows
from etude.execution.run import Watcher
from etude.execution.run import run as train
from etude.network import Network
from etude.store.store import Store
from etude.study import Study

discover_all()


def run(
    study: Study,
    store: str | Path | None = None,
    *,
    workers: int | None = None,
    text: str = "",
    watch: Watcher | None = None,
) -> Result:
    """Train every network of a study and tell which choice is better.

    What the store holds already is not trained again; a run that was stopped goes on.

    Args:
        study: what to compare.
        store: a file or URL where results are kept; None keeps them in memory only.
        workers: how many chunks train at a time; by default one for each core.
        text: the study file, to be kept with the results.
        watch: called with an `Event` whenever something has happened.

    Raises:
        InputError: the study cannot be trained as it is.
        Interrupted: it was stopped by Ctrl-C; everything finished is kept.

    Example:
        ```python
        result = etude.run(study, store="etude.db")
        print(result.table())
        ```
    """
    keep_compiled_programs()
    device = current_device(workers)
    if store is None:
        return Result(train(study, None, text=text, device=device, watch=watch), study)
    with Store.open(store) as opened:
        record = train(study, opened, text=text, device=device, watch=watch)
    return Result(record, study)


def refit(
    result: Result, choice: SupportsIndex | None = None, device: Device | None = None
) -> Network:
    """Train the chosen network on all rows.

    Args:
        result: a study that has been run.
        choice: what `result.best()` gives, or the number of a choice; by default the best.
        device: where to train.

    Raises:
        InputError: there is no such choice, or its network diverges on all rows.
    """
    keep_compiled_programs()
    number = operator.index(result.best() if choice is None else choice)
    study = result.study or Study.from_document(result.record.document)
    return train_on_all_rows(study, number, result.record, device)


def keep_compiled_programs() -> None:
    """Keep compiled programs in the user's cache folder."""
    import platformdirs

    use_compilation_cache(Path(platformdirs.user_cache_dir("etude")) / "programs")
