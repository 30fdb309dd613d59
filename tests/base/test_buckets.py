"""Objects of buckets that are there, change, are closed, break off, stall and vanish."""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys

import numpy as np
import pytest
from bucket_server import bucket, use_environment, using_bucket

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.copies import AbsentError, local_copy

__all__ = ["bucket"]

CONTENT = np.random.default_rng(1).bytes(5_000_000)


def address(bucket, name="dir/a.bin"):
    return f"{bucket.scheme}://data/{name}"


@pytest.fixture
def google(tmp_path, monkeypatch):
    with using_bucket("gs", tmp_path, monkeypatch) as server:
        yield server


def test_an_object_is_fetched_once(bucket):
    bucket.put("dir/a.bin", CONTENT)
    for _ in range(3):
        assert local_copy(address(bucket)).read_bytes() == CONTENT
    assert bucket.sent < 2 * len(CONTENT)


def test_a_changed_object_is_fetched_again_without_the_old_index(bucket):
    bucket.put("dir/a.bin", CONTENT)
    path = local_copy(address(bucket))
    index = path.with_name("a.bin.fai")
    index.write_text("old")
    bucket.put("dir/a.bin", CONTENT[:1000])
    assert local_copy(address(bucket)) == path
    assert path.read_bytes() == CONTENT[:1000]
    assert not index.exists()


def test_an_object_that_is_put_there_again_is_the_same(bucket):
    bucket.put("dir/a.bin", CONTENT)
    path = local_copy(address(bucket))
    sent, before = bucket.sent, path.stat().st_mtime_ns
    bucket.put("dir/a.bin", CONTENT)
    local_copy(address(bucket))
    assert bucket.sent - sent < 10
    assert path.stat().st_mtime_ns == before


def test_what_was_listed_before_is_asked_for_again(google):
    import fsspec

    google.put("dir/a.bin", CONTENT)
    local_copy(address(google))
    fsspec.filesystem("gs").ls("data/dir")
    google.put("dir/a.bin", CONTENT[:1000])
    assert local_copy(address(google)).read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize("name", ["dir/größe (1) 100%.fa", "dir/gr%C3%B6%C3%9Fe%20(1)%20100%25.fa"])
def test_names_of_any_kind(bucket, name):
    bucket.put("dir/größe (1) 100%.fa", CONTENT[:1000])
    path = local_copy(address(bucket, name))
    assert path.read_bytes() == CONTENT[:1000]
    assert path.name == "größe (1) 100%.fa"


def test_what_a_bucket_refuses_is_one_line(bucket, caplog, capfd):
    bucket.put("dir/a.bin", CONTENT)
    for name, codes, reason in [
        ("data/b.bin", [], "no such file"),
        ("none/b.bin", [], "Not Found" if bucket.scheme == "s3" else "no such file or bucket"),
        ("data/dir/a.bin", [403] * 4, "Forbidden"),
    ]:
        bucket.codes = codes
        whole = f"{bucket.scheme}://{name}"
        with pytest.raises(AbsentError, match=f"^{whole} cannot be read: .*{reason}") as caught:
            local_copy(whole)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_folder_is_no_file(google):
    google.put("dir/a.bin", CONTENT)
    with pytest.raises(InputError, match="gs://data/dir cannot be read: it is a folder"):
        local_copy(address(google, "dir"))


def test_an_object_that_is_compressed_on_its_way_is_refused(google):
    google.put("dir/a.bin", CONTENT)
    google.describe("dir/a.bin", contentEncoding="gzip")
    with pytest.raises(InputError, match="stored with Content-Encoding: gzip: store it without"):
        local_copy(address(google))


def test_a_change_of_what_is_said_of_an_object_is_none_of_it(google):
    google.put("dir/a.bin", CONTENT)
    local_copy(address(google))
    sent = google.sent
    google.describe("dir/a.bin", metadata={"from": "me"})
    local_copy(address(google))
    assert google.sent == sent


def test_where_nobody_is_let_in_credentials_are_named(google):
    google.put("dir/a.bin", CONTENT)
    google.codes = [401] * 4
    with pytest.raises(AbsentError, match=r"not you, 401; credentials: GOOGLE_APPLICATION_CRED"):
        local_copy(address(google))


def test_without_keys_a_bucket_says_what_public_ones_need(tmp_path, monkeypatch):
    with using_bucket("s3", tmp_path, monkeypatch) as server:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        use_environment()
        server.put("a.bin", CONTENT)
        with pytest.raises(InputError, match="of a public bucket: set FSSPEC_S3_ANON=true"):
            local_copy("s3://data/a.bin")
        monkeypatch.setenv("FSSPEC_S3_ANON", "true")
        use_environment()
        assert local_copy("s3://data/a.bin").read_bytes() == CONTENT


