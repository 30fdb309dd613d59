"""Downloads from a server on this machine: whole, interrupted, resumed, wrong."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from file_server import serving

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.download import download

NAME = "model.tf.index"
CONTENT = np.random.default_rng(0).bytes(3_000_000)
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.fixture
def server():
    with serving({f"/{NAME}": CONTENT}) as server:
        yield server


def url_of(server):
    return f"{server.address}/{NAME}?download=1"


def test_a_file_is_got_once(server, tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    for _ in range(2):
        assert download(url_of(server), path, MD5) == path
        assert path.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_an_interrupted_download_goes_on(server, tmp_path, knows_ranges):
    path = tmp_path / "file"
    server.stops = [2_000_000]
    with pytest.raises(InputError, match=r"2,000,000 bytes are kept. Try again") as caught:
        download(url_of(server), path, MD5)
    assert f"save it as {path}" in str(caught.value)
    assert not path.exists()
    server.knows_ranges = knows_ranges
    download(url_of(server), path, MD5)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=2000000-"]


def test_a_download_that_was_killed_at_its_end_is_finished(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(url_of(server), tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("left", [b"", b"other bytes", CONTENT + b"more"])
def test_another_file_is_refused_and_removed(server, tmp_path, left):
    (tmp_path / "file.part").write_bytes(left)
    wrong = "0" * 32
    with pytest.raises(InputError, match=rf"md5 \w{{32}}, not {wrong}; it was removed") as caught:
        download(url_of(server), tmp_path / "file", wrong)
    assert f"save it as {tmp_path / 'file'}" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_is_verified(server, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=rf"file has the md5 \w{{32}}, not {MD5}: it is damaged"):
        download(url_of(server), path, MD5)
    assert path.read_bytes() == CONTENT[:-1]  # it may be the user's own
    assert server.ranges == []


def test_what_is_not_there_is_asked_for_by_hand(server, tmp_path):
    url = url_of(server).replace("model", "missing")
    with pytest.raises(
        InputError, match=r"could not be downloaded \(404 Not Found\); 0 bytes"
    ) as caught:
        download(url, tmp_path / "file", MD5)
    assert f"by hand and save it as {tmp_path / 'file'}" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_unreachable_server(tmp_path):
    with serving({}) as closed:
        url = url_of(closed)
    with pytest.raises(InputError, match=r"could not be downloaded \(.*refused\)"):
        download(url, tmp_path / "file", MD5)


def test_an_address_of_a_file(tmp_path):
    (tmp_path / "source").write_bytes(CONTENT)
    url = (tmp_path / "source").as_uri()
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    download(url, tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT
    with pytest.raises(InputError, match=r"nothing could not be downloaded"):
        download((tmp_path / "nothing").as_uri(), tmp_path / "other", MD5)


def test_several_at_once_get_it_once(server, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(download, url_of(server), tmp_path / "file", MD5) for _ in range(4)]
        assert {future.result() for future in done} == {tmp_path / "file"}
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == [None]
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_is_too_large_is_not_fetched(server, tmp_path, known):
    server.says_length = known
    with pytest.raises(InputError, match=r"it has [\d,]+ bytes or more, and at most 100 are"):
        download(url_of(server), tmp_path / "file", MD5, most=100)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("url", ["", "nothing", "x://y", "http://[", "http://a b/c", "file:"])
def test_what_is_no_address_is_one_line(tmp_path, url):
    with pytest.raises(InputError, match="could not be downloaded"):
        download(url, tmp_path / "file", MD5)
    assert not list(tmp_path.iterdir())
