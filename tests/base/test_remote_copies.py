"""Files of a server on this machine that keeps its word, breaks off, stalls, lies and vanishes."""

from __future__ import annotations

import hashlib
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from file_server import serving

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.addresses import is_address, whole_address
from basenji_kipoi.base.remote.copies import cache_folder, local_copy

CONTENT = np.random.default_rng(1).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BASENJI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("basenji_kipoi.base.remote.copies._WAIT", 0.0)
    return tmp_path / "cache"


@pytest.fixture
def server(cache):
    with serving({"/data/genome.bin": CONTENT}) as server:
        yield server


def leftovers(cache):
    """Names of what a cache holds besides locks and what is known of copies."""
    return sorted(
        path.name
        for path in cache.rglob("*")
        if path.is_file() and path.name != ".lock" and not path.name.endswith(".copy.json")
    )


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("https://host/a.fa", "https://host/a.fa"),
        (Path("https://host/a.fa"), "https://host/a.fa"),
        ("S3://bucket/a.vcf.gz", "s3://bucket/a.vcf.gz"),
        (Path("gs://bucket/a"), "gs://bucket/a"),
    ],
)
def test_addresses_survive_paths(text, whole):
    assert is_address(text)
    assert whole_address(text) == whole


@pytest.mark.parametrize("text", ["a.fa", "/http/a.fa", "https", "-", "C:/a.fa", "httpsx://a", ""])
def test_paths_are_no_addresses(text):
    assert not is_address(text)


def test_a_file_is_fetched_once(server, cache):
    paths = {local_copy(f"{server.address}/data/genome.bin") for _ in range(3)}
    (path,) = paths
    assert path.name == "genome.bin"
    assert path.read_bytes() == CONTENT
    assert leftovers(cache) == ["genome.bin"]
    # Asked three times, and fetched once.
    assert server.ranges == ["bytes=0-0", None, "bytes=0-0", "bytes=0-0"]
    assert server.sent == len(CONTENT) + 3


def test_a_changed_file_is_fetched_again_without_the_old_index(server, cache):
    path = local_copy(f"{server.address}/data/genome.bin")
    index = path.with_name("genome.bin.fai")
    index.write_text("old")
    server.files["/data/genome.bin"], server.tag = CONTENT[:1000], '"second"'
    assert local_copy(f"{server.address}/data/genome.bin") == path
    assert path.read_bytes() == CONTENT[:1000]
    assert not index.exists()


def test_a_spoilt_copy_is_fetched_again(server, cache):
    path = local_copy(f"{server.address}/data/genome.bin")
    path.write_bytes(b"\0" + CONTENT[1:])
    local_copy(f"{server.address}/data/genome.bin")
    assert path.read_bytes() == CONTENT


def test_without_tag_or_time_nothing_tells_that_a_copy_is_current(server, cache):
    server.tag = None
    local_copy(f"{server.address}/data/genome.bin")
    server.files["/data/genome.bin"] = CONTENT[::-1]
    path = local_copy(f"{server.address}/data/genome.bin")
    assert path.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_transfers_that_break_off_are_gone_on_with(server, cache, knows_ranges):
    server.knows_ranges = knows_ranges
    server.stops = [1_200_000, 2_500_000]
    path = local_copy(f"{server.address}/data/genome.bin")
    assert path.read_bytes() == CONTENT
    assert server.ranges == ["bytes=0-0", None, "bytes=1200000-", "bytes=2500000-"]


def test_what_was_fetched_is_kept_for_the_next_call(server, cache):
    server.stops = [1_500_000]
    with pytest.raises(InputError, match=r"1,500,000 bytes are kept: the same command goes on"):
        local_copy(f"{server.address}/data/genome.bin", tries=1)
    assert local_copy(f"{server.address}/data/genome.bin").read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=1500000-"
    assert leftovers(cache) == ["genome.bin"]


def test_a_part_of_another_version_is_not_gone_on_with(server, cache):
    server.stops = [1_500_000]
    with pytest.raises(InputError):
        local_copy(f"{server.address}/data/genome.bin", tries=1)
    server.files["/data/genome.bin"], server.tag = CONTENT[::-1], '"second"'
    assert local_copy(f"{server.address}/data/genome.bin").read_bytes() == CONTENT[::-1]
    assert leftovers(cache) == ["genome.bin"]


