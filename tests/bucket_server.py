"""Buckets on this machine, of Amazon's kind and of Google's, which misbehave as they are told."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from urllib.parse import quote
from urllib.request import Request, urlopen

import fsspec.config
import pytest
from file_server import Server

# As our package sets it, but tests import gcsfs earlier.
_GRPC = "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"
os.environ.setdefault(_GRPC, "false")

KINDS = ("s3", "gs")
LISTING = b"<ListBucketResult><Name>data</Name><KeyCount>0</KeyCount></ListBucketResult>"


class AmazonBucket(Server):
    """One bucket, ``data``, by the server of files."""

    scheme = "s3"

    def __init__(self):
        super().__init__({"/data": LISTING})
        self.tag = lambda content: f'"{hashlib.md5(content).hexdigest()}"'

    @property
    def environment(self):
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def put(self, name, content):
        self.files[f"/data/{name}"] = content


class GoogleBucket(ThreadingHTTPServer):
    """One bucket, ``data``, by an emulator of Google's storage."""

    scheme = "gs"
    daemon_threads = True

    def __init__(self):
        from gcp_storage_emulator.handlers.buckets import create_bucket
        from gcp_storage_emulator.storage import Storage

        self.storage = Storage(use_memory_fs=True)
        create_bucket("data", self.storage)
        super().__init__(("127.0.0.1", 0), _google_handler(self.storage))
        self.sent = 0
        self.stops, self.stalls, self.ends_at, self.meanwhile = [], False, None, []
        self.codes, self.logins = [], []
        self.patience = threading.Event()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def environment(self):
        return {"STORAGE_EMULATOR_HOST": self.address, "FSSPEC_GS_TOKEN": "anon"}

    def put(self, name, content):
        address = f"{self.address}/data/{quote(name)}"
        with urlopen(Request(address, data=content, method="PUT")):
            pass

    def describe(self, name, **what):
        """Change what is said of an object, and not the object."""
        address = f"{self.address}/storage/v1/b/data/o/{quote(name, safe='')}"
        head = {"Content-Type": "application/json"}
        content = json.dumps(what).encode()
        with urlopen(Request(address, data=content, headers=head, method="PATCH")):
            pass

    def handle_error(self, *_):
        """Say nothing of clients that went."""


def _google_handler(storage):
    from gcp_storage_emulator.server import RequestHandler

    class Handler(RequestHandler):
        def __init__(self, *arguments):
            super().__init__(storage, *arguments)

        def do_GET(self):  # noqa: N802 - as the base class calls it
            server = self.server
            server.logins.append(self.headers.get("Authorization"))
            if server.codes:
                code = server.codes.pop(0)
                content = json.dumps({"error": {"code": code, "message": "not you"}}).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                return
            if "alt=media" in self.path:
                asked = self.headers.get("Range", "bytes=0-")
                self.wfile = _Cut(self.wfile, server, asked)
                if server.meanwhile and not asked.startswith("bytes=0-"):
                    server.meanwhile.pop()()
            super().do_GET()

        def do_POST(self):  # noqa: N802 - as the base class calls it
            if self.path != "/token":
                super().do_POST()
                return
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = {"access_token": "opened", "expires_in": 3600, "token_type": "Bearer"}
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler


class _Cut:
    """What an answer is written to: the head, and then content up to where the server stops."""

    def __init__(self, file, server, asked):
        self._file, self._server = file, server
        self._begin = int(asked.removeprefix("bytes=").partition("-")[0])
        self._has_head = False

    def write(self, content):
        if not self._has_head:
            self._has_head = True
            return self._file.write(content)
        server, stop = self._server, None
        if server.stops and self._begin < server.stops[0] < self._begin + len(content):
            stop = server.stops.pop(0)
        elif server.ends_at is not None and server.ends_at < self._begin + len(content):
            stop = max(server.ends_at, self._begin)
        content = content if stop is None else content[: stop - self._begin]
        server.sent += len(content)
        with suppress(BrokenPipeError, ConnectionResetError):
            self._file.write(content)
            self._file.flush()
        if stop is not None and server.stalls:
            server.patience.wait(20)
        return len(content)

    def __getattr__(self, name):
        return getattr(self._file, name)


@contextmanager
def serving_bucket(scheme):
    """Serve a bucket ``data`` at ``scheme://data``."""
    with (AmazonBucket if scheme == "s3" else GoogleBucket)() as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        thread.start()
        try:
            yield server
        finally:
            server.patience.set()
            server.shutdown()
            thread.join()


@pytest.fixture(params=KINDS)
def bucket(request, tmp_path, monkeypatch):
    """Serve a bucket of each kind; copies are the test's own, and nobody waits between tries."""
    with using_bucket(request.param, tmp_path, monkeypatch) as server:
        yield server


@contextmanager
def using_bucket(scheme, tmp_path, monkeypatch):
    monkeypatch.setenv("BASENJI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("basenji_kipoi.base.remote.copies._WAIT", 0.0)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    _wait_not_at_all(monkeypatch)
    with serving_bucket(scheme) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        use_environment()
        try:
            yield server
        finally:
            fsspec.config.conf.clear()
            forget()


def own_environment(server):
    """Return the environment for a command of its own that reads a bucket."""
    return {name: os.environ[name] for name in os.environ if name != _GRPC} | server.environment


def use_environment():
    """Let the packages look at the environment again, as in a process that begins."""
    fsspec.config.conf.clear()
    fsspec.config.set_conf_env(fsspec.config.conf)
    forget()


def forget():
    for scheme in KINDS:
        fsspec.get_filesystem_class(scheme).clear_instance_cache()


def _wait_not_at_all(monkeypatch):
    """Let packages try again at once."""
    import asyncio
    from types import SimpleNamespace

    async def at_once(_):
        await asyncio.sleep(0)

    for module in ("gcsfs.retry", "s3fs.core"):
        hurried = SimpleNamespace(**{**vars(asyncio), "sleep": at_once})
        monkeypatch.setattr(f"{module}.asyncio", hurried)


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
