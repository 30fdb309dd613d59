"""A server of files on this machine, which misbehaves as it is told."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

__all__ = ["Server", "serving"]


class Server(ThreadingHTTPServer):
    """Serves files by their paths; notes who asked for what, and misbehaves as it is told."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.asked = []
        self.sent = 0
        #: The tag of every file, or what makes it from a file's content.
        self.tag = '"first"'
        #: Where transfers of a file stop, one after the other, and whether they stall there.
        self.stops, self.stalls = [], False
        #: Where every transfer ends; what is called when bytes behind the first are asked for.
        self.ends_at, self.meanwhile = None, []
        self.says_length = self.knows_ranges = True
        self.length_is_off_by = 0
        #: Codes that the next requests are answered with, where a path has moved to, more headers.
        self.codes, self.moved, self.headers = [], {}, {}
        #: Names and passwords that came, as they came.
        self.logins = []
        self.is_chunked = False
        self.patience = threading.Event()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def ranges(self):
        """What of files was asked for, in the order of asking; None is a whole one."""
        return [asked for _, asked in self.asked]


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self._answer(with_content=False)

    def do_GET(self):
        self._answer(with_content=True)

    def _answer(self, *, with_content):
        server, path = self.server, unquote(self.path.partition("?")[0])
        asked = self.headers.get("Range")
        server.asked.append((path, asked))
        server.logins.append(self.headers.get("Authorization"))
        if server.codes:
            self.send_error(server.codes.pop(0))
            return
        if path in server.moved:
            self.send_response(302)
            self.send_header("Location", server.moved[path])
            self.end_headers()
            return
        if path not in server.files:
            self.send_error(404)
            return
        if server.meanwhile and asked and not asked.startswith("bytes=0-"):
            server.meanwhile.pop()()
        content = server.files[path]
        partial = asked is not None and server.knows_ranges
        first, _, last = (asked if partial else "bytes=0-").removeprefix("bytes=").partition("-")
        begin = int(first)
        end = min(int(last) + 1, len(content)) if last else len(content)
        if partial and begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if partial else 200)
        if partial:
            total = len(content) + server.length_is_off_by if server.says_length else "*"
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{total}")
        if server.says_length:
            length = max(end - begin + (0 if last else server.length_is_off_by), 0)
            self.send_header("Content-Length", str(length))
        if server.tag:
            tag = server.tag(content) if callable(server.tag) else server.tag
            self.send_header("ETag", tag)
        for header in server.headers.items():
            self.send_header(*header)
        if server.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if not with_content:
            return
        if server.is_chunked:
            self._send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content))
            return
        stop = None
        if asked != "bytes=0-0" and server.stops and begin < server.stops[0] < end:
            stop = server.stops.pop(0)
        elif server.ends_at is not None and server.ends_at < end:
            stop = max(server.ends_at, begin)
        self._send(content[begin : end if stop is None else stop])
        if stop is not None and server.stalls:
            server.patience.wait(20)

    def _send(self, content):
        # Counted first: whoever has received it may look at the count.
        self.server.sent += len(content)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def serving(files):
    with Server(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.patience.set()
            server.shutdown()
            thread.join()
