"""Processes that are killed, stopped, out of room, or two at a time on one store."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from etude.store import Store
from torture import runs

AT_ONCE = 2
"""How many processes run side by side: the others of the tests' machine are not ours."""

GO_ON = "run the same command again to go on"


@dataclass(frozen=True)
class Bench:
    """What every disturbance needs.

    Attributes:
        text: the study.
        run: runs it in this process.
        expected: the contents of its store after an undisturbed run.
        folder: where stores are made.
        cache: the compiled programs, shared by all processes.
    """

    text: str
    run: runs.Run
    expected: dict[str, Any]
    folder: Path
    cache: Path

    def child(self, store: Path, how: str, number: int = 0) -> subprocess.Popen[str]:
        """A process that runs the study as `torture.child` is told."""
        study = self.folder / "study.toml"
        if not study.exists():
            study.write_text(self.text)
        arguments = [str(study), str(store), str(self.cache), how, str(number)]
        return subprocess.Popen(
            [sys.executable, "-m", "torture.child", *arguments],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "1000"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def goes_on(self, store: Path, said: str) -> Counter[str]:
        """The store after a disturbance: what was lost, and whether the end is the same."""
        lost = max(0, _reported(said) - len(runs.finished(store)))
        if store.exists():
            runs.check(store)
        self.run(store)
        runs.check(store)
        same = runs.contents(store) == self.expected
        shutil.rmtree(store.parent)
        return Counter({"results lost": lost, "runs disturbed": 1, "tables bit-equal": int(same)})

    def store(self, name: str) -> Path:
        """A new folder with nothing in it but the store that comes."""
        folder = self.folder / name
        folder.mkdir()
        return folder / "etude.db"


def killed_at(bench: Bench, how: str, numbers: Iterable[int]) -> Counter[str]:
    """Kill -9 at events, or before single operations on the disk."""

    def kill(number: int) -> Counter[str]:
        store = bench.store(f"{how}-{number}")
        process = bench.child(store, how, number)
        said, errors = process.communicate(timeout=300)
        assert process.returncode in (0, -signal.SIGKILL), errors
        killed = process.returncode != 0
        return bench.goes_on(store, said) + Counter({"kills": int(killed)})

    return _all(kill, numbers)


def killed_at_random(bench: Bench, times: int, seed: int = 0) -> Counter[str]:
    """Kill -9 at random moments between the first event and the end."""
    store = bench.store("undisturbed")
    process = bench.child(store, "end")
    assert process.stdout is not None
    process.stdout.readline()
    begin = time.monotonic()
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    lasts = time.monotonic() - begin

    def kill(number: int) -> Counter[str]:
        chance = random.Random(f"{seed} {number}")
        for attempt in range(20):
            store = bench.store(f"random-{number}-{attempt}")
            process = bench.child(store, "end")
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(chance.uniform(0, lasts))
            process.kill()
            said, errors = process.communicate(timeout=300)
            assert process.returncode in (0, -signal.SIGKILL), errors
            counts = bench.goes_on(store, first + said)
            if process.returncode != 0:
                return counts + Counter({"kills": 1})
        raise AssertionError("the process always ended before it was killed")

    return _all(kill, range(times))


def stopped_at(bench: Bench, how: str, numbers: Iterable[int]) -> Counter[str]:
    """SIGTERM or Ctrl-C at events: it stops at a border, says how to go on, and exits with 130."""

    def stop(number: int) -> Counter[str]:
        store = bench.store(f"{how}-{number}")
        process = bench.child(store, how, number)
        said, errors = process.communicate(timeout=300)
        events = sum(map(_event, said.splitlines()))
        assert process.returncode == 130 or events < number, (process.returncode, errors)
        assert "Traceback" not in errors, errors
        if number > 1 and process.returncode == 130:
            assert GO_ON in errors, errors
        return bench.goes_on(store, said) + Counter({"stops": 1})

    return _all(stop, numbers)


def out_of_room(bench: Bench, sizes: Iterable[int]) -> Counter[str]:
    """No file may grow beyond so many bytes: exit 1 and a sentence, then it goes on."""

    def fill(size: int) -> Counter[str]:
        store = bench.store(f"full-{size}")
        process = bench.child(store, "full", size)
        said, errors = process.communicate(timeout=300)
        assert process.returncode == 1, (process.returncode, errors)
        assert "Traceback" not in errors, errors
        assert "what was saved before is kept: mend that and run again to go on" in errors, errors
        if "train" in said and _reported(said) < len(bench.expected["members"]):
            assert "networks are not in the store yet" in errors, errors
        return bench.goes_on(store, said) + Counter({"disks full": 1})

    return _all(fill, sizes)


def two_at_once(bench: Bench, times: int) -> Counter[str]:
    """Two processes run the same study on one store; both end, and agree."""
    counts: Counter[str] = Counter()
    for number in range(times):
        store = bench.store(f"two-{number}")
        processes = [bench.child(store, "end") for _ in range(2)]
        for process in processes:
            _, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors
        counts += bench.goes_on(store, "") + Counter({"pairs of processes": 1})
    return counts


def two_studies(bench: Bench, other: str) -> Counter[str]:
    """Two processes run two studies on one store at once; both end, and each is as alone."""
    store = bench.store("two-studies")
    second = bench.folder / "other"
    second.mkdir()
    another = replace(bench, text=other.replace("tortured", "another"), folder=second)
    processes = [one.child(store, "end") for one in (bench, another)]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    runs.check(store)
    with Store.open(store, readonly=True) as opened:
        studies = opened.studies()
    assert sorted(item.name for item in studies) == ["another", "tortured"]
    assert all(item.finished == item.members and not item.faults for item in studies)
    same = runs.contents(store)["table"] == bench.expected["table"]
    return Counter({"pairs of processes": 1, "runs disturbed": 1, "tables bit-equal": int(same)})


def _reported(said: str) -> int:
    """How many results were reported as saved."""
    return max([0, *(int(line.split()[1]) for line in said.splitlines() if _event(line))])


def _event(line: str) -> bool:
    parts = line.split()
    return len(parts) == 2 and parts[0] in ("plan", "compile", "train") and parts[1].isdigit()


def _all(disturb: Callable[[int], Counter[str]], numbers: Iterable[int]) -> Counter[str]:
    total: Counter[str] = Counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for counts in pool.map(disturb, numbers):
            total.update(counts)
    return total
