import gzip
import hashlib
import io
import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from etude.data import download
from etude.data.download import find_or_download, gunzipped
from etude.errors import InputError

_gzipped = partial(gzip.compress, mtime=0)
"""Equal content gives equal bytes, which name a test: all workers must see the same names."""

CONTENT = b"1\t2\t3\t4\n" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/set.zip"


def packed(content=CONTENT, name="set/file.data"):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil", b"never written")
        archive.writestr(name, content)
    return memory.getvalue()


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A cache of our own, no data folder, and a server that gives `world.body`."""
    world = SimpleNamespace(body=packed(), asked=0, url=URL, cache=tmp_path / "cache")

    class Answer:
        history = ()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        @property
        def url(self):
            return world.url

        def raise_for_status(self):
            pass

        def iter_content(self, size):
            for start in range(0, len(world.body), size):
                yield world.body[start : start + size]

    def get(url, **_):
        world.asked += 1
        if world.body is None:
            raise requests.ConnectionError("no network")
        return Answer()

    monkeypatch.setattr(requests, "get", get)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(world.cache))
    monkeypatch.delenv(download.DATA_FOLDER, raising=False)
    return world


def found(**fields):
    wanted = {"sha256": SHA256, "url": URL, "member": "set/file.data"}
    caps = {"max_bytes": 10_000, "max_archive_bytes": 10_000}
    return find_or_download("set/file.data", **(wanted | caps | fields))


def test_downloaded_once(world):
    path = found()
    assert path.read_bytes() == CONTENT
    assert found() == path
    assert world.asked == 1
    assert [p for p in world.cache.rglob("*") if p.is_file()] == [path]


def test_a_broken_copy_in_the_cache_is_replaced(world):
    found().write_bytes(b"broken")
    assert found().read_bytes() == CONTENT
    assert world.asked == 2


def test_found_in_the_data_folder(world, tmp_path, monkeypatch):
    monkeypatch.setenv(download.DATA_FOLDER, str(tmp_path / "mine"))
    own = tmp_path / "mine" / "set" / "file.data"
    own.parent.mkdir(parents=True)
    own.write_bytes(CONTENT)
    assert found() == own
    assert world.asked == 0
    own.write_bytes(CONTENT + b"5")
    with pytest.raises(InputError, match=r"file.data' must have the SHA-256"):
        found()


def test_what_is_not_in_the_data_folder_is_downloaded(world, tmp_path, monkeypatch):
    monkeypatch.setenv(download.DATA_FOLDER, str(tmp_path / "none"))
    assert found().read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("body", "fields", "message"),
    [
        (None, {}, r"ConnectionError\). Download and unpack it yourself, and let ETUDE_DATA name"),
        (packed(b"other"), {}, "must have the SHA-256"),
        (packed(), {"max_bytes": 100}, "'set/file.data' must have at most 100 bytes"),
        (packed(), {"max_archive_bytes": 50}, "must have at most 50 bytes"),
        (packed(name="else"), {}, "cannot be unpacked"),
        (b"this is no archive", {}, "cannot be unpacked"),
    ],
)
def test_refused(world, body, fields, message):
    world.body = body
    with pytest.raises(InputError, match=message):
        found(**fields)
    assert not [path for path in world.cache.rglob("*") if path.is_file()]


def test_a_file_that_is_in_no_archive(world):
    world.body = CONTENT
    path = found(member="")
    assert path.read_bytes() == CONTENT
    assert [p for p in world.cache.rglob("*") if p.is_file()] == [path]
    path.unlink()
    with pytest.raises(InputError, match=r"must have at most 700 bytes, and has more"):
        found(member="", max_bytes=700)
    world.body = b"other"
    with pytest.raises(InputError, match="must have the SHA-256"):
        found(member="")
    world.body = None
    with pytest.raises(InputError, match="Download it yourself, and let ETUDE_DATA name"):
        found(member="")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_gzipped(bytes(101)), "must expand to at most 100 bytes, and has more"),
        (_gzipped(bytes(10**8)), "must expand to at most 100 bytes, and has more"),
        (_gzipped(bytes(100))[:-1], "cannot be unpacked"),
        (_gzipped(bytes(100))[:10] + b"\xff" * 30, "cannot be unpacked"),
        (CONTENT, "cannot be unpacked"),
    ],
)
def test_gunzipped(tmp_path, content, message):
    file = tmp_path / "x.gz"
    file.write_bytes(_gzipped(bytes(100)))
    assert gunzipped(file, 100) == bytes(100)
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        gunzipped(file, 100)


def test_redirections_stay_on_https(world):
    world.url = "http://example.org/set.zip"
    with pytest.raises(InputError, match="must come over HTTPS"):
        found()


def test_nothing_else_is_unpacked(world, tmp_path):
    found()
    assert not list(Path(tmp_path).rglob("evil*"))


def test_a_file_that_is_not_packed(world):
    world.body = CONTENT
    plain = {"member": "", "max_archive_bytes": 0}
    assert found(**plain).read_bytes() == CONTENT
    assert found(**plain) == world.cache / "data" / "set" / "file.data"
    assert world.asked == 1


def test_files_that_are_not_packed_are_refused(world):
    plain = {"member": "", "max_archive_bytes": 0}
    world.body = CONTENT + b"5"
    with pytest.raises(InputError, match=r"'set/file\.data' of .* must have the SHA-256"):
        found(**plain)
    with pytest.raises(InputError, match="must have at most 100 bytes"):
        found(**plain, max_bytes=100)
    world.body = None
    with pytest.raises(InputError, match=r"\(ConnectionError\)\. Download it yourself, and let"):
        found(**plain)
    assert not [path for path in world.cache.rglob("*") if path.is_file()]
