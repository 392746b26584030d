"""The programs we compare with, each with the flags its own documentation gives for many files."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.measure import Cost, run

WORKERS = 32


class Peer(Protocol):
    """A program that brings a folder to the store and back, only what differs."""

    name: str

    def version(self) -> str:
        """What it calls itself."""
        ...

    def upload(self, home: Path, prefix: str) -> Cost:
        """Bring a folder under a prefix of the bucket."""
        ...

    def download(self, prefix: str, home: Path) -> Cost:
        """Bring a prefix into a folder."""
        ...


@dataclass(frozen=True)
class Place:
    """Where peers find their programs, the bucket and its endpoint."""

    programs: Path
    bucket: str
    environment: Mapping[str, str]

    def program(self, name: str) -> str:
        """The path of a program."""
        return str(self.programs / name)


@dataclass
class Rclone:
    """rclone sync, listing with as few requests as it can."""

    place: Place
    name: str = "rclone"

    def version(self) -> str:
        """Such as ``rclone v1.70.0``."""
        return _first_line([self.place.program("rclone"), "version"])

    def upload(self, home: Path, prefix: str) -> Cost:
        """See ``Peer``."""
        return self._sync(str(home), self._remote(prefix))

    def download(self, prefix: str, home: Path) -> Cost:
        """See ``Peer``."""
        return self._sync(self._remote(prefix), str(home))

    def _remote(self, prefix: str) -> str:
        return f"bench:{self.place.bucket}/{prefix}"

    def _sync(self, source: str, target: str) -> Cost:
        environment = {
            **self.place.environment,
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_BENCH_TYPE": "s3",
            "RCLONE_CONFIG_BENCH_PROVIDER": "Other",
            "RCLONE_CONFIG_BENCH_ENV_AUTH": "true",
            "RCLONE_CONFIG_BENCH_ENDPOINT": self.place.environment["AWS_ENDPOINT_URL"],
            "RCLONE_S3_NO_CHECK_BUCKET": "true",
        }
        flags = ["--fast-list", f"--transfers={WORKERS}", f"--checkers={WORKERS}"]
        return run([self.place.program("rclone"), "sync", source, target, *flags], environment)


@dataclass
class S5cmd:
    """s5cmd sync."""

    place: Place
    name: str = "s5cmd"

    def version(self) -> str:
        """Such as ``s5cmd v2.3.0``."""
        return f"s5cmd {_first_line([self.place.program('s5cmd'), 'version'])}"

    def upload(self, home: Path, prefix: str) -> Cost:
        """See ``Peer``."""
        return self._sync(f"{home}/*", f"s3://{self.place.bucket}/{prefix}")

    def download(self, prefix: str, home: Path) -> Cost:
        """See ``Peer``."""
        return self._sync(f"s3://{self.place.bucket}/{prefix}*", f"{home}/")

    def _sync(self, source: str, target: str) -> Cost:
        endpoint = self.place.environment["AWS_ENDPOINT_URL"]
        flags = ["--endpoint-url", endpoint, f"--numworkers={WORKERS}", "--log=error"]
        command = [self.place.program("s5cmd"), *flags, "sync", source, target]
        return run(command, self.place.environment)


@dataclass
class AwsCli:
    """aws s3 sync."""

    place: Place
    name: str = "aws s3 sync"

    def version(self) -> str:
        """Such as ``aws-cli/1.40.0``."""
        return _first_line([self.place.program("aws"), "--version"]).partition(" ")[0]

    def upload(self, home: Path, prefix: str) -> Cost:
        """See ``Peer``."""
        return self._sync(str(home), f"s3://{self.place.bucket}/{prefix}")

    def download(self, prefix: str, home: Path) -> Cost:
        """See ``Peer``."""
        return self._sync(f"s3://{self.place.bucket}/{prefix}", str(home))

    def _sync(self, source: str, target: str) -> Cost:
        config = self.place.programs.parent / "aws-config"
        config.write_text(f"[default]\ns3 =\n  max_concurrent_requests = {WORKERS}\n")
        environment = {**self.place.environment, "AWS_CONFIG_FILE": str(config)}
        command = [self.place.program("aws"), "s3", "sync", source, target, "--only-show-errors"]
        return run(command, environment)


def _first_line(command: list[str]) -> str:
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return said.stdout.splitlines()[0].strip()
