"""A home that is edited all the time, and a reader of its mirror that trusts nobody.

Every version of every path is noted before it can be seen, so that an object that is no version of
its path was torn, mixed up or cut.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from wherobots_storage.errors import NotFound
from wherobots_storage.objectstore.store import ObjectInfo, ObjectStore, iterate_keys

_BESIDE = re.compile(r" \((?:conflict|unsettled) \d{4}-\d\d-\d\d \d{6}(?: \d+)?\)")
LARGE = ("large/one.bin", "large/two.bin")
MIB = 1024**2


def seed_for(request: pytest.FixtureRequest) -> int:
    """A new seed, or the one in WHEROBOTS_TEST_SEED, printed with the test that fails."""
    text = os.environ.get("WHEROBOTS_TEST_SEED")
    seed = int(text) if text else random.randrange(2**32)
    print(f"{request.node.name}: WHEROBOTS_TEST_SEED={seed}")  # noqa: T201  # to run it again
    return seed


class Versions:
    """What ever was at which path, by SHA-256. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def add(self, path: str, body: bytes) -> str:
        """Note a version before anybody can see it; its SHA-256."""
        digest = hashlib.sha256(body).hexdigest()
        with self._lock:
            self._known.setdefault(path, set()).add(digest)
        return digest

    def move(self, path: str, digest: str) -> None:
        """Note that a version comes to another path."""
        with self._lock:
            self._known.setdefault(path, set()).add(digest)

    def has(self, path: str, body: bytes) -> bool:
        """Whether these bytes were ever at the path; a name beside it counts as the path."""
        while (stripped := _BESIDE.sub("", path)) != path:
            path = stripped
        with self._lock:
            return hashlib.sha256(body).hexdigest() in self._known.get(path, set())


class Worker:
    """A thread that takes steps until it is left; what it raised is raised there."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._done = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._problem is not None:
            raise self._problem

    def _run(self) -> None:
        try:
            while not self._done.wait(self._pause):
                self.step()
            self.finish()
        except BaseException as error:  # noqa: BLE001  # for the test's own thread
            self._problem = error

    def step(self) -> None:
        """Do something."""
        raise NotImplementedError

    def finish(self) -> None:
        """What the thread does last."""


class Editor(Worker):
    """Writes, renames and deletes files of a home, all the time; each file is whole at once.

    ``current`` says which version (SHA-256) it left at each path, None where it deleted.
    """

    def __init__(
        self, home: Path, versions: Versions, rng: random.Random, *, pause: float = 0.03
    ) -> None:
        super().__init__(pause)
        self._home = home
        self._versions = versions
        self._rng = rng
        self._turn = threading.Lock()
        self._names = [f"{folder}/f{number}.txt" for folder in "abcd" for number in range(10)]
        self.current: dict[str, str | None] = {}

    def step(self) -> None:
        """One edit."""
        kind = self._rng.choices(
            ["write", "delete", "rename", "folder", "large"], [70, 12, 8, 7, 3]
        )[0]
        with self._turn:
            getattr(self, f"_{kind}")()

    def large(self) -> None:
        """Write a file that goes in parts; any thread may ask for it."""
        with self._turn:
            self._large()

    def put(self, path: str, body: bytes) -> None:
        """Write a file under a name that is ignored, and give it its own."""
        target = self._home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".~{target.name}")
        draft.write_bytes(body)
        self.current[path] = self._versions.add(path, body)
        draft.replace(target)

    def _large(self) -> None:
        size = self._rng.randrange(9 * MIB, 40 * MIB)
        block = self._rng.randbytes(64 * 1024)
        head = self._rng.randbytes(16)
        self.put(self._rng.choice(LARGE), (head + block * (size // len(block) + 1))[:size])

    def _write(self) -> None:
        size = self._rng.choice([0, 10, 3000, 100_000])
        self.put(self._rng.choice(self._names), self._rng.randbytes(size))

    def _delete(self) -> None:
        path = self._rng.choice(self._names)
        (self._home / path).unlink(missing_ok=True)
        self.current[path] = None

    def _rename(self) -> None:
        source, target = self._rng.sample(self._names, 2)
        digest = self.current.get(source)
        if digest is None or not (self._home / target).parent.is_dir():
            return
        self._versions.move(target, digest)
        (self._home / source).rename(self._home / target)
        self.current[source], self.current[target] = None, digest

    def _folder(self) -> None:
        folder = self._home / self._rng.choice(["empty/x", "empty/y", "a/deep/er"])
        if folder.is_dir():
            with suppress(OSError):
                folder.rmdir()
        else:
            folder.mkdir(parents=True)


class Sampler(Worker):
    """Reads objects of a mirror and compares them with the versions."""

    def __init__(
        self,
        store: ObjectStore,
        prefix: str,
        versions: Versions,
        rng: random.Random,
        *,
        pause: float = 0.3,
        at_once: int = 8,
    ) -> None:
        super().__init__(pause)
        self._store = store
        self._prefix = prefix
        self._versions = versions
        self._rng = rng
        self._at_once = at_once
        self.seen = 0

    def step(self) -> None:
        """Look at a few objects."""
        keys = self._keys()
        self._check(self._rng.sample(keys, min(len(keys), self._at_once)))

    def check_all(self) -> None:
        """Look at every object. Fails at one that is no version of its path."""
        self._check(self._keys())

    def _keys(self) -> list[str]:
        found = [
            entry.key
            for entry in iterate_keys(self._store, self._prefix)
            if isinstance(entry, ObjectInfo) and not entry.key.endswith("/")
        ]
        reserved = f"{self._prefix}.wherobots/"
        return [key for key in found if not key.startswith(reserved)]

    def _check(self, keys: list[str]) -> None:
        for key in keys:
            with suppress(NotFound):
                with self._store.get(key) as body:
                    content = b"".join(body.chunks())
                    promised = body.info.metadata.get("sha256")
                path = key.removeprefix(self._prefix)
                assert self._versions.has(path, content), f"{path} is no version that was written"
                digest = hashlib.sha256(content).hexdigest()
                assert promised in {None, digest}, f"{path} is not what its metadata says"
                self.seen += 1


def sha256_of(file: Path) -> str:
    """The SHA-256 of a local file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def wait_a_moment(rng: random.Random, most: float) -> None:
    """Sleep for a random time of up to ``most`` seconds."""
    time.sleep(rng.uniform(0, most))
