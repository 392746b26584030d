"""A single-node Ceph with its S3 gateway on loopback, from Debian's packages.

Monitor, one object server that keeps its data in memory, and the RADOS gateway, each a child
process in the foreground. The packages are ceph-mon, ceph-osd, radosgw and ceph-common.

They authenticate each other: without that a command can go out before the monitor's map has come,
with no cluster's name in it, and is refused as one for another ("wrong fsid", measured with 16.2).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
import urllib3

from wherobots_storage.objectstore import ports

USER = "test"
"""Who owns every bucket that is made here, and may make roles."""

ATTEMPTS = 3
PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "monmaptool")
ACCESS_KEY = "TESTACCESSKEY0000001"
SECRET_KEY = "testsecretkey0000000000000000000000000001"

_CONF = """[global]
fsid = {fsid}
mon_initial_members = a
mon_host = [v1:127.0.0.1:{mon}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
public_network = 127.0.0.0/8
cluster_network = 127.0.0.0/8
ms_bind_msgr2 = false
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
mon_max_pg_per_osd = 2000
osd_crush_chooseleaf_type = 0
mon_data_avail_warn = 2
mon_data_avail_crit = 1
keyring = {folder}/keyring
run_dir = {folder}
admin_socket = {folder}/$name.$pid.asok
pid_file =
log_file = {folder}/$name.log
crash_dir = {folder}/crash
[mon]
mon_data = {folder}/mon
[osd]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
[client.rgw.a]
rgw_frontends = beast endpoint=127.0.0.1:{rgw}
rgw_data = {folder}/rgw
rgw_s3_auth_use_sts = true
rgw_sts_key = abcdefghijklmnop
rgw_sts_min_session_duration = 1
"""


def missing_programs() -> list[str]:
    """The programs that would have to be installed first."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


NEEDS_CEPH = [
    pytest.mark.slow,
    pytest.mark.store,
    pytest.mark.skipif(bool(missing_programs()), reason=f"not installed: {missing_programs()}"),
]
"""The marks of every test on Ceph."""


class Ceph:
    """The three servers; a context manager. ``folder`` must have a short path (Unix sockets)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports: dict[str, int] = {}
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def endpoint_url(self) -> str:
        """The gateway's URL."""
        return f"http://127.0.0.1:{self._ports['rgw']}"

    def environment(self) -> dict[str, str]:
        """The variables with which an AWS SDK talks to the gateway."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }

    def process_lifecycles(self, day_seconds: int) -> None:
        """Do what the buckets' lifecycle rules ask for now, as if a day had so many seconds."""
        self._admin("lc", "process", f"--rgw-lc-debug-interval={day_seconds}")

    def __enter__(self) -> Self:
        for left in reversed(range(ATTEMPTS)):
            try:
                self._start()
            except BaseException as error:
                self.stop()
                # Somebody else may have taken a port meanwhile, or the machine stood still.
                if not left or not isinstance(error, RuntimeError):
                    raise
                print(f"Ceph did not start, and is tried again: {error}")  # noqa: T201
            else:
                break
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the servers in the opposite order of their start, each by its own pid."""
        while self._processes:
            process = self._processes.pop()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self) -> None:
        self._ports = ports.choose(("mon", "rgw"))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        for name in ("mon", "osd", "rgw", "crash"):
            (self.folder / name).mkdir()
        fsid = str(uuid.uuid4())
        conf = _CONF.format(fsid=fsid, folder=self.folder, **self._ports)
        (self.folder / "ceph.conf").write_text(conf)
        self._make_keyring()
        self._start_monitor(fsid)
        self._start_object_server()
        self._serve("radosgw", "-f", "-n", "client.rgw.a")
        self._until("the gateway answers", self._answers)
        keys = [f"--access-key={ACCESS_KEY}", f"--secret={SECRET_KEY}"]
        # By the gateway's IAM: roles, and whose identities may assume them.
        capabilities = "--caps=roles=*;oidc-provider=*"
        named = [f"--uid={USER}", "--display-name=Test"]
        self._admin("user", "create", *named, *keys, capabilities)

    def _make_keyring(self) -> None:
        keyring = str(self.folder / "keyring")
        everything = ["--gen-key", "--cap", "mon", "allow *", "--cap", "osd", "allow *"]
        self._run("ceph-authtool", "--create-keyring", keyring, "-n", "mon.", *everything)
        for name in ("client.admin", "osd.0", "client.rgw.a"):
            self._run("ceph-authtool", keyring, "-n", name, *everything)

    def _start_monitor(self, fsid: str) -> None:
        monmap = str(self.folder / "monmap")
        address = f"[v1:127.0.0.1:{self._ports['mon']}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        keyring = str(self.folder / "keyring")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        self._serve("ceph-mon", "-f", "-i", "a")
        self._until("the monitor knows us", self._monitor_answers)

    def _start_object_server(self) -> None:
        identity = str(uuid.uuid4())
        self._run("ceph", "osd", "new", identity)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
        self._serve("ceph-osd", "-f", "-i", "0")
        self._until("the object server is up", lambda: b"1 up" in self._run("ceph", "osd", "stat"))

    def _monitor_answers(self) -> bool:
        try:
            self._run("ceph", "--connect-timeout", "5", "-s")
        except RuntimeError:
            return False
        return True

    def _answers(self) -> bool:
        try:
            return urllib3.request("GET", self.endpoint_url, retries=False, timeout=2).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _until(self, what: str, check: Callable[[], bool], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not check():
            for process in self._processes:
                if process.poll() is not None:
                    raise RuntimeError(f"Ended before {what}: {self._last_words(process)}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Ceph: waited {seconds:.0f} s until {what}.")
            time.sleep(0.2)

    def _last_words(self, process: subprocess.Popen[bytes]) -> str:
        program = str(process.args[0]) if isinstance(process.args, tuple) else str(process.args)
        words = (self.folder / f"{program}.out").read_text(errors="replace")[-2000:]
        return f"{program}, status {process.returncode}: {words}"

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CEPH_CONF": str(self.folder / "ceph.conf")}

    def _admin(self, *command: str) -> None:
        self._run("radosgw-admin", "-n", "client.rgw.a", *command)

    def _run(self, *command: str) -> bytes:
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, check=False, timeout=300
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def _serve(self, *command: str) -> None:
        with contextlib.ExitStack() as stack:
            log = stack.enter_context((self.folder / f"{command[0]}.out").open("wb"))
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
