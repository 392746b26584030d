"""A real SeaweedFS behind a network that drops, stalls, trickles, and is down for a while."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
from support.agents import eventually
from support.homes import OLD, Bench, picture
from support.tcp_proxy import TcpProxy

from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.connect import connect, open_transfers
from wherobots_storage.objectstore.connection import Timeouts
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync import multipart
from wherobots_storage.sync.once import Outcome

pytestmark = pytest.mark.store

FILES = 200
ROUNDS = 30
REFUSED = 5
TROUBLES = {"refused", "reset", "end", "stall", "trickle"}


@pytest.fixture
def proxy(seaweed: EmbeddedStore) -> Iterator[TcpProxy]:
    """The network, which is a good one at first."""
    with TcpProxy(seaweed.environment()["AWS_ENDPOINT_URL"], seed=7).running() as running:
        yield running


@pytest.fixture
def store(seaweed: EmbeddedStore, bucket: str, proxy: TcpProxy) -> Iterator[S3Store]:
    """A bucket of SeaweedFS, over that network, with little patience."""
    environment = seaweed.environment() | {"AWS_ENDPOINT_URL": proxy.url}
    store = connect(bucket, environment, timeouts=Timeouts(connect=2, read=1))
    yield store
    store.close()


@contextmanager
def down_at_first(proxy: TcpProxy) -> Iterator[None]:
    """The network is down until some connections were refused."""
    refused = proxy.met["refused"]
    proxy.set_down(True)

    def come_back() -> None:
        eventually(lambda: proxy.met["refused"] >= refused + REFUSED)
        proxy.set_down(False)

    back = threading.Thread(target=come_back)
    back.start()
    yield
    back.join()


def comes_through(bench: Bench, work: Callable[[], Outcome]) -> None:
    """Do it again and again until it is complete: each time some of it is."""
    for _ in range(ROUNDS):
        with suppress(StorageError):
            if work().complete:
                return
    pytest.fail(f"{bench.home} never came through")


def test_a_home_over_a_bad_network(
    proxy: TcpProxy, store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home of some hundred files and a multipart comes through, and back, byte for byte."""
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * 1024**2)
    first, second = Bench(tmp_path, store, "first"), Bench(tmp_path, store, "second")
    first.open_transfers = second.open_transfers = open_transfers
    for number in range(FILES):
        first.write(f"d{number % 9}/f{number}", os.urandom(number * 50), mtime_ns=OLD)
    first.write("big", os.urandom(17 * 1024**2), mtime_ns=OLD)
    proxy.troubled = 60
    for more in range(ROUNDS):
        for bench, work in ((first, first.sync), (second, second.restore)):
            with down_at_first(proxy) if not more else nullcontext():
                comes_through(bench, work)
        # How many connections there are, and so which troubles were drawn, is a matter of time.
        if set(proxy.met) >= TROUBLES:
            break
        for number in range(40):
            first.write(f"more{more}/f{number}", os.urandom(20_000), mtime_ns=OLD)
    assert picture(second.home) == picture(first.home)
    assert set(proxy.met) >= TROUBLES
    proxy.troubled = 0
    comes_through(first, first.sync)
    assert len(first.keys()) == FILES + 1
