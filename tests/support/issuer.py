"""An OpenID Connect issuer on loopback: what a hub or a cluster is to an object store."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AUDIENCE = "store"
NAME = "issuer"
"""What SeaweedFS's configuration calls it."""


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


class Issuer:
    """Signs tokens (RS256), and tells its public key to whoever asks."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.url = ""

    @property
    def provider(self) -> dict[str, Any]:
        """How SeaweedFS is told of it."""
        config = {"issuer": self.url, "clientId": AUDIENCE, "jwksUri": f"{self.url}/jwks"}
        return {"name": NAME, "type": "oidc", "enabled": True, "config": config}

    def answer(self, path: str) -> dict[str, Any]:
        """Its key, or where it is (OpenID Connect Discovery)."""
        if not path.endswith("/jwks"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256"}
        key |= {"n": _text(numbers.n.to_bytes(256, "big")), "e": _text(b"\x01\x00\x01")}
        return {"keys": [key]}

    def token(self, subject: str, seconds: float = 600.0, **claims: object) -> str:
        """A token for one identity, which expires in so many seconds."""
        now = int(time.time())
        said = {"iss": self.url, "sub": subject, "aud": AUDIENCE, "iat": now - 60}
        said |= {"exp": int(now + seconds), **claims}
        parts = ({"alg": "RS256", "typ": "JWT", "kid": "one"}, said)
        signed = ".".join(_text(json.dumps(part).encode()) for part in parts)
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_text(signature)}"


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """An issuer that can be asked; ends with the block."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(issuer.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
