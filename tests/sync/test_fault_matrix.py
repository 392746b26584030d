"""Every fault at every call that the sync makes: nothing lost, nothing torn, the same end.

Each case makes one kind of call fail in one way, while a home is saved, restored or saved for the
last time. Whatever comes of that, a later run without faults must end where one ends that never
met any: the whole home and the whole mirror are compared.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.faults import SYNC_REQUESTS, FaultyStore
from support.homes import OLD, PREFIX, Bench, picture

from wherobots_storage.errors import (
    AccessDenied,
    ConcurrentChange,
    ExpiredCredentials,
    NotFound,
    PreconditionFailed,
    SlowDown,
    StorageError,
    StoreTimeout,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.objectstore import memory
from wherobots_storage.objectstore.memory_body import MemoryBody
from wherobots_storage.objectstore.store import ObjectInfo, iterate_keys
from wherobots_storage.sync import downloads, large, multipart, uploads, worklist

PHASES = ["backup", "restore", "final"]
ERRORS: dict[str, type[StorageError]] = {
    "500": StoreUnavailable,
    "503": SlowDown,
    "expired": ExpiredCredentials,
    "denied": AccessDenied,
    "412": PreconditionFailed,
    "409": ConcurrentChange,
    "404": NotFound,
    "timeout": StoreTimeout,
    "garbage": UnexpectedAnswer,
}
PART = 4096
BIG = 2 * PART + 123
"""Of a size that has three parts here."""


@dataclass
class Fault:
    """One way in which a call goes wrong: instead of being done, or after it was done.

    ``first`` calls of the kind pass; then ``times`` fail, or all of them.
    """

    call: str
    error: type[StorageError] | None = None
    late: bool = False
    change: Callable[[Any], Any] | None = None
    first: int = 0
    times: int | None = None
    struck: int = 0

    def arm(self, store: FaultyStore) -> None:
        """Let it strike from now on."""
        store.before, store.after = self._before, self._after

    def _before(self, name: str, _: str) -> None:
        if name == self.call and not self.late and self.error is not None and self._strikes():
            raise self.error("The fault.")

    def _after(self, name: str, _: str, result: Any) -> Any:
        if name != self.call or (self.error is not None and not self.late):
            return result
        if not self._strikes():
            return result
        if self.error is not None:
            raise self.error("The fault.")
        assert self.change is not None
        return self.change(result)

    def _strikes(self) -> bool:
        if self.first:
            self.first -= 1
            return False
        self.struck += 1
        return self.times is None or self.struck <= self.times


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 8 KiB is a large one, of several parts."""
    monkeypatch.setattr(multipart, "PART_BYTES", PART)
    monkeypatch.setattr(memory, "MIN_PART_BYTES", PART)
    for module in (worklist, uploads, downloads, large):
        monkeypatch.setattr(module, "SMALL_BYTES", PART)
    monkeypatch.setattr("wherobots_storage.sync.cancel.Backoff.pause", lambda _: 0.001)


