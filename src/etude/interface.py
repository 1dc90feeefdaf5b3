"""What people call: run a study, look at its report, keep its best network."""

import operator
import os
from pathlib import Path
from typing import Any, SupportsIndex

from etude.component import discover_all
from etude.engine.cache import mending, use_compilation_cache
from etude.engine.device import Device, current_device
from etude.engine.plan import Plan
from etude.errors import InputError
from etude.evidence.comparison import choosing_scores
from etude.evidence.conclude import conclude
from etude.evidence.result import Result
from etude.execution.event import Watcher
from etude.execution.refit import refit as train_on_all_rows
from etude.execution.run import run as train
from etude.network import Network
from etude.store.records import StudyRecord
from etude.store.store import Store
from etude.study import Study
from etude.unchanged import STAMP, stamped

discover_all()


def run(
    study: Study,
    store: str | Path | None = None,
    *,
    workers: int | None = None,
    text: str = "",
    folder: Path = Path(),
    watch: Watcher | None = None,
) -> Result:
    """Train every network of a study and tell which choice is better.

    What the store holds already is not trained again; a run that was stopped goes on.

    Args:
        study: what to compare.
        store: a file or URL where results are kept; None keeps them in memory only.
        workers: how many chunks train at a time; by default one for each core.
        text: the study file, to be kept with the results.
        folder: the folder from which its paths start.
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
    if workers is not None and workers < 1:
        raise InputError(f"`workers` must be at least 1, got {workers}")
    keep_compiled_programs()
    device = current_device(workers)
    stamp = _stamp(study, text, folder) if text else None

    searched = study

    def found(whole: Plan, record: StudyRecord, opened: Store) -> dict[str, Any]:
        nonlocal searched
        searched = whole.study
        return conclude(whole, record, opened) | ({STAMP: stamp} if stamp else {})

    with mending():
        record = train(
            study,
            store,
            text=text,
            device=device,
            watch=watch,
            conclude=found,
            judge=choosing_scores,
        )
    return Result(record, searched)


def _stamp(study: Study, text: str, folder: Path) -> dict[str, Any] | None:
    """The stamp of a run before it begins; None where a file cannot be read, as the plan tells."""
    try:
        return stamped(text, folder, [file for data in study.data for file in data.user_files()])
    except OSError:
        return None


def refit(
    result: Result,
    choice: SupportsIndex | None = None,
    device: Device | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
) -> Network:
    """Train the chosen network on all rows.

    With early stopping it trains for the median best epoch of the choice's splits.

    Args:
        result: a study that has been run.
        choice: what `result.best()` gives, or the number of a choice; by default the best.
        device: where to train.
        seed: another number gives another network of the choice: other initial weights and
            batches, the same for every choice.
        epochs: training is cut off after so many, and the schedule goes as it went; by default it
            is not.

    Raises:
        InputError: there is no such choice, seed or number of epochs, its network diverges on all
            rows, the data are not those of the study any more, or a stored study has parts that
            only Python knows.

    Example:
        ```python
        network = etude.refit(result)
        network.save("best")
        ```
    """
    keep_compiled_programs()
    number = operator.index(result.best() if choice is None else choice)
    study = stored_study(result) if result.study is None else result.study
    with mending():
        return train_on_all_rows(study, number, result.record, device, seed, epochs)


def stored_study(result: Result) -> Study:
    """The study that a record describes.

    Raises:
        InputError: it has a table in memory or a part of a user, which no record can hold.
    """
    try:
        return Study.from_document(result.record.document)
    except (ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"the study {result.record.name!r} cannot be made again from the store, for it has "
            f"parts that only Python knows ({reason}); run it again in Python, where it trains "
            "nothing new, and refit its result"
        ) from None


def keep_compiled_programs() -> None:
    """Keep compiled programs in the user's cache folder, or where JAX was told to keep them.

    Without a folder that can be written programs are compiled anew.
    """
    import jax
    import platformdirs

    if jax.config.jax_compilation_cache_dir:
        return
    folder = Path(platformdirs.user_cache_dir("etude")) / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        use_compilation_cache(folder)
