"""Étude as people run it: `etude run` in a fresh process, cold or warm, into a new store."""

import json
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import platformdirs

from measuring.process import run
from measuring.rounds import Measured


class EtudeRuns:
    """A study that is run again and again.

    Args:
        study: the study file's content.
        folder: an empty folder for the file, its stores, and the cache of compiled programs,
            which is one of its own (the variable XDG_CACHE_HOME; Linux).
        workers: how many networks train at a time; None for one a core.
    """

    def __init__(self, study: str, folder: Path, workers: int | None = None) -> None:
        cache = folder / "cache" / "etude"
        cache.mkdir(parents=True)
        # What was downloaded once is found there, however cold the cache of programs is.
        (cache / "data").symlink_to(Path(platformdirs.user_cache_dir("etude")) / "data")
        self._folder, self._programs = folder, cache / "programs"
        self._file = folder / "study.toml"
        self._file.write_text(study, encoding="utf-8")
        self._workers = workers
        self.last: dict[str, Any] = {}

    def cold(self) -> Measured:
        """With nothing compiled."""
        shutil.rmtree(self._programs, ignore_errors=True)
        return self._run()

    def warm(self) -> Measured:
        """With every program in the cache; what is missing an untimed run puts there."""
        if not self._programs.exists():
            self._run()
        return self._run()

    def _run(self) -> Measured:
        store = self._folder / "store.db"
        store.unlink(missing_ok=True)
        command = [str(Path(sysconfig.get_path("scripts")) / "etude"), "run", str(self._file)]
        command += ["--store", str(store), "--json", "--quiet"]
        if self._workers is not None:
            command += ["--workers", str(self._workers)]
        environment = {"XDG_CACHE_HOME": str(self._folder / "cache")}
        ran = run(command, folder=self._folder, environment=environment)
        self.last = json.loads(ran.output)
        seconds = self.last["seconds"]["run"]
        return Measured(ran.wall, seconds, ran.peak, self.last["choices"][0]["mean"])
