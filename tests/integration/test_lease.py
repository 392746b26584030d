"""Two live instances of one mirror on SeaweedFS: one writes, the other waits or takes over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.agents import eventually, running_agent
from support.homes import PREFIX, Bench

from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.lease import LeaseObject

pytestmark = pytest.mark.store


def lease(store: S3Store, host: str) -> LeaseObject:
    """The lease as an instance on this host sees it."""
    return LeaseObject(store, PREFIX, instance=f"home-on-{host}", host=host)


def test_two_instances(tmp_path: Path, s3_store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later waits, takes over, and hands back at its end; neither loses a byte."""
    monkeypatch.setattr("wherobots_storage.sync.tenure.LOOK", 0.3)
    first, second = (Bench(tmp_path, s3_store, name) for name in ("first", "second"))
    first.write("from-first", b"1")
    second.write("from-second", b"2")
    with running_agent(first.settings, s3_store, lease=lease(s3_store, "a")) as former:
        eventually(lambda: first.keys() == ["from-first"])
        with running_agent(second.settings, s3_store, lease=lease(s3_store, "b")) as later:
            status = later.reaches("waiting")
            assert status.lease is not None
            assert status.lease.host == "a"
            assert (second.home / "from-first").read_bytes() == b"1"
            assert first.keys() == ["from-first"]

            def is_taken_over() -> bool:
                # Its holder beats ten times a second here: between the look and each attempt too.
                later.client.request("takeover")
                return first.keys() == ["from-first", "from-second"]

            eventually(is_taken_over)
            status = former.reaches("waiting")
            assert status.lease is not None
            assert status.lease.host == "b"
            first.write("late", b"l")
            assert not former.client.request("sync").complete
            assert "late" not in set(first.keys())
        eventually(lambda: first.keys() == ["from-first", "from-second", "late"])
        former.reaches("idle")


def test_two_instances_and_the_later_ends_first(tmp_path: Path, s3_store: S3Store) -> None:
    """It never had its turn: what differs is at conflict names, once, and both homes' bytes are."""
    first, second = (Bench(tmp_path, s3_store, name) for name in ("first", "second"))
    first.write("shared.txt", b"start")
    large = os.urandom(9 * 1024**2)
    with running_agent(first.settings, s3_store, lease=lease(s3_store, "a")) as former:
        eventually(lambda: first.keys() == ["shared.txt"])
        with running_agent(second.settings, s3_store, lease=lease(s3_store, "b")) as later:
            later.reaches("waiting")
            second.write("shared.txt", b"of the second")
            second.write("sub/large.bin", large)
            first.write("shared.txt", b"of the first")
            assert former.client.request("sync").complete
            assert not later.client.request("final", 60.0).complete
            later.stop(60.0)
            assert later.complete is False
            conflicts = later.told[-1].conflicts
            assert [notice.path for notice in conflicts] == ["shared.txt", "sub/large.bin"]
        first.write("after", b"a")
        assert former.client.request("sync").complete
    (small,), (big,) = first.kept("shared.txt"), first.kept("sub/large.bin")
    assert first.keys() == sorted(["after", "shared.txt", small, big])
    assert first.body("shared.txt") == b"of the first"
    assert first.body(small) == b"of the second"
    assert first.body(big) == large
