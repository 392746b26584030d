"""What a command says: lines for people, JSON for machines, progress where a terminal is.

Results go to standard output, everything else to standard error. Names come out of a bucket and
may hold anything, so text for people is escaped before it reaches a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import msgspec

from wherobots_storage.api.models import ErrorBody
from wherobots_storage.api.models import Progress as Step
from wherobots_storage.errors import StorageError

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_PLAIN_EVERY = 1000
PHASES = {
    "listing": "Listing the bucket",
    "restoring": "Restoring",
    "scanning": "Looking through the home",
    "uploading": "Uploading",
    "deleting": "Deleting",
}
"""What each phase of a sync is called."""


def printable(text: str) -> str:
    """``text`` with every character that a terminal might obey, or cannot show, escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def human_size(size: int) -> str:
    """A size in bytes as people read it: ``312 B``, ``4.2 MiB``."""
    amount = float(size)
    for unit in _UNITS:
        if amount < _STEP or unit == _UNITS[-1]:
            break
        amount /= _STEP
    return f"{size:,} B" if unit == "B" else f"{amount:,.1f} {unit}"


def error_body(error: StorageError) -> ErrorBody:
    """The error as it travels to machines."""
    return ErrorBody(
        code=error.code, message=error.message, path=error.path, retryable=error.retryable
    )


class Output:
    """Where a command's words go. ``as_json``: results and errors are JSON, one object a line."""

    def __init__(
        self, *, as_json: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self.stdout = sys.stdout if stdout is None else stdout
        self.stderr = sys.stderr if stderr is None else stderr

    def line(self, text: str = "") -> None:
        """A line of the result, for people; nothing with ``--json``."""
        if not self.as_json:
            self._write(self.stdout, printable(text))

    def record(self, value: object) -> None:
        """A line of the result, for machines; nothing without ``--json``.

        ``value`` is a wire structure, or whatever msgspec can encode.
        """
        if self.as_json:
            self._write(self.stdout, msgspec.json.encode(value).decode("utf-8"))

    def note(self, text: str) -> None:
        """A remark for people, on standard error, with ``--json`` too; lost if that is closed."""
        with suppress(OSError):
            self._write(self.stderr, printable(text))

    def error(self, error: StorageError) -> None:
        """The one line that says why a command failed, on standard error."""
        if self.as_json:
            body = msgspec.json.encode({"error": error_body(error)}).decode("utf-8")
            self._write(self.stderr, body)
            return
        # The path is told apart only where the sentence does not name it already.
        where = f" ({error.path})" if error.path and error.path not in error.message else ""
        self._write(self.stderr, printable(f"wherobots-storage: {error.message}{where}"))

    @contextmanager
    def progress(self) -> Iterator[Callable[[Step], None]]:
        """A callback to tell progress to: bars on a terminal, plain lines otherwise."""
        if self.stderr.isatty() and not self.as_json:
            # Imported late: it is for terminals alone, and takes 40 ms of CPU.
            from wherobots_storage.commands.bars import bars  # noqa: PLC0415

            with bars(self.stderr) as tell:
                yield tell
        else:
            yield _Lines(self.note)

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        encoding = stream.encoding or "utf-8"
        safe = text.encode(encoding, "backslashreplace").decode(encoding)
        stream.write(safe + "\n")
        stream.flush()


def said(step: Step) -> str:
    """How far a phase is: ``12 of 30 files, 4.2 MiB``."""
    files = f"{step.files:,}"
    if step.total_files is not None:
        files += f" of {step.total_files:,}"
    return f"{files} files, {human_size(step.bytes)}" if step.bytes else f"{files} files"


class _Lines:
    """Progress as lines: when a phase begins, and every thousand files."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._phase = ""
        self._told = 0

    def __call__(self, step: Step) -> None:
        if step.phase != self._phase:
            self._phase, self._told = step.phase, 0
            self._note(f"{PHASES[step.phase]} …")
        elif step.files - self._told >= _PLAIN_EVERY:
            self._told = step.files
            self._note(f"{PHASES[step.phase]}: {said(step)}")
