"""A study that has been run to its end and asked again: answered from the store alone.

To plan a study takes JAX, the data and a second or two. Where the study file, the data files,
the versions and the machine are those of the run that ended it, planning it again can only find
the same members, all of them finished.
"""

import hashlib
import json
import os
import platform
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from etude.errors import InputError
from etude.packages import code_of_packages
from etude.store.errors import StoreError
from etude.store.records import ENDED, StudyRecord
from etude.store.store import Store

STAMP = "stamp"
"""The name of the stamp among the findings of a study."""

SETTINGS = ("XLA_", "JAX_", "ETUDE_", "CUDA_VISIBLE_DEVICES", "TF_CUDNN", "NVIDIA_")
"""What environment variables that change programs or data begin with."""


def stamped(text: str, folder: Path, files: Iterable[str]) -> dict[str, Any]:
    """The stamp of a run: what it read, and the hash of everything that decides its members.

    Args:
        text: the study file.
        folder: the folder from which its paths start.
        files: the data files that it reads, and folders of them.
    """
    paths = sorted({str(Path(file).absolute()) for file in files})
    content = {
        "text": text,
        "folder": str(folder.absolute()),
        "files": {path: _hash(Path(path)) for path in paths},
        "packages": _packages(),
        "code": _code(),
        "python": sys.version,
        "machine": [platform.machine(), platform.node(), _cores(), _devices()],
        "settings": {
            name: value for name, value in os.environ.items() if name.startswith(SETTINGS)
        },
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return {"digest": digest, "files": paths}


def unchanged(text: str, folder: Path, store: str) -> StudyRecord | None:
    """The record of a study file that was run to its end just like this.

    Args:
        text: the study file.
        folder: the folder from which its paths start.
        store: file or URL of the store.

    Returns:
        None where the store holds no such record, or anything has changed since.
    """
    try:
        name = tomllib.loads(text).get("name", "study")
        if not isinstance(name, str):
            return None
        with Store.open(store, readonly=True) as opened:
            record = opened.load(name)
        stamp = record.findings.get(STAMP)
        if stamp is None or record.text != text or record.name != name:
            return None
        if stamped(text, folder, stamp["files"])["digest"] != stamp["digest"]:
            return None
    except (InputError, StoreError, OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # whatever is wrong, the run itself will say it better
    if any(member.status not in ENDED for member in record.members):
        return None
    seconds = dict.fromkeys(("compile", "run"), 0.0)
    return replace(record, trained=0, reused=len(record.members), seconds=seconds)


def _hash(file: Path) -> str:
    if file.is_dir():
        return _hash_of_names(file)
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _hash_of_names(top: Path) -> str:
    """The hash of what lies in a folder: names, sizes and times, for there may be very many."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in [*folders, *sorted(names)]:
            status = os.stat(Path(folder, name))
            line = [folder, name, status.st_mode, status.st_size, status.st_mtime_ns]
            digest.update(json.dumps(line).encode())
    return digest.hexdigest()


def _packages() -> list[str]:
    """Names and versions of all that is installed, as the names of folders tell them.

    To read what is inside of those folders takes a tenth of a second.
    """
    folders = {Path(place) for place in sys.path}
    return sorted({found.name for folder in folders for found in folder.glob("*.*-info")})


def _code() -> list[str]:
    """Names, sizes and times of files that change between versions too: ours, and components'."""
    return [
        f"{path} {status.st_size} {status.st_mtime_ns}"
        for path in [*sorted(Path(__file__).parent.rglob("*.py")), *code_of_packages()]
        for status in [path.stat()]
    ]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _devices() -> list[str]:
    """The accelerators that the system shows, without asking a driver."""
    folder = Path("/dev")
    return sorted(path.name for path in folder.glob("nvidia[0-9]*")) if folder.is_dir() else []
