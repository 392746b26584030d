from __future__ import annotations

import pytest

from wherobots_storage.api.models import Entry
from wherobots_storage.commands.ls import entries
from wherobots_storage.errors import NotFound, OutsideArea
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.settings import Tenancy

TENANCY = Tenancy(Root("test", "org/"), "customer-a")


def listed(store: MemoryStore, path: str) -> list[Entry]:
    """What `ls` lists at the path."""
    return list(entries(TENANCY, store, StoragePath.parse(path)))


def names(store: MemoryStore, path: str) -> list[str]:
    """The paths of what `ls` lists."""
    return [entry.path for entry in listed(store, path)]


def test_the_root_is_made_of_the_table(memory_store: MemoryStore) -> None:
    """The fixed folders are listed although the bucket is empty."""
    assert names(memory_store, "/") == ["/data/", "/notebooks/", "/spark-logs/"]
    assert names(memory_store, "/data") == ["/data/customer-a/", "/data/shared/"]


def test_an_empty_area_is_no_error(memory_store: MemoryStore) -> None:
    """A fixed folder with nothing in it lists as nothing."""
    assert names(memory_store, "/data/shared/") == []


def test_a_folder_shows_what_is_directly_inside(memory_store: MemoryStore) -> None:
    """Files come with their facts, folders once, whatever is below them."""
    for key in ("a.csv", "sub/1", "sub/2", "sub/deep/3"):
        memory_store.put(f"org/data/shared/{key}", b"12345")
    found = listed(memory_store, "/data/shared")
    assert [(entry.path, entry.type, entry.size) for entry in found] == [
        ("/data/shared/a.csv", "FILE", 5),
        ("/data/shared/sub/", "FOLDER", None),
    ]
    assert found[0].uri == "s3://test/org/data/shared/a.csv"
    assert found[1].uri == "s3://test/org/data/shared/sub/"


def test_more_than_a_page_is_listed_whole(memory_store: MemoryStore) -> None:
    """A listing goes on where a page of the store ends."""
    for number in range(2345):
        memory_store.put(f"org/data/shared/{number:05}", b"")
    assert len(names(memory_store, "/data/shared/")) == 2345


def test_a_file_can_be_named_itself(memory_store: MemoryStore) -> None:
    """A path without a slash at its end may be a file; then it is the one entry."""
    memory_store.put("org/data/shared/a.csv", b"123")
    assert [entry.size for entry in listed(memory_store, "/data/shared/a.csv")] == [3]


def test_a_folder_s_own_marker_is_not_listed(memory_store: MemoryStore) -> None:
    """A folder that is only a marker exists, and is empty."""
    memory_store.put("org/data/shared/empty/", b"")
    assert names(memory_store, "/data/shared/empty/") == []


@pytest.mark.parametrize("path", ["/data/shared/none", "/data/shared/none/"])
def test_what_is_not_there_is_an_error(memory_store: MemoryStore, path: str) -> None:
    """A path at which nothing is says so, with the path."""
    with pytest.raises(NotFound) as caught:
        listed(memory_store, path)
    assert caught.value.path == path


def test_somebody_else_s_folder_is_refused(memory_store: MemoryStore) -> None:
    """Another customer's folder is refused before the store is asked."""
    memory_store.put("org/data/customer-b/secret", b"")
    with pytest.raises(OutsideArea):
        listed(memory_store, "/data/customer-b/")


def test_the_agent_s_own_folder_stays_hidden(memory_store: MemoryStore) -> None:
    """The reserved folder of the mirror is left out of the listing."""
    memory_store.put("org/notebooks/customer-a/.wherobots/lease.json", b"")
    memory_store.put("org/notebooks/customer-a/a.ipynb", b"")
    assert names(memory_store, "/notebooks/customer-a/") == ["/notebooks/customer-a/a.ipynb"]
