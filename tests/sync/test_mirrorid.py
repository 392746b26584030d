"""Which mirror a journal is of: another store, or an emptied one, under the same names."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, final, opened, picture

from wherobots_storage.errors import AccessDenied, StoreUnavailable
from wherobots_storage.objectstore.store import ObjectInfo, ObjectStore, iterate_keys
from wherobots_storage.sync.cancel import Cancel

ID = f"{PREFIX}.wherobots/mirror-id"
MANY = [f"f{number:02}" for number in range(30)]


@pytest.fixture
def synced(bench: Bench) -> Bench:
    """A home of thirty files, all in its store."""
    for name in MANY:
        bench.write(name, name.encode(), mtime_ns=OLD)
    assert bench.sync().complete
    return bench


def copy_of(store: ObjectStore) -> FaultyStore:
    """A store with the same objects."""
    copy = FaultyStore()
    for entry in iterate_keys(store, ""):
        assert isinstance(entry, ObjectInfo)
        with store.get(entry.key) as body:
            copy.put(entry.key, b"".join(body.chunks()), metadata=entry.metadata)
    return copy


def test_what_is_saved_at_one_store_is_not_called_saved_at_another(synced: Bench) -> None:
    """Everything goes to the other one too."""
    synced.store = FaultyStore()
    assert synced.sync().complete
    assert synced.keys() == MANY


def test_a_final_sync_too(synced: Bench) -> None:
    """The last sync of a server that was told of another store saves all of the home there."""
    synced.store = FaultyStore()
    with opened(synced) as (session, _):
        assert final(session, Cancel(seconds=60))
    assert synced.keys() == MANY


def test_restore_from_another_store_trashes_nothing(synced: Bench) -> None:
    """What that has is added, and what is here stays."""
    before = picture(synced.home)
    other = Bench(synced.home.parent.parent, FaultyStore(), name="another")
    other.write("x", b"x", mtime_ns=OLD)
    other.sync()
    synced.store = other.store
    assert synced.restore().complete
    after = picture(synced.home)
    assert after.pop("x")
    assert after == before
    assert synced.sync().complete
    assert synced.keys() == [*MANY, "x"]


def test_an_emptied_bucket_is_filled_again(synced: Bench) -> None:
    """Also within the hour in which the journal is believed, with no file moved to the trash."""
    keys = [entry.key for entry in iterate_keys(synced.store, "") if isinstance(entry, ObjectInfo)]
    synced.store.delete_many(keys)
    before = picture(synced.home)
    synced.restore()
    assert picture(synced.home) == before
    assert synced.sync().complete
    assert synced.keys() == MANY


def test_a_store_that_moved_keeps_the_journal(synced: Bench) -> None:
    """Behind another address is the same mirror: what was deleted here meanwhile is deleted."""
    (synced.home / MANY[0]).unlink()
    synced.store = copy_of(synced.store)
    synced.restore()
    assert not (synced.home / MANY[0]).exists()


def test_a_lost_id_deletes_nothing(synced: Bench) -> None:
    """Without it the journal is made anew of the bucket: equal files are adopted, others kept."""
    synced.store.delete(ID)
    (synced.home / MANY[0]).unlink()
    synced.write(MANY[1], b"edited")
    synced.store.put(f"{PREFIX}{MANY[2]}", b"theirs")
    synced.restore()
    synced.sync()
    assert set(codes(synced.sync()).values()) <= {"conflict"}
    assert (synced.home / MANY[0]).read_bytes() == MANY[0].encode()
    assert synced.body(MANY[1]) == b"edited"
    assert b"theirs" in {synced.body(key) for key in [MANY[2], *synced.kept(MANY[2])]}
    assert synced.store.head(ID).size == 32


def test_two_homes_of_one_mirror_know_the_same_id(synced: Bench, tmp_path: Path) -> None:
    """The second one finds it, and neither begins its journal anew later."""
    other = Bench(tmp_path, synced.store, name="two")
    assert other.restore().complete
    (other.home / MANY[0]).unlink()
    other.sync()
    assert synced.keys() == MANY[1:]
    synced.restore()
    assert not (synced.home / MANY[0]).exists()


def test_an_id_that_cannot_be_read_stops_nothing(synced: Bench, store: FaultyStore) -> None:
    """The journal is believed then, as the store answers otherwise."""

    def refuse(name: str, key: str) -> None:
        if name == "get" and key == ID:
            raise AccessDenied("Not this one.")

    store.before, store.lease_too = refuse, True
    (synced.home / MANY[0]).unlink()
    assert synced.sync().complete
    assert synced.keys() == MANY[1:]


def test_an_id_that_comes_with_other_bytes_is_no_other_mirror_s(synced: Bench) -> None:
    """It is not what was written, whatever it is: the journal is believed, and no copy is made."""
    facts = synced.store.head(ID).metadata
    synced.store.put(ID, b"0" * 32, metadata=facts)
    (synced.home / MANY[0]).unlink()
    synced.store.put(f"{PREFIX}{MANY[1]}", b"theirs")
    assert synced.restore().complete
    assert synced.sync().complete
    assert synced.keys() == MANY[1:]
    assert (synced.home / MANY[1]).read_bytes() == b"theirs"


def test_a_store_that_is_away_sets_nothing_aside(synced: Bench, store: FaultyStore) -> None:
    """What is not known is no reason for anything."""

    def fail(_name: str, _key: str) -> None:
        raise StoreUnavailable("Away.")

    store.before, store.lease_too = fail, True
    with pytest.raises(StoreUnavailable):
        synced.restore()
    store.before = lambda _name, _key: None
    (synced.home / MANY[0]).unlink()
    assert synced.sync().complete
    assert synced.keys() == MANY[1:]


def test_credentials_that_only_read_restore(synced: Bench, tmp_path: Path) -> None:
    """Whoever may not write the mirror restores from it all the same."""

    def refuse(name: str, _key: str) -> None:
        if name == "put":
            raise AccessDenied("Reading only.")

    synced.store.delete(ID)
    other = Bench(tmp_path, copy_of(synced.store), name="reader")
    assert isinstance(other.store, FaultyStore)
    other.store.before, other.store.lease_too = refuse, True
    assert other.restore().complete
    assert sorted(picture(other.home)) == MANY