def test_a_server_that_stalls_is_asked_again(server, cache):
    server.stops, server.stalls = [1_000_000], True
    path = local_copy(f"{server.address}/data/genome.bin", patience=0.5)
    assert path.read_bytes() == CONTENT


def test_a_server_that_only_stalls_is_given_up(server, cache):
    server.stops, server.stalls = [1_000_000, 1_000_001, 1_000_002], True
    with pytest.raises(InputError, match=r"could not be fetched \(.*timed out.*kept"):
        local_copy(f"{server.address}/data/genome.bin", patience=0.3, tries=3)


@pytest.mark.parametrize("off", [-1000, 1000])
def test_a_server_that_lies_about_sizes(server, cache, off):
    # Of fewer bytes than there are, a client sees no more than was said: only ranges tell.
    server.length_is_off_by = off
    wanted = f"#sha256={SHA256}" if off < 0 else ""
    with pytest.raises(InputError, match=r"could not be fetched|has the sha256|server said"):
        local_copy(f"{server.address}/data/genome.bin{wanted}", tries=2)
    assert "genome.bin" not in leftovers(cache)


def test_a_size_that_no_disk_has_is_refused_before_anything_is_fetched(server, cache):
    server.length_is_off_by = 2**60
    with pytest.raises(InputError, match="space"):
        local_copy(f"{server.address}/data/genome.bin")
    assert leftovers(cache) == []


def test_without_a_length_a_checksum_is_asked_for(server, cache):
    server.says_length = False
    with pytest.raises(InputError, match=r"does not say where the file ends.*#sha256="):
        local_copy(f"{server.address}/data/genome.bin")
    path = local_copy(f"{server.address}/data/genome.bin#sha256={SHA256}")
    assert path.read_bytes() == CONTENT


def test_a_checksum_is_checked_and_makes_asking_needless(server, cache):
    with pytest.raises(InputError, match=rf"has the sha256 {SHA256}, not {'0' * 64}"):
        local_copy(f"{server.address}/data/genome.bin#sha256={'0' * 64}")
    path = local_copy(f"{server.address}/data/genome.bin#sha256={SHA256}")
    asked = len(server.asked)
    assert local_copy(f"{server.address}/data/genome.bin#sha256={SHA256}") == path
    assert len(server.asked) == asked


def test_without_its_server_a_copy_is_used_with_a_warning(cache, caplog):
    with serving({"/a.bin": CONTENT}) as server:
        address = f"{server.address}/a.bin"
        path = local_copy(address)
    with caplog.at_level(logging.WARNING):
        assert local_copy(address) == path
    assert "cannot be asked for" in caplog.text
    shutil.rmtree(cache)
    with pytest.raises(InputError, match=r"a.bin cannot be read: .*refused"):
        local_copy(address)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}/nothing.fa", "nothing.fa cannot be read: 404 Not Found"),
        ("{}/", "expected the address of a file"),
        ("{}/data/..", "expected the address of a file"),
        ("{}/data/genome.bin#sha256=12", "expected #sha256= with 64"),
        ("{}/data/genome.bin#crc=12", "expected #sha256= with 64"),
        ("http://[::1/a.fa", "http"),
        ("http://127.0.0.1:99999/a.fa", "http"),
        ("http://127.0.0.1:1/a b.fa", "cannot be read"),
    ],
)
def test_what_is_no_file_is_one_line(server, cache, text, message):
    with pytest.raises(InputError, match=message) as caught:
        local_copy(text.format(server.address))
    assert "\n" not in str(caught.value)


def test_processes_that_want_one_file_wait_for_each_other(server, cache):
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(local_copy, [f"{server.address}/data/genome.bin"] * 4))
    assert len(paths) == 1
    assert next(iter(paths)).read_bytes() == CONTENT
    assert len(server.asked) == 5  # each asks, one fetches


def test_a_cache_that_cannot_be_written_is_one_line(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BASENJI_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="BASENJI_CACHE"):
        local_copy(f"{server.address}/data/genome.bin")


def test_the_cache_is_where_users_say(monkeypatch, tmp_path):
    monkeypatch.delenv("BASENJI_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "basenji"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "basenji"
