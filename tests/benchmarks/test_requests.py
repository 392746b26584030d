from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from benchmarks.steps.requests import CountingRelay


class Echo(BaseHTTPRequestHandler):
    """Answers with the body that it is sent."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A server of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_requests_are_counted_and_answered(endpoint: str) -> None:
    """Each passes as it is and counts, on one connection too; those for the lease do not."""
    with (
        CountingRelay(endpoint) as relay,
        closing(HTTPConnection(urlsplit(relay.url).netloc, timeout=60)) as client,
    ):
        assert relay.requests == 0
        seen = [0]
        for path in ("/bucket/a", "/bucket/.wherobots/lease.json", "/bucket/b"):
            client.request("PUT", path, b"words")
            assert client.getresponse().read() == b"words"
            seen.append(relay.requests)
    # A body that came in a piece of its own counts too, with the request that it is of.
    assert 0 < seen[1] == seen[2] < seen[3]