class World:
    """A home that was saved before and has every kind of change since, and somebody else's work."""

    def __init__(self, folder: Path, fault: Fault | None, phase: str) -> None:
        self.store = FaultyStore()
        self.bench = Bench(folder, self.store)
        self._write_first()
        assert self.bench.sync().complete
        self.other = Bench(folder, self.store, "other")
        if phase == "restore":
            assert self.other.restore().complete
            self._change(self.bench)
            assert self.bench.sync().complete
            self.other.write("text", b"mine and new", mtime_ns=OLD)
        else:
            self._change(self.bench)
            self.store.put(f"{PREFIX}theirs", b"others wrote", metadata={})
            self.store.put(f"{PREFIX}met", b"others wrote", metadata={})
        if fault is not None:
            fault.arm(self.store)
        with suppress(StorageError):
            self.run(phase)
        self.store.heal()

    def run(self, phase: str) -> None:
        """The phase that is under test, once."""
        if phase == "restore":
            self.other.restore()
        elif phase == "backup":
            self.bench.sync()
        else:
            self.bench.final(0.1)

    def _write_first(self) -> None:
        bench = self.bench
        for name in ("text", "same", "gone", "folder/gone", "folder/stays", "swap"):
            bench.write(name, name.encode(), mtime_ns=OLD)
        bench.write("big", b"1" * BIG, mtime_ns=OLD)
        (bench.home / "empty").mkdir()
        (bench.home / "link").symlink_to("text")
        os.utime(bench.home / "link", ns=(OLD, OLD), follow_symlinks=False)

    def _change(self, bench: Bench) -> None:
        bench.write("text", b"changed", mtime_ns=OLD)
        bench.write("new/deep/file", b"new", mtime_ns=OLD)
        bench.write("met", b"we wrote", mtime_ns=OLD)
        bench.write("big", b"2" * BIG, mtime_ns=OLD)
        bench.write("big two", b"3" * BIG, mtime_ns=OLD)
        (bench.home / "gone").unlink()
        shutil.rmtree(bench.home / "folder")
        (bench.home / "swap").unlink()
        bench.write("swap/inside", b"inside", mtime_ns=OLD)
        (bench.home / "empty").rmdir()
        (bench.home / "void").mkdir(mode=0o755)

    def settle(self, phase: str) -> None:
        """Run without faults until there is nothing left to do."""
        bench = self.other if phase == "restore" else self.bench
        for _ in range(3):
            if phase == "restore":
                bench.restore()
            bench.sync()

    def state(self, phase: str) -> dict[str, Any]:
        """Both trees, whole; the names of conflict copies without their times, and once."""
        bench = self.other if phase == "restore" else self.bench
        home = {_plain(name): it for name, it in picture(bench.home).items()}
        mirror = {}
        for entry in iterate_keys(self.store, PREFIX):
            assert isinstance(entry, ObjectInfo)
            if not entry.key.startswith(f"{PREFIX}.wherobots/"):
                facts = dict(self.store.head(entry.key).metadata)
                with self.store.get(entry.key) as body:
                    content = b"".join(body.chunks())
                name = _plain(entry.key.removeprefix(PREFIX))
                if name.endswith("/"):
                    facts.pop("mtime", None)  # Nobody sets the time of a folder here.
                mirror[name] = (content, facts)
        return {"home": home, "mirror": mirror}


def _plain(name: str) -> str:
    """A name without the time and the counter of a conflict."""
    stem, found, _ = name.partition(" (conflict ")
    return f"{stem} (conflict)" if found else name


_ENDS: dict[str, dict[str, Any]] = {}


def end_without_faults(folder: Path, phase: str) -> dict[str, Any]:
    """Where a world ends that never met a fault."""
    if phase not in _ENDS:
        world = World(folder / "calm", None, phase)
        world.settle(phase)
        _ENDS[phase] = world.state(phase)
        _check_nothing_lost(_ENDS[phase], phase)
    return _ENDS[phase]


def _check_nothing_lost(state: dict[str, Any], phase: str) -> None:
    """The end without faults is itself what it should be."""
    mirror = {name: content for name, (content, _) in state["mirror"].items()}
    if phase == "restore":
        bodies = [it[3] for it in state["home"].values() if it[0] == "file"]
        assert b"mine and new" in bodies
        assert b"changed" in bodies
        return
    assert mirror["text"] == b"changed"
    assert mirror["met"] == b"we wrote"
    assert mirror["met (conflict)"] == b"others wrote"
    assert mirror["theirs"] == b"others wrote"
    assert mirror["big"] == b"2" * BIG
    assert mirror["swap/inside"] == b"inside"
    assert not {"gone", "folder/gone", "swap", "empty/"} & set(mirror)


