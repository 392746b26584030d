"""The whole list of the deletions that a veto holds back: a file of the state folder.

A status names the first of them only. Who wants to see all before answering reads them here, one
JSON object a line, behind a first line with the id, the veto's code, the files and the bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from wherobots_storage.api.models import HeldDeletions, PathCounts
from wherobots_storage.errors import DeletionsChanged
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync.status import wire_path

log = logging.getLogger("wherobots_storage.agent")

MAX_HEAD = 65_536
"""The longest first line."""

_head = msgspec.json.Decoder(HeldDeletions)


class HeldList:
    """The file at ``path``, written by whoever holds the state folder's lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, held: HeldDeletions, records: Iterable[Record]) -> None:
        """Write the list, unless it is that one already; a disk that is full goes without."""
        if _id_of(self._path) == held.id:
            return
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("wb") as file:
                file.write(_line(msgspec.structs.replace(held, paths=[])))
                for record in records:
                    file.write(_line(PathCounts(path=wire_path(record.path), bytes=record.size)))
            draft.replace(self._path)
        except OSError as error:
            log.warning("the list of held deletions cannot be written: %s", error.strerror)
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            self.drop()

    def drop(self) -> None:
        """Nothing is held any more."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


@contextmanager
def open_held(path: Path) -> Iterator[BinaryIO | None]:
    """The lines of the list, the first with its id; None when nothing is held.

    It stays what it is for who has opened it, also when another is written meanwhile.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        yield file


def check_list(file: BinaryIO | None, held_id: str) -> None:
    """Read the first line. Raises DeletionsChanged when it is not the list of this id."""
    if file is None or _read_id(file) != held_id:
        message = "These deletions are not held any more, or others with them: look again."
        raise DeletionsChanged(message)


def _id_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return _read_id(file)
    except OSError:
        return None


def _read_id(file: BinaryIO) -> str | None:
    try:
        return _head.decode(file.readline(MAX_HEAD)).id
    except msgspec.MsgspecError:
        return None


def _line(value: HeldDeletions | PathCounts) -> bytes:
    return msgspec.json.encode(value) + b"\n"
