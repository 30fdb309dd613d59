"""Addresses, servers and disks as they are met: odd names, busy servers, logins, no room."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from file_server import serving

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.addresses import shown_address
from basenji_kipoi.base.remote.copies import AbsentError, local_copy

CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BASENJI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr("basenji_kipoi.base.remote.copies._WAIT", 0.0)
    return tmp_path / "cache"


@pytest.fixture
def server(cache):
    with serving({"/a.bin": CONTENT}) as server:
        yield server


@pytest.mark.parametrize("is_encoded", [True, False])
@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("a b[1] (2).fa", "a b[1] (2).fa"),
        ("größe.fa", "größe.fa"),
        ("x" * 250 + ".fa.gz", "x" * 174 + ".fa.gz"),
        ("ä" * 100 + ".vcf.gz", "ä" * 86 + ".vcf.gz"),
        (".lock", "_lock"),
        (".x.copy.json", "_x.copy.json"),
    ],
)
def test_names_of_any_kind(server, name, copy, is_encoded):
    server.files[f"/{name}"] = CONTENT
    path = local_copy(f"{server.address}/{quote(name) if is_encoded else name}")
    assert path.name == copy
    assert path.read_bytes() == CONTENT


def test_an_address_that_is_sent_on_with_its_query(server):
    server.moved["/old.bin"] = "/a.bin?v=1"
    path = local_copy(f"{server.address}/old.bin?download=1")
    assert path.name == "old.bin"
    assert path.read_bytes() == CONTENT


def test_where_addresses_send_each_other_on_is_one_line(server):
    server.moved["/a.bin"] = "/a.bin"
    with pytest.raises(InputError, match=r"302 .* infinite loop") as caught:
        local_copy(f"{server.address}/a.bin")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again(server, code):
    server.codes = [code] * 3
    assert local_copy(f"{server.address}/a.bin").read_bytes() == CONTENT
    server.codes = [code] * 4
    with pytest.raises(InputError, match=f"cannot be read: {code} ") as caught:
        local_copy(f"{server.address}/a.bin?2")
    assert not isinstance(caught.value, AbsentError)


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_what_is_not_for_us_is_asked_for_once(server, code):
    server.codes = [code] * 4
    with pytest.raises(InputError, match=f"cannot be read: {code} ") as caught:
        local_copy(f"{server.address}/a.bin")
    assert len(server.codes) == 3
    assert isinstance(caught.value, AbsentError) == (code != 401)


def test_of_a_server_in_trouble_the_copy_is_used(server, caplog):
    path = local_copy(f"{server.address}/a.bin")
    server.codes = [503]
    assert local_copy(f"{server.address}/a.bin") == path
    assert "503 Service Unavailable): its copy" in caplog.text


def test_a_page_in_the_place_of_a_file_is_refused(server):
    address = f"{server.address}/a.bin"
    path = local_copy(address)
    server.headers, server.tag = {"Content-Type": "text/html; charset=utf-8"}, '"login"'
    with pytest.raises(InputError, match=r"a page to look at .* login"):
        local_copy(address)
    # It is no reason to lose what is here.
    assert path.read_bytes() == CONTENT


def test_the_old_copy_stays_until_the_new_one_is_whole(server):
    path = local_copy(f"{server.address}/a.bin")
    index = path.with_name("a.bin.fai")
    index.write_text("old")
    server.files["/a.bin"], server.tag, server.stops = CONTENT[::-1], '"second"', [100_000]
    with pytest.raises(InputError, match="100,000 bytes are kept"):
        local_copy(f"{server.address}/a.bin", tries=1)
    assert path.read_bytes() == CONTENT
    assert index.exists()
    assert local_copy(f"{server.address}/a.bin").read_bytes() == CONTENT[::-1]
    assert not index.exists()


@pytest.mark.parametrize("tag", [None, '"second"'])
def test_the_same_content_is_the_same_copy(server, tag):
    address = f"{server.address}/a.bin"
    path = local_copy(address)
    path.with_name("a.bin.fai").write_text("index")
    before = path.stat().st_mtime_ns
    for _ in range(2):
        server.tag = tag
        assert local_copy(address) == path
    # Fetched each time without a tag, and once with another.
    assert server.sent // len(CONTENT) == (3 if tag is None else 2)
    assert path.stat().st_mtime_ns == before
    assert path.with_name("a.bin.fai").exists()


@pytest.mark.parametrize(
    ("rest", "name"),
    [
        ("a.bin?file=other.fa", "a.bin"),
        ("download?x=1.5&file=dir/genome.fa.gz&v=2", "genome.fa.gz"),
        ("genome.fa.gz/content", "genome.fa.gz"),
        ("download/?acc=1&file=genome%2Efa%2Egz", "genome.fa.gz"),
        ("v1.0/download", "download"),
    ],
)
def test_a_copy_has_the_ending_that_tells_what_it_is(server, rest, name):
    server.files[f"/{rest.partition('?')[0]}"] = CONTENT
    assert local_copy(f"{server.address}/{rest}").name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ftp://h/a.fa", "ftp://h/a.fa: ftp addresses are not read: http, https, s3 and gs are"),
        (Path("az://h/a.fa"), "az://h/a.fa: az addresses are not read"),
        ("file:///x/a.fa", "file:///x/a.fa: file addresses are not read: name /x/a.fa"),
    ],
)
@pytest.mark.parametrize("read", [bk.Genome, bk.load])
def test_other_addresses_are_told_from_missing_files(read, text, message):
    with pytest.raises(InputError) as caught:
        read(text)
    assert message in str(caught.value)


def test_an_empty_file_is_fetched_once(server):
    server.files["/a.bin"] = b""
    for _ in range(2):
        assert local_copy(f"{server.address}/a.bin").read_bytes() == b""
    assert len(server.asked) == 5  # twice each, for it has no first byte; and the file


def test_a_chunked_file_has_an_end(server):
    server.knows_ranges = server.says_length = False
    server.is_chunked, server.tag = True, 'W/"weak"'
    for _ in range(2):
        assert local_copy(f"{server.address}/a.bin").read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_names_and_passwords_come_from_a_file(server, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    server.moved["/there.bin"] = f"http://localhost:{server.server_port}/a.bin"
    local_copy(f"{server.address}/there.bin")
    # Another host gets none.
    assert server.logins == ["Basic bWU6c2VjcmV0", None] * 2


@pytest.mark.parametrize("scheme", ["http", "s3"])
def test_passwords_in_addresses_are_refused_and_not_shown(cache, scheme):
    with pytest.raises(InputError, match=r"://…@127.0.0.1:1/a.bin: expected .*~/.netrc") as caught:
        local_copy(f"{scheme}://me:secret@127.0.0.1:1/a.bin")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/a.fa?download=1#sha256=00", "https://h/a.fa?download=1#sha256=00"),
        ("https:/me:pw@h/a.fa", "https:/…@h/a.fa"),
        ("s3://b/me@home.fa", "s3://b/me@home.fa"),
        (
            "h?AWSAccessKeyId=A&Expires=1&Signature=b/c%3D",
            "h?AWSAccessKeyId=…&Expires=1&Signature=…",
        ),
        ("h?X-Amz-Credential=a&X-Amz-Date=1&X-Amz-Signature=b", None),
        ("--vcf 'h?sv=1&sig=abc' --out x", "--vcf 'h?sv=1&sig=…' --out x"),
        ("h?access_token=abc#md5=1", "h?access_token=…#md5=1"),
    ],
)
def test_what_opens_files_to_others_is_not_shown(text, shown):
    wanted = "h?X-Amz-Credential=…&X-Amz-Date=1&X-Amz-Signature=…" if shown is None else shown
    assert shown_address(text) == wanted


def test_signatures_stand_in_no_message_and_no_record(server, cache, caplog):
    address = f"{server.address}/a.bin?sig=secret"
    local_copy(address)
    server.codes = [403]
    local_copy(address)
    assert "a.bin?sig=…" in caplog.text
    server.codes = [403]
    with pytest.raises(InputError, match=r"b.bin\?sig=… cannot be read"):
        local_copy(address.replace("a.bin", "b.bin"))
    kept = b"".join(path.read_bytes() for path in cache.rglob("*.json"))
    assert b"secret" not in kept + caplog.text.encode()


def test_a_disk_without_room_is_one_line(server, small_disk, monkeypatch):
    monkeypatch.setenv("BASENJI_CACHE", str(small_disk))
    with pytest.raises(InputError, match=r"a.bin needs up to 512,000 bytes in .*make space"):
        local_copy(f"{server.address}/a.bin")
    server.files["/a.bin"] = CONTENT[:100]
    path = local_copy(f"{server.address}/a.bin")
    for each in (path, path.with_name(".a.bin.copy.json")):
        each.unlink()
    # There is room for the file, and none for what is noted of it.
    (small_disk / "filling").write_bytes(bytes(shutil.disk_usage(small_disk).free - 4096))
    with pytest.raises(InputError, match=r"its copy .*a.bin cannot be written \(No space left"):
        local_copy(f"{server.address}/a.bin")


def test_a_cache_that_can_only_be_read_is_read(server, small_disk, monkeypatch):
    monkeypatch.setenv("BASENJI_CACHE", str(small_disk))
    server.files["/a.bin"] = CONTENT[:1000]
    path = local_copy(f"{server.address}/a.bin")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert local_copy(f"{server.address}/a.bin") == path
    for change in ("?other", ""):
        server.tag = '"second"'
        with pytest.raises(InputError, match=r"cannot be kept there \(Read-only file system\)"):
            local_copy(f"{server.address}/a.bin{change}")


def test_a_cache_that_is_removed_meanwhile_is_one_line(server, cache, monkeypatch):
    server.stops, server.stalls = [100_000], True
    monkeypatch.setattr(
        "basenji_kipoi.base.remote.copies.time.sleep", lambda _: shutil.rmtree(cache)
    )
    with pytest.raises(InputError, match=r"its copy .* cannot be written \(No such file"):
        local_copy(f"{server.address}/a.bin", patience=0.3)


def test_a_process_that_was_killed_leaves_nothing_in_the_way(server, cache):
    code = (
        "import os, sys\n"
        "from basenji_kipoi.base import atomic\n"
        "from basenji_kipoi.base.remote.copies import local_copy\n"
        "atomic.os.posix_fallocate = lambda *_: os.kill(os.getpid(), 9)\n"
        "local_copy(sys.argv[1])"
    )
    address = f"{server.address}/a.bin"
    killed = subprocess.run([sys.executable, "-c", code, address], check=False)
    assert killed.returncode == -9
    path = local_copy(address)
    assert path.read_bytes() == CONTENT
    assert not list(cache.rglob("*.space"))
    with (path.parent / ".lock").open("ab") as lock:  # nobody has it any longer
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_disk_that_cannot_lock_is_one_line(server, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("basenji_kipoi.base.remote.copies.fcntl.flock", refuse)
    with pytest.raises(InputError, match=r"kept there \(No locks available\)"):
        local_copy(f"{server.address}/a.bin")