def test_without_credentials_a_public_bucket_of_google_is_read(google, monkeypatch):
    monkeypatch.delenv("FSSPEC_GS_TOKEN")
    use_environment()
    google.put("dir/a.bin", CONTENT)
    assert local_copy(address(google)).read_bytes() == CONTENT
    assert set(google.logins) == {None}


@pytest.mark.parametrize("name", ["GOOGLE_APPLICATION_CREDENTIALS", "FSSPEC_GS_TOKEN"])
def test_files_that_hold_no_credentials_are_told(google, monkeypatch, tmp_path, name):
    key = tmp_path / "key.json"
    monkeypatch.setenv(name, str(key))
    with pytest.raises(InputError, match=rf"{name} names {key}: No such file or directory$"):
        local_copy(address(google))
    for text in ("{", "[]"):
        key.write_text(text)
        with pytest.raises(InputError, match=rf"{name} names {key}: expected credentials in JSON$"):
            local_copy(address(google))
    assert google.logins == []


@pytest.mark.parametrize("name", ["GOOGLE_APPLICATION_CREDENTIALS", "FSSPEC_GS_TOKEN"])
def test_credentials_come_from_a_file(google, monkeypatch, tmp_path, name):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "mine",
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": "me@example.org",
        "token_uri": f"{google.address}/token",
    }
    (tmp_path / "key.json").write_text(json.dumps(account))
    monkeypatch.delenv("FSSPEC_GS_TOKEN")
    monkeypatch.setenv(name, str(tmp_path / "key.json"))
    use_environment()
    google.put("dir/a.bin", CONTENT)
    assert local_copy(address(google)).read_bytes() == CONTENT
    assert set(google.logins) == {"Bearer opened"}


def test_transfers_that_break_off_are_gone_on_with(bucket):
    bucket.put("dir/a.bin", CONTENT)
    bucket.stops = [700_000, 2_500_000]
    assert local_copy(address(bucket)).read_bytes() == CONTENT
    assert bucket.stops == []


def test_what_was_fetched_is_kept_for_the_next_call(bucket):
    bucket.put("dir/a.bin", CONTENT)
    bucket.ends_at = 1_500_000
    with pytest.raises(InputError, match=r"1,048,576 bytes are kept: the same command goes on"):
        local_copy(address(bucket), tries=1)
    bucket.ends_at, sent = None, bucket.sent
    assert local_copy(address(bucket)).read_bytes() == CONTENT
    assert bucket.sent - sent < len(CONTENT) - 1_000_000


@pytest.fixture
def stalling(bucket):
    # What is made for the first question takes its time, too.
    bucket.put("small.bin", CONTENT[:10])
    local_copy(address(bucket, "small.bin"))
    bucket.put("dir/a.bin", CONTENT)
    bucket.stalls = True
    return bucket


def test_a_bucket_that_stalls_is_asked_again(stalling):
    stalling.stops = [700_000]
    assert local_copy(address(stalling), patience=2.0).read_bytes() == CONTENT


def test_a_bucket_that_only_stalls_is_given_up(stalling):
    stalling.ends_at = 1_500_000
    with pytest.raises(InputError, match=r"timed out: no answer in 1.5 seconds\); 1,048,576 bytes"):
        local_copy(address(stalling), patience=1.5, tries=2)


def test_an_object_that_is_replaced_meanwhile_is_not_mixed(bucket):
    bucket.put("dir/a.bin", CONTENT)
    bucket.meanwhile = [lambda: bucket.put("dir/a.bin", CONTENT[::-1])]
    with pytest.raises(InputError, match=r"replaced while it was fetched\); nothing came"):
        local_copy(address(bucket))
    assert local_copy(address(bucket)).read_bytes() == CONTENT[::-1]


def test_a_checksum_is_checked(bucket):
    bucket.put("dir/a.bin", CONTENT)
    found = hashlib.md5(CONTENT).hexdigest()
    with pytest.raises(InputError, match=f"has the md5 {found}, not"):
        local_copy(f"{address(bucket)}#md5={'0' * 32}")
    path = local_copy(f"{address(bucket)}#md5={found}")
    assert path.read_bytes() == CONTENT


def test_without_its_bucket_a_copy_is_used_with_a_warning(bucket, caplog):
    bucket.put("dir/a.bin", CONTENT)
    path = local_copy(address(bucket))
    bucket.codes = [503] * 100
    with caplog.at_level(logging.WARNING, "basenji_kipoi"):
        assert local_copy(address(bucket)) == path
    assert "cannot be asked for" in caplog.text


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_a_bucket_without_its_package_says_what_to_install(tmp_path, scheme, package):
    code = (
        "import sys\n"
        f"sys.modules['{package}'] = None\n"
        "from basenji_kipoi.base.remote.copies import local_copy\n"
        f"local_copy('{scheme}://data/a.bin')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"BASENJI_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "install basenji-kipoi[remote]" in run.stderr.splitlines()[-1]
