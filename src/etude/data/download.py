"""Files that are found in the user's data folder, or downloaded once."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

from etude.errors import InputError

DATA_FOLDER = "ETUDE_DATA"
"""The environment variable that names the folder where downloaded data lies already."""


def find_or_download(
    file: str,
    *,
    sha256: str,
    url: str,
    max_bytes: int,
    member: str = "",
    max_archive_bytes: int = 0,
) -> Path:
    """A data file: in the folder that ETUDE_DATA names, in the cache, or downloaded.

    Args:
        file: where it lies in the data folder, such as "ml-100k/u.data".
        sha256: of the file. A file of another content is never read.
        url: HTTPS address of the file, or of a zip archive that contains it.
        max_bytes: a larger file is refused, however small it is when packed.
        member: its name in the archive. Nothing else of the archive is unpacked. "" where the
            address is that of the file itself.
        max_archive_bytes: a larger archive is refused.

    Returns:
        Where the file is; its content has been verified.

    Raises:
        InputError: it is nowhere and cannot be downloaded, or is not the right one.
    """
    folder = os.environ.get(DATA_FOLDER)
    if folder:
        own = Path(folder).expanduser() / file
        if own.is_file():
            if _sha256(own) != sha256:
                raise InputError(
                    f"{str(own)!r} must have the SHA-256 {sha256}, and has {_sha256(own)}: "
                    "replace it by the original"
                )
            return own
    import platformdirs

    cached = Path(platformdirs.user_cache_dir("etude")) / "data" / file
    if cached.is_file() and _sha256(cached) == sha256:
        return cached
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as temporary:
            fetched = _fetch(url, Path(temporary), max_archive_bytes if member else max_bytes)
            unpacked = Path(temporary) / "unpacked" if member else fetched
            if member:
                _unpack(fetched, member, unpacked, max_bytes)
            if _sha256(unpacked) != sha256:
                raise InputError(
                    f"{member or file!r} of {url} must have the SHA-256 {sha256}, and has "
                    f"{_sha256(unpacked)}: it is not the data that this release knows"
                )
            unpacked.replace(cached)
    except OSError as error:
        raise InputError(
            f"{file!r} could not be downloaded from {url} ({type(error).__name__}). Download "
            f"{'and unpack it' if member else 'it'} yourself, and let {DATA_FOLDER} name the "
            f"folder that then holds {file!r}"
        ) from error
    return cached


def gunzipped(file: Path, max_bytes: int) -> bytes:
    """The content of a gzip file, if it is no larger than it may be.

    Raises:
        InputError: it expands to more than `max_bytes`, or is damaged.
    """
    try:
        with gzip.open(file) as packed:
            content = packed.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{str(file)!r} cannot be unpacked: {error}") from None
    if len(content) > max_bytes:
        raise InputError(f"{str(file)!r} must expand to at most {max_bytes:,} bytes, and has more")
    return content


def _fetch(url: str, folder: Path, max_bytes: int) -> Path:
    """Download a file. The caller verifies its content, after unpacking where it is packed."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    return Path(
        pooch.retrieve(
            url,
            known_hash=None,
            fname="fetched",
            path=folder,
            downloader=_Capped(max_bytes),
        )
    )


class _Capped:
    """Downloads over HTTPS, also after redirections, and at most so many bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes

    def __call__(self, url: str, output_file: Any, pooch: Any) -> None:
        import requests

        with (
            requests.get(url, stream=True, timeout=30) as answer,
            Path(output_file).open("wb") as output,
        ):
            answer.raise_for_status()
            for address in [url, *(step.url for step in answer.history), answer.url]:
                if not address.startswith("https://"):
                    raise InputError(f"downloads must come over HTTPS, got {address}")
            received = 0
            for part in answer.iter_content(1 << 16):
                received += len(part)
                if received > self.max_bytes:
                    raise InputError(
                        f"{url} must have at most {self.max_bytes:,} bytes, and has more"
                    )
                output.write(part)


def _unpack(archive: Path, member: str, target: Path, max_bytes: int) -> None:
    """Write one member of a zip archive under our own name, counting what really comes out."""
    try:
        with zipfile.ZipFile(archive) as members, members.open(member) as packed:
            written = 0
            with target.open("wb") as output:
                while part := packed.read(1 << 16):
                    written += len(part)
                    if written > max_bytes:
                        raise InputError(
                            f"{member!r} must have at most {max_bytes:,} bytes, and has more"
                        )
                    output.write(part)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"the downloaded archive cannot be unpacked: {error}") from None


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
