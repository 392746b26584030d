"""The agent's process: lock, session, loop and socket, and the ways in which it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from types import FrameType
from typing import BinaryIO

from wherobots_storage.audit import audit
from wherobots_storage.errors import AlreadyRunning, StorageError
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore
from wherobots_storage.settings import Settings
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.controller import Controller, Watch
from wherobots_storage.sync.final import note_unsaved
from wherobots_storage.sync.handover import DONE, FAILED, HELD, INCOMPLETE
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.lease import lease_of
from wherobots_storage.sync.server import AgentServer
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.stopper import Stopper
from wherobots_storage.sync.tenure import Tenure
from wherobots_storage.sync.watch import Watcher

log = logging.getLogger("wherobots_storage.agent")

YIELDING_PATIENCE = 1.0
"""How long an agent that ends nobody waits for the lock, in seconds."""

_ENDS = frozenset({signal.SIGTERM, signal.SIGINT})

LOG_BYTES = 512 * 1024


def run_agent(
    settings: Settings,
    store: ObjectStore,
    transfers: BulkTransfers,
    *,
    lifeline: BinaryIO | None,
    yielding: bool = False,
) -> int:
    """Be the agent until SIGTERM, SIGINT, a ``stop`` or the end of ``lifeline``; an exit code.

    Call it on the main thread. 0: everything is in the bucket; 3: something is not; 4: another
    writer has this home, which ``yielding`` leaves alone at once; 1: it could not work at all, and
    the log says why.
    """
    stopper = Stopper(settings.shutdown_timeout)
    with _signals(stopper):
        if lifeline is not None:
            stopper.watch(lifeline)
        try:
            state = StateFolder.for_settings(settings)
            state.make()
            with _logging(state):
                return _work(settings, store, transfers, state, stopper, yielding=yielding)
        except StorageError as error:
            sys.stderr.write(f"wherobots-storage agent: {error.message}\n")
            return FAILED
        finally:
            stopper.close()


def _work(
    settings: Settings,
    store: ObjectStore,
    transfers: BulkTransfers,
    state: StateFolder,
    stopper: Stopper,
    *,
    yielding: bool,
) -> int:
    patience = YIELDING_PATIENCE if yielding else settings.shutdown_timeout
    try:
        with state.lock(patience, stop=stopper.is_set, yielding=yielding) as held:
            return _serve(settings, store, transfers, held, stopper)
    except AlreadyRunning as error:
        log.warning("%s", error.message)
        if not stopper.is_set():
            return HELD
    # The holder may be the agent of a former server in the same container, which ends with this
    # server: what it has not saved by then is not saved at all.
    saved = _ask_holder(state, stopper)
    if saved is not None:
        return DONE if saved else INCOMPLETE
    try:
        with state.lock(stopper.left(), yielding=True) as held:
            return _serve(settings, store, transfers, held, stopper)
    except AlreadyRunning as error:
        log.warning("%s", error.message)
        return HELD


def _ask_holder(state: StateFolder, stopper: Stopper) -> bool | None:
    """Have the lock's holder make its final sync; whether all is saved, None without an answer."""
    left = stopper.left()
    log.info("its holder is asked for a final sync, in %.0f s", left)
    try:
        client = AgentClient(state.socket_path)
        return bool(client.request("final", left, timeout=left).complete)
    except StorageError as error:
        log.info("the holder makes no final sync: %s", error.message)
        return None


def _serve(
    settings: Settings,
    store: ObjectStore,
    transfers: BulkTransfers,
    state: StateFolder,
    stopper: Stopper,
) -> int:
    """Be the agent, with the lock in hand; an exit code."""
    board = StatusBoard(home=str(settings.home), mirror=_mirror_uri(settings))
    with Session(settings, store, transfers, state, board) as session:
        controller = Controller(
            session,
            board,
            interval=settings.sync_interval,
            tenure=Tenure(lease_of(settings, store), board),
            watch=_watcher(settings, state, session),
            alone=settings.restore_wait,
        )
        stopper.attach(controller, note=lambda: note_unsaved(settings, store, transfers, state))
        server = AgentServer(state.socket_path, board, controller)
        server.start()
        log.info("agent %d serves %s", os.getpid(), settings.home)
        try:
            return DONE if controller.run() else INCOMPLETE
        finally:
            server.close()


def _watcher(settings: Settings, state: StateFolder, session: Session) -> Watch | None:
    if not settings.watch:
        return None
    return lambda hint, trouble: Watcher(
        Home.open(settings, state=state.path), hint, trouble, seen=lambda: session.seen_ns
    )


def _mirror_uri(settings: Settings) -> str:
    tenancy = settings.require_tenancy()
    return tenancy.root.uri(tenancy.mirror_prefix)


@contextmanager
def _signals(stopper: Stopper) -> Iterator[None]:
    # In a thread of its own: a handler runs between two steps of the loop, which may hold a lock,
    # and not before the main thread wakes, when another thread was given the signal.
    heard, teller = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(heard, True)
    listener = threading.Thread(target=_listen, args=(heard, stopper), name="signals", daemon=True)
    listener.start()
    former_teller = signal.set_wakeup_fd(teller, warn_on_full_buffer=False)
    former = {number: signal.signal(number, _leave_to_the_listener) for number in _ENDS}
    # A terminal that goes away is no reason to end: the lifeline tells when the server does.
    former[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # The supervisor starts the agent with these held back, until here.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former_teller)
        os.close(teller)
        listener.join()
        os.close(heard)


def _listen(heard: int, stopper: Stopper) -> None:
    while numbers := os.read(heard, 64):
        if not _ENDS.isdisjoint(numbers):
            stopper.stop()


def _leave_to_the_listener(_number: int, _frame: FrameType | None) -> None:
    """Python's own handler has told the listener; without one nothing would be told."""


@contextmanager
def _logging(state: StateFolder) -> Iterator[None]:
    """Log to standard error, which is the server's log, and to a small file in the state folder."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    with suppress(OSError):
        file = RotatingFileHandler(state.log_path, maxBytes=LOG_BYTES, backupCount=1, delay=True)
        handlers.append(file)
    formatter = logging.Formatter("%(asctime)s %(levelname)s agent: %(message)s")
    for handler in handlers:
        handler.setFormatter(formatter)
    try:
        with _heard(log, handlers), _heard(audit, handlers):
            yield
    finally:
        for handler in handlers:
            handler.close()


@contextmanager
def _heard(logger: logging.Logger, handlers: Iterable[logging.Handler]) -> Iterator[None]:
    """Have these handlers, and no others, write what ``logger`` tells."""
    former = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.level, logger.propagate = former
        for handler in handlers:
            logger.removeHandler(handler)
