"""Transfers under way, and what becomes of those that fail."""

from __future__ import annotations

import logging
from concurrent.futures import Future

import pytest
from support.trouble import InlineTransfers

from wherobots_storage.errors import SlowDown, StorageError
from wherobots_storage.sync.flights import Flights


def landed(error: BaseException) -> tuple[str, int | StorageError] | None:
    """What is handed out of a transfer that ended so."""
    flights: Flights[str, int] = Flights(InlineTransfers(None))
    future: Future[int] = Future()
    flights.launch("a", 1, future)
    future.set_exception(error)
    return flights.next()


def test_an_error_of_ours_is_handed_out() -> None:
    """A StorageError comes as a value, as it was raised."""
    error = SlowDown("later")
    assert landed(error) == ("a", error)


def test_a_defect_costs_one_transfer(caplog: pytest.LogCaptureFixture) -> None:
    """An exception that nobody foresaw is a value too, and logged without its words."""
    with caplog.at_level(logging.ERROR):
        result = landed(ValueError("with a secret in it"))
    assert result is not None
    assert isinstance(result[1], StorageError)
    assert result[1].code == "unexpected-answer"
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text + result[1].message


def test_the_end_of_the_process_is_no_defect() -> None:
    """What ends a process is raised."""
    with pytest.raises(KeyboardInterrupt):
        landed(KeyboardInterrupt())


def test_given_up() -> None:
    """What is abandoned is cancelled, so that it has no effect when it comes to its end."""
    flights: Flights[str, int] = Flights(InlineTransfers(None))
    futures: list[Future[int]] = [Future(), Future()]
    for future in futures:
        flights.launch("a", 1, future)
    futures[0].set_result(1)
    assert flights.next() == ("a", 1)
    flights.abandon()
    assert [future.cancelled() for future in futures] == [False, True]
