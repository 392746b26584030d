"""Which multipart uploads are open, on disk, so that a killed server's are not left behind.

Unfinished multipart uploads are invisible and billed. Each server process keeps one file of its
own, locked while it lives; a file whose lock can be had belongs to a dead one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".uploads"


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A multipart upload that somebody began."""

    bucket: str
    key: str
    upload_id: str


class UploadRegistry:
    """This process's file. Methods block for one small write; they are safe in threads.

    A folder that cannot be written (OSError) is the caller's to report: uploads work without.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._path: Path | None = None
        self._open: set[OpenUpload] = set()

    def begin(self, upload: OpenUpload) -> None:
        """Remember an upload that has just begun. Raises OSError."""
        with self._lock:
            self._open.add(upload)
            self._append({"begin": [upload.bucket, upload.key, upload.upload_id]})

    def end(self, upload: OpenUpload) -> None:
        """Forget an upload that is complete or aborted. Raises OSError."""
        with self._lock:
            if upload in self._open:
                self._open.discard(upload)
                self._append({"end": [upload.bucket, upload.key, upload.upload_id]})

    def close(self) -> None:
        """Let the file go: away when nothing is open, else for the next start to find."""
        with self._lock:
            if self._handle is None or self._path is None:
                return
            if not self._open:
                self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def abandoned(self) -> Iterator[tuple[Path, list[OpenUpload]]]:
        """The files of dead servers, with what they left open.

        Each is locked while it is looked at. The caller deletes it when nothing is open any more.
        """
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if path == self._path:
                continue
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield path, _open_in(file.read())

    def _append(self, line: dict[str, list[str]]) -> None:
        handle = self._handle
        if handle is None:
            handle = self._handle = self._create()
        os.write(handle, json.dumps(line).encode() + b"\n")

    def _create(self) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self._folder / (secrets.token_hex(8) + SUFFIX)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
            handle = os.open(path, flags, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if path.exists():  # else another server cleaned it up before it was locked
                self._path = path
                return handle
            os.close(handle)


def _open_in(content: bytes) -> list[OpenUpload]:
    """What is open by the lines of a file; a torn last line is skipped."""
    still: dict[OpenUpload, None] = {}
    for line in content.splitlines():
        with contextlib.suppress(ValueError, TypeError, LookupError):
            entry = json.loads(line)
            if "begin" in entry:
                still[OpenUpload(*entry["begin"])] = None
            else:
                still.pop(OpenUpload(*entry["end"]), None)
    return list(still)
