"""The main job, whole: a home of thousands of files, a real browser, a killed server, a new one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.browser import browse
from support.lab import LabServer, peak_rss

from wherobots_storage.objectstore.embedded import EmbeddedStore

pytestmark = [pytest.mark.store, pytest.mark.timeout(900)]

BUCKET = "acme-data"
CUSTOMER = "customer-ada"
UPLOAD_BYTES = 300 * 1024**2
HOME_FILES = 5_000
IGNORED = {"__pycache__", ".ipynb_checkpoints", ".cache", ".wherobots"}
NOTEBOOK = "journey.ipynb"


@dataclass(frozen=True)
class Snapshot:
    """What a home holds: per relative path its kind, mode, mtime (whole files) and content."""

    entries: dict[str, tuple[object, ...]]

    @classmethod
    def of(cls, home: Path) -> Snapshot:
        """Read a home, less what is ignored by default."""
        entries: dict[str, tuple[object, ...]] = {}
        for folder, names, files in os.walk(home):
            names[:] = [name for name in names if name not in IGNORED]
            for name in [*names, *files]:
                path = Path(folder, name)
                entries[os.fsdecode(path.relative_to(home))] = _describe(path)
        return cls(entries)


def _describe(path: Path) -> tuple[object, ...]:
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        return ("symlink", str(path.readlink()))
    if stat.S_ISDIR(facts.st_mode):
        return ("folder", stat.S_IMODE(facts.st_mode))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ("file", stat.S_IMODE(facts.st_mode), facts.st_mtime_ns, digest)


def _make_home(home: Path) -> None:
    """Fill a home with at least HOME_FILES real files, odd names and empty folders."""
    packages = Path(sysconfig.get_path("purelib"))
    for name in ("jedi", "pygments", "IPython", "parso", "pip", "notebook_shim", "moto"):
        if (packages / name).is_dir():
            shutil.copytree(packages / name, home / "lib" / name, symlinks=True)
    odd = home / "odd names"
    odd.mkdir()
    for name in [
        "a b.txt",
        "100%.csv",
        "naïve ☃ 🎈.md",
        "quo'te\".py",
        "new\nline",
        "-dash",
        "#1?.x",
    ]:
        (odd / name).write_text(name, "utf-8")
    (home / "empty" / "nested").mkdir(parents=True)
    script = home / "run.sh"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    os.utime(script, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    (home / "latest").symlink_to("run.sh")
    private = home / "private"
    private.mkdir(mode=0o700)
    (private / "notes.txt").write_text("mine")
    (home / NOTEBOOK).write_text(json.dumps(_notebook("print('before the edit')")))


def _notebook(code: str) -> dict[str, object]:
    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "only",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": code,
    }
    kernel = {"name": "python3", "display_name": "Python 3"}
    return {
        "cells": [cell],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A store with an empty bucket."""
    with EmbeddedStore(tmp_path / "store") as running:
        running.create_bucket(BUCKET)
        yield running


def _settings(store: EmbeddedStore, state: Path) -> dict[str, str]:
    return {
        **store.environment(),
        "WHEROBOTS_STORAGE_ROOT": f"s3://{BUCKET}/acme/",
        "WHEROBOTS_STORAGE_CUSTOMER": CUSTOMER,
        "WHEROBOTS_STORAGE_STATE": str(state),
        "WHEROBOTS_STORAGE_RESTORE_WAIT": "120",
        "WHEROBOTS_STORAGE_SHUTDOWN_TIMEOUT": "120",
    }


def _browse(lab: LabServer, big_file: Path, results: Path) -> dict[str, object]:
    """Do the browser's part, and return what it saw."""
    given = {"LAB_URL": lab.url, "BIG_FILE": big_file, "NOTEBOOK": NOTEBOOK, "CUSTOMER": CUSTOMER}
    browse("main-job", given, results)
    found: dict[str, object] = json.loads((results / "seen.json").read_text())
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_the_main_job(store: EmbeddedStore, tmp_path: Path) -> None:
    """A home served, browsed, uploaded to, edited and lost comes back whole on a new server."""
    home = tmp_path / "home"
    home.mkdir()
    _make_home(home)
    assert sum(entry[0] == "file" for entry in Snapshot.of(home).entries.values()) >= HOME_FILES
    big_file = tmp_path / "big.bin"
    with big_file.open("wb") as file:
        for _ in range(UPLOAD_BYTES // 1024**2):
            file.write(os.urandom(1024**2))
    results = tmp_path / "results"
    results.mkdir()

    with LabServer(home, _settings(store, tmp_path / "state-1")) as lab:
        with peak_rss(lab.process.pid) as memory:
            seen = _browse(lab, big_file, results)
        lab.terminate(timeout=180)
    assert seen["copied"] == f"s3://{BUCKET}/acme/data/{CUSTOMER}/big.bin"
    assert seen["folders"] == ["data", "notebooks", "spark-logs"]
    assert seen["uploadDisabledInData"] is True
    assert seen["progressSeen"] is True
    assert _digest(results / "downloaded.bin") == _digest(big_file)
    assert memory.growth_bytes <= 100 * 1024**2, f"grew by {memory.growth_bytes:,} bytes"
    before = Snapshot.of(home)

    new_home = tmp_path / "new-home"
    new_home.mkdir()
    with LabServer(new_home, _settings(store, tmp_path / "state-2")) as lab:
        after = Snapshot.of(new_home)
        missing = before.entries.keys() - after.entries.keys()
        assert not missing, sorted(missing)[:20]
        different = [path for path, entry in before.entries.items() if after.entries[path] != entry]
        assert not different, [(p, before.entries[p], after.entries[p]) for p in different[:10]]
        assert after.entries.keys() == before.entries.keys()
        outputs = lab.run_notebook(NOTEBOOK)
    assert f"s3://{BUCKET}/acme/data/{CUSTOMER}/\n" in outputs
    assert f"s3://{BUCKET}/acme/data/shared/\n" in outputs
    assert f"s3://{BUCKET}/acme/data/{CUSTOMER}/warehouse/\n" in outputs
