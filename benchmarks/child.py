"""A program of ours that stays: started, waited for until it answers, and ended again."""

from __future__ import annotations

import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.measure import Failed

END_SECONDS = 300.0
_POLL_SECONDS = 0.05


class Child(ABC):
    """A process; a context manager that waits until ``is_ready``, and ends it at the end."""

    start_seconds = 300.0

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        told: bytes | None = None,
    ) -> None:
        """``log`` takes what it says, ``told`` goes to its standard input, which stays open."""
        self._command = list(command)
        self._environment = environment
        self._log = log
        self._told = told
        self._process: subprocess.Popen[bytes]

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers by now. Raises Failed."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL if self._told is None else subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        try:
            if self._told is not None and self._process.stdin is not None:
                os.write(self._process.stdin.fileno(), self._told)
            self._wait()
        except BaseException:
            self._process.kill()
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._end()

    def _wait(self) -> None:
        until = time.monotonic() + self.start_seconds
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            if self.is_ready():
                return
            time.sleep(_POLL_SECONDS)
        raise Failed(f"{self._command[:4]} did not come up:\n{self._log.read_text()[-2000:]}")

    def _end(self) -> None:
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise Failed(f"{self._command[:4]} did not end") from None
        finally:
            if self._process.stdin is not None:
                self._process.stdin.close()
