"""An OpenID Connect issuer on loopback: what a hub or a cluster is to an object store."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from support.secretguard import guard

AUDIENCE = "store"
NAME = "issuer"
"""What SeaweedFS's configuration calls it."""


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return made.sign(key, hashes.SHA256())


class Issuer:
    """Signs tokens (RS256), and tells its public key to whoever asks."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._certificate = _certificate(self._key)
        self.url = ""
        self.before: list[dict[str, Any]] = []
        """Other keys that are told before its own, as while keys are renewed."""

    @property
    def thumbprint(self) -> str:
        """Of the certificate that goes with its key: what Ceph is told of it."""
        # The IAM API's own form: hexadecimal SHA-1.
        return self._certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - see above

    @property
    def provider(self) -> dict[str, Any]:
        """How SeaweedFS is told of it."""
        config = {"issuer": self.url, "clientId": AUDIENCE, "jwksUri": f"{self.url}/jwks"}
        return {"name": NAME, "type": "oidc", "enabled": True, "config": config}

    def answer(self, path: str) -> dict[str, Any]:
        """Its keys, or where they are (OpenID Connect Discovery)."""
        if not path.endswith("/jwks"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        return {"keys": [*self.before, self.key()]}

    def key(self) -> dict[str, Any]:
        """Its public key (RFC 7517), with the certificate."""
        numbers = self._key.public_key().public_numbers()
        key: dict[str, Any] = {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256"}
        key |= {"n": _text(numbers.n.to_bytes(256, "big")), "e": _text(b"\x01\x00\x01")}
        # Ceph's gateway reads the key from its certificate only.
        certificate = self._certificate.public_bytes(Encoding.DER)
        key["x5c"] = [base64.b64encode(certificate).decode("ascii")]
        return key

    def token(self, subject: str, seconds: float = 600.0, **claims: object) -> str:
        """A token for one identity, which expires in so many seconds."""
        now = int(time.time())
        said = {"iss": self.url, "sub": subject, "aud": AUDIENCE, "iat": now - 60}
        said |= {"exp": int(now + seconds), **claims}
        parts = ({"alg": "RS256", "typ": "JWT", "kid": "one"}, said)
        signed = ".".join(_text(json.dumps(part).encode()) for part in parts)
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        token = f"{signed}.{_text(signature)}"
        guard.learn(token)
        return token


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
