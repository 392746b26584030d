"""The error tree at the HTTP edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wherobots_storage.errors import ReadOnlyFolder, StorageError
from wherobots_storage.handlers.statuses import STATUSES, body_of, body_of_status, status_of


def every_error(kind: type[StorageError] = StorageError) -> Iterator[type[StorageError]]:
    """The whole tree."""
    yield kind
    for child in kind.__subclasses__():
        yield from every_error(child)


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.code)
def test_every_error_has_a_status_of_its_own(kind: type[StorageError]) -> None:
    """Nobody adds an error without saying what HTTP makes of it."""
    assert kind in STATUSES
    assert 400 <= status_of(kind("x")) < 600


def test_no_error_looks_like_a_login_problem() -> None:
    """401 would make the browser ask the user to log in to Jupyter."""
    assert 401 not in {int(status) for status in STATUSES.values()}


def test_an_error_travels_with_its_path() -> None:
    """The body has code, message, path and whether trying again may help."""
    body = body_of(ReadOnlyFolder("no", path="/data/"))
    assert (body.code, body.message, body.path, body.retryable) == (
        "read-only",
        "no",
        "/data/",
        False,
    )


def test_an_accident_says_nothing_of_itself() -> None:
    """A 5xx of no known kind points to the log."""
    assert "secret" not in body_of_status(500, "secret").message


def test_a_status_that_nobody_knows_is_told_as_such() -> None:
    """Jupyter or a proxy may refuse with any number."""
    assert body_of_status(499, None).message == "HTTP status 499."
