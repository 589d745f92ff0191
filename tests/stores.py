"""A real S3 server on loopback, and a small proxy before it that counts, fails and delays."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

BUCKET = "bucket"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Proxy:
    """Passes requests on to an S3 server; `fail(n, method, path)` may answer with a status."""

    def __init__(self, target: str) -> None:
        self.requests: list[tuple[str, str]] = []
        self.fail = lambda n, method, path: None
        self.delay = 0.0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self):
                body = self._body()
                proxy.requests.append((self.command, self.path))
                time.sleep(proxy.delay)
                status = proxy.fail(len(proxy.requests), self.command, self.path)
                if status:
                    self._answer(status, {}, b"<Error><Code>SlowDown</Code></Error>")
                    return
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in ("transfer-encoding", "content-length", "expect")
                }
                connection = http.client.HTTPConnection(target, timeout=60)
                connection.request(self.command, self.path, body, headers)
                found = connection.getresponse()
                self._answer(found.status, found.headers, found.read())
                connection.close()

            def _body(self):
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def _answer(self, status, headers, body):
                self.send_response(status)
                for name, value in dict(headers).items():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                length = dict(headers).get("Content-Length", len(body))
                self.send_header("Content-Length", length if self.command == "HEAD" else len(body))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def calm(self) -> None:
        """Count anew, and disturb nothing."""
        self.requests.clear()
        self.fail = lambda n, method, path: None
        self.delay = 0.0

    def counts(self) -> Counter:
        """Requests by kind: GET, LIST, HEAD, PUT …"""
        return Counter("LIST" if "list-type" in path else method for method, path in self.requests)


@contextlib.contextmanager
def server(command, port, **environment):
    """A process that listens on a port, and what reaches it in the environment."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = dict(os.environ)
    os.environ |= environment
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def s3():
    """moto's server behind a `Proxy`; the environment is set to reach it."""
    pytest.importorskip("s3fs", reason="needs s3fs (the extra s3)")
    pytest.importorskip("moto", reason="needs moto, an S3 server for tests")
    port = free_port()
    proxy = Proxy(f"127.0.0.1:{port}")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    reach = {
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with server(command, port, **reach):
        bucket = f"http://127.0.0.1:{port}/{BUCKET}"
        urllib.request.urlopen(urllib.request.Request(bucket, method="PUT"))
        yield proxy
    proxy.server.shutdown()
