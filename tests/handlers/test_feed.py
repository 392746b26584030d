"""The bridge from the event loop to a reading thread."""

from __future__ import annotations

import asyncio

import pytest

from wherobots_storage.errors import UploadInterrupted
from wherobots_storage.handlers.feed import ByteFeed


async def test_bytes_come_out_as_they_went_in() -> None:
    """A reader gets every byte, in order, and then the end."""
    feed = ByteFeed(limit=10)
    reading = asyncio.create_task(asyncio.to_thread(lambda: b"".join(feed)))
    for number in range(100):
        await feed.write(bytes([number]) * 3)
    await feed.write(b"")
    feed.end()
    assert await reading == b"".join(bytes([number]) * 3 for number in range(100))


async def test_a_writer_waits_for_its_reader() -> None:
    """Over the limit, write returns only when the reader has taken something."""
    feed = ByteFeed(limit=10)
    await asyncio.wait_for(feed.write(b"x" * 10), 60)
    waiting = asyncio.create_task(feed.write(b"y"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    pieces = iter(feed)
    assert await asyncio.to_thread(next, pieces) == b"x" * 10 + b"y"
    await asyncio.wait_for(waiting, 60)


async def test_an_abort_wakes_both_sides() -> None:
    """The reader fails rather than end, and the writer goes on to nothing."""
    feed = ByteFeed(limit=1)
    waiting = asyncio.create_task(feed.write(b"xx"))
    await asyncio.sleep(0)
    feed.abort()
    await asyncio.wait_for(waiting, 60)
    with pytest.raises(UploadInterrupted):
        await asyncio.to_thread(list, feed)
    await asyncio.wait_for(feed.write(b"more"), 60)


async def test_an_abort_after_the_end_changes_nothing() -> None:
    """A body that is whole stays whole when its connection closes afterwards."""
    feed = ByteFeed()
    await feed.write(b"whole")
    feed.end()
    feed.abort()
    assert await asyncio.to_thread(list, feed) == [b"whole"]


async def test_a_reader_that_failed_lets_the_writer_go_on() -> None:
    """What nobody reads is dropped, so that the rest of the body can be received."""
    feed = ByteFeed(limit=1)
    waiting = asyncio.create_task(feed.write(b"xx"))
    await asyncio.sleep(0)
    await asyncio.to_thread(feed.close)
    await asyncio.wait_for(waiting, 60)
    await asyncio.wait_for(feed.write(b"x" * 100), 60)