def check(tmp_path: Path, fault: Fault, phase: str) -> None:
    """After the fault, and a run without it, all is where it is without any."""
    expected = end_without_faults(tmp_path, phase)
    world = World(tmp_path / "faulty", fault, phase)
    torn = _torn(world.state(phase))
    assert not torn, torn
    world.settle(phase)
    assert differences(world.state(phase), expected) == []


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What is not alike, in words."""
    return [
        f"{side} {name}: {found[side].get(name)!r} instead of {expected[side].get(name)!r}"[:300]
        for side in ("home", "mirror")
        for name in sorted({*found[side], *expected[side]})
        if found[side].get(name) != expected[side].get(name)
    ]


KNOWN_BODIES = {
    *(name.encode() for name in ("text", "same", "gone", "folder/gone", "folder/stays", "swap")),
    *(b"changed", b"new", b"we wrote", b"inside", b"others wrote", b"mine and new", b""),
    *(digit * BIG for digit in (b"1", b"2", b"3")),
}


def _torn(state: dict[str, Any]) -> list[str]:
    """Files and objects whose bytes nobody ever wrote."""
    home = [
        name for name, it in state["home"].items() if it[0] == "file" and it[3] not in KNOWN_BODIES
    ]
    mirror = [name for name, (content, _) in state["mirror"].items() if content not in KNOWN_BODIES]
    return home + mirror


def cases(usual: set[str], more: set[str]) -> list[Any]:
    """Kinds of errors at calls: the usual ones, and in the long run all of them."""
    return [
        pytest.param(kind, call, marks=() if kind in usual else pytest.mark.slow)
        for kind in sorted(usual | more)
        for call in SYNC_REQUESTS
        # A store that denies having what it has is believed: there is nothing to compare it with.
        if (kind, call) not in {("404", "head"), ("404", "delete")}
    ]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("kind", "call"), cases({"500", "denied", "412"}, set(ERRORS)))
def test_call_that_always_fails(tmp_path: Path, phase: str, call: str, kind: str) -> None:
    """A call that fails as long as the run lasts costs nothing but the delay."""
    check(tmp_path, Fault(call, ERRORS[kind]), phase)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("kind", "call"), cases({"500", "412"}, {"409", "404", "expired"}))
def test_call_that_fails_once(tmp_path: Path, phase: str, call: str, kind: str) -> None:
    """One failure, in the middle of the others, costs nothing but the delay."""
    check(tmp_path, Fault(call, ERRORS[kind], first=1, times=1), phase)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("call", SYNC_REQUESTS)
@pytest.mark.parametrize("times", [1, pytest.param(None, marks=pytest.mark.slow)])
def test_answer_that_is_lost(tmp_path: Path, phase: str, call: str, times: int | None) -> None:
    """What was done, though its answer never came, is found out and neither repeated nor lost."""
    check(tmp_path, Fault(call, StoreUnavailable, late=True, times=times), phase)


def _shorter(body: MemoryBody) -> MemoryBody:
    content = b"".join(body.chunks())
    return MemoryBody(body.info, content[: len(content) // 2])


def _wrong(body: MemoryBody) -> MemoryBody:
    content = b"".join(body.chunks())
    return MemoryBody(body.info, bytes(byte ^ 1 for byte in content))


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("change", [_shorter, _wrong])
@pytest.mark.parametrize("times", [1, None])
def test_wrong_bytes(
    tmp_path: Path,
    phase: str,
    change: Callable[[MemoryBody], MemoryBody],
    times: int | None,
) -> None:
    """A body that is cut, or has other bytes in the right number, never becomes a file."""
    check(tmp_path, Fault("get", change=change, times=times), phase)


@pytest.mark.parametrize("phase", ["backup", "final"])
@pytest.mark.parametrize("call", ["put", "copy", "upload_part", "complete_multipart"])
@pytest.mark.parametrize("times", [1, None])
def test_wrong_etag(tmp_path: Path, phase: str, call: str, times: int | None) -> None:
    """An ETag that the store does not know again is no reason to lose or to tear anything."""
    check(tmp_path, Fault(call, change=lambda _: "0" * 32, times=times), phase)
