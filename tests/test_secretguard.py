"""The guard that looks for secrets after every test finds them itself."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from support.secretguard import SecretGuard

SECRET = "xWq7Tnb2zKp9Lr4v"


def log(guard: SecretGuard, tmp_path: Path) -> None:
    """In a record's arguments."""
    assert tmp_path
    record = logging.LogRecord("any", logging.INFO, "f", 1, "with %s", (SECRET,), None)
    guard.handle(record)


def trace(guard: SecretGuard, tmp_path: Path) -> None:
    """In a trace."""
    assert tmp_path
    error = ValueError(SECRET)
    info = (ValueError, error, None)
    guard.handle(logging.LogRecord("any", logging.ERROR, "f", 1, "failed", (), info))


def answer(guard: SecretGuard, tmp_path: Path) -> None:
    """In an answer."""
    assert tmp_path
    guard.hear("an answer", f'{{"key": "{SECRET}"}}')


def file(guard: SecretGuard, tmp_path: Path) -> None:
    """In a log file that was rotated."""
    assert guard
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "agent.log.1").write_text(f"a line\n{SECRET}\n")


@pytest.mark.parametrize("way", [log, trace, answer, file])
def test_a_secret_is_found(tmp_path: Path, way: object) -> None:
    """Wherever it was told, and also when it is learnt only later."""
    guard = SecretGuard()
    assert callable(way)
    way(guard, tmp_path)
    assert guard.found(tmp_path) == set()
    guard.learn(SECRET)
    assert len(guard.found(tmp_path)) == 1
