"""The state folder of one home, and the lock that makes its holder the mirror's only writer."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self
from uuid import uuid4

import msgspec

from wherobots_storage.errors import AlreadyRunning, InvalidConfiguration, LocalIOError
from wherobots_storage.settings import Settings
from wherobots_storage.sync.home import real_path

POLL = 0.1
DEATH_WAIT = 20.0
"""How long the lock of a process that was killed may stay taken: it may sit in the disk."""

HOLDERS_BYTES = 64 * 1024
"""How long the log of the lock's holders grows."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock: ``start`` is the process's start in clock ticks since boot."""

    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where the journal, the lock, the socket and the log of one home lie; mode 0700.

    ``descriptor`` is the lock's, in what ``lock`` gives to its holder.
    """

    path: Path
    descriptor: int | None = field(default=None, compare=False)

    @classmethod
    def for_settings(cls, settings: Settings) -> Self:
        """The folder for this root, customer and home; nothing is made yet.

        Raises NotConfigured when no root is set, HomeMissing when the home leads to itself.
        """
        tenancy = settings.require_tenancy()
        home = real_path(settings.home)
        facts = "\0".join((tenancy.root.url, tenancy.customer, os.fsencode(home).hex()))
        digest = hashlib.sha256(facts.encode()).hexdigest()[:16]
        return cls(settings.state_dir.expanduser().absolute() / f"{tenancy.customer}-{digest}")

    @property
    def journal_path(self) -> Path:
        """The journal's database."""
        return self.path / "journal.sqlite"

    @property
    def socket_path(self) -> Path:
        """The agent's socket; see ``client.connect`` for paths over 107 bytes."""
        return self.path / "agent.sock"

    @property
    def held_path(self) -> Path:
        """The whole list of the deletions that a veto holds back, while one does."""
        return self.path / "held-deletions.jsonl"

    @property
    def lock_path(self) -> Path:
        """The lock's file; it stays when the lock is free."""
        return self.path / "lock"

    @property
    def holders_path(self) -> Path:
        """Who took the lock, left it, or ended another that had it: the latest lines.

        Each is a time of the monotonic clock in nanoseconds, a pid, and ``took``, ``left`` or
        ``ended PID``.
        """
        return self.path / "lock.log"

    @property
    def log_path(self) -> Path:
        """The agent's log."""
        return self.path / "agent.log"

    @property
    def audit_path(self) -> Path:
        """Where commands keep the audit log's lines; the server's and the agent's have logs."""
        return self.path / "audit.log"

    def make(self) -> None:
        """Make the folder, with mode 0700.

        Raises LocalIOError when that fails, InvalidConfiguration when it is somebody else's.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.path.stat().st_uid != os.geteuid():
                message = f"The state folder {self.path} belongs to another user."
                raise InvalidConfiguration(message, path=str(self.path))
            self.path.chmod(0o700)
        except OSError as error:
            message = f"The state folder {self.path} cannot be made: {error.strerror}."
            raise LocalIOError(message, path=str(self.path)) from error

    def instance(self) -> str:
        """What tells this home's writers from those of other homes; made once, kept here.

        Raises LocalIOError.
        """
        path = self.path / "instance"
        try:
            known = path.read_text("ascii", "replace").strip() if path.exists() else ""
            if not known:
                # Whole or not at all: on a full disk an empty file would make two homes one.
                known = uuid4().hex
                draft = path.with_name(f"instance-{known}")
                try:
                    draft.write_text(known)
                    draft.replace(path)
                finally:
                    draft.unlink(missing_ok=True)
        except OSError as error:
            message = f"The state folder {self.path} cannot be used: {error.strerror}."
            raise LocalIOError(message, path=str(path)) from error
        return known

    def holder(self) -> Holder | None:
        """Who last took the lock, if that process still lives."""
        try:
            holder = msgspec.json.decode(self.lock_path.read_bytes(), type=Holder)
        except (OSError, msgspec.MsgspecError):
            return None
        return holder if process_start(holder.pid) == holder.start else None

    @contextmanager
    def lock(
        self,
        patience: float,
        *,
        stop: Callable[[], bool] = lambda: False,
        yielding: bool = False,
    ) -> Iterator[StateFolder]:
        """Hold the lock: wait ``patience`` seconds for its holder, then end that process.

        It is ended (SIGKILL: it has had its time, and its journal survives) only when its pid
        and start time still are those recorded, and never when ``yielding`` or when it is this
        very process. Raises
        AlreadyRunning when the lock stays taken, or ``stop`` says to give up.
        """
        self.make()
        try:
            descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = f"The state folder {self.path} cannot be used: {error.strerror}."
            raise LocalIOError(message, path=str(self.lock_path)) from error
        try:
            if not _take(descriptor, patience, stop):
                if yielding or stop():
                    raise self._refusal()
                self._end_holder()
                if not _take(descriptor, DEATH_WAIT, stop):
                    raise self._refusal()
            pid = os.getpid()
            text = msgspec.json.encode(Holder(pid, process_start(pid) or 0))
            with suppress(OSError):
                # On a full disk it goes without: the lock itself is what keeps others away.
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, text, 0)
            self._note("took")
            held = replace(self, descriptor=descriptor)
            yield held
            if not held.is_lost:
                self._note("left")
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    @property
    def is_lost(self) -> bool:
        """Whether the lock that is held is not the folder's any more.

        Who removes the folder, or the lock's file, lets another writer take a new one.
        """
        if self.descriptor is None:
            return False
        try:
            now = self.lock_path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # A disk that does not answer has lost nothing.
        return not os.path.samestat(os.fstat(self.descriptor), now)

    def check(self) -> None:
        """Raises LocalIOError when the lock is lost."""
        if self.is_lost:
            message = (
                f"The state folder {self.path} was removed while the home was being saved. It is "
                "made anew when the agent is started again; until then nothing is saved."
            )
            raise LocalIOError(message, path=str(self.path))

    def _end_holder(self) -> None:
        holder = self.holder()
        if holder is None or holder.pid == os.getpid():
            return
        with suppress(ProcessLookupError, PermissionError):
            # The descriptor keeps meaning this process, even when its pid is used again.
            descriptor = os.pidfd_open(holder.pid)
            try:
                if process_start(holder.pid) == holder.start:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    self._note(f"ended {holder.pid}")
            finally:
                os.close(descriptor)

    def _note(self, what: str) -> None:
        with suppress(OSError):  # a full disk is no reason not to save the home
            path = self.holders_path
            if path.exists() and path.stat().st_size > HOLDERS_BYTES:
                path.unlink()
            with path.open("a") as log:
                log.write(f"{time.monotonic_ns()} {os.getpid()} {what}\n")

    def _refusal(self) -> AlreadyRunning:
        holder = self.holder()
        who = f"process {holder.pid}" if holder is not None else "a process that cannot be seen"
        message = f"This home is already being synchronised by {who}; its lock stays taken."
        return AlreadyRunning(message, path=str(self.lock_path))


def _take(descriptor: int, patience: float, stop: Callable[[], bool]) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until or stop():
                return False
            time.sleep(POLL)
        else:
            return True


def process_start(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (field 22 of proc(5)'s stat), or None."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # The second field is the command in parentheses, and may hold anything, parentheses too.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])
