"""Listing, stat, folders and deletes over HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.faults import HidingStore
from support.server import CUSTOMER, OWN, Api, Hooks, wait_for_job

from wherobots_storage.objectstore.memory import MemoryStore

ODD_NAMES = [
    "a b",
    "%2e%2e",
    "back\\slash",
    "hash#tag",
    "what?",
    "a+b",
    "quote\"'`",
    "tab\tnew\nline",
    "\x01\x7f",
    "snow☃ \U0001f600",
    " lead and trail ",
    "...",
    "é",
]


def put_literally(store: MemoryStore, key: str) -> None:
    """Store a key that ``put`` refuses, as another program may have."""
    store.put("made", b"1")
    stored = store._objects.pop("made")
    store._objects[key] = replace(stored, info=replace(stored.info, key=key))


async def list_all(api: Api, path: str, limit: int) -> list[dict[str, object]]:
    """Every entry of a folder, page by page."""
    entries: list[dict[str, object]] = []
    params = {"path": path, "limit": str(limit)}
    while True:
        page = (await api.get("files", **params)).json()
        entries += page["entries"]
        assert len(page["entries"]) <= limit
        if page["cursor"] is None:
            return entries
        params["cursor"] = page["cursor"]


@pytest.mark.parametrize("hides", [True, False])
async def test_a_folder_that_the_store_would_hide_is_refused(
    hooks: Hooks, api: Api, hides: bool
) -> None:
    """It would not be shown, nor what is put there; where the store shows it, it is made."""
    store = HidingStore()
    store.hides = hides
    hooks.store = store
    folder = await api.post("folders", {"path": f"{OWN}a.versions/"})
    upload = await api.post("uploads", {"path": f"{OWN}x/.uploads/f", "size": 1})
    file = await api.post("uploads", {"path": f"{OWN}f.versions", "size": 1})
    assert file.status == 201
    if hides:
        assert (folder.status, folder.json()["code"]) == (400, "invalid-path")
        assert "'.uploads'" in upload.json()["message"]
        assert upload.json()["path"] == f"{OWN}x/.uploads/f"
        assert list(store._objects) == []
    else:
        assert (folder.status, upload.status) == (201, 201)


async def test_the_root_shows_the_fixed_folders_of_an_empty_bucket(api: Api) -> None:
    """The three top folders are listed although nothing is in the bucket."""
    page = (await api.get("files", path="/")).json()
    assert [entry["path"] for entry in page["entries"]] == ["/data/", "/notebooks/", "/spark-logs/"]
    assert page["mutateProtected"] is True
    assert page["uploadProtected"] is True
    assert page["cursor"] is None
    assert "read-only" in page["reason"]


async def test_a_fixed_folder_is_never_listed_from_the_store(
    api: Api, memory_store: MemoryStore
) -> None:
    """Another user's folder does not appear in /data/, whatever is in the bucket."""
    memory_store.put("org/data/customer-bob/secret.csv", b"x")
    page = (await api.get("files", path="/data")).json()
    names = [entry["name"] for entry in page["entries"]]
    assert names == [CUSTOMER, "shared"]
    assert all(entry["protected"] for entry in page["entries"])


async def test_a_folder_lists_files_and_folders_in_the_stores_order(
    api: Api, memory_store: MemoryStore
) -> None:
    """Entries come as the store has them, with what it knows of them; not the own marker."""
    memory_store.put(f"org/data/{CUSTOMER}/", b"")
    memory_store.put(f"org/data/{CUSTOMER}/b.csv", b"12345")
    memory_store.put(f"org/data/{CUSTOMER}/a/x", b"1")
    page = (await api.get("files", path=OWN)).json()
    folder, file = page["entries"]
    assert (folder["name"], folder["type"], folder["uri"]) == (
        "a",
        "FOLDER",
        f"s3://test/org/data/{CUSTOMER}/a/",
    )
    assert (file["name"], file["type"], file["size"]) == ("b.csv", "FILE", 5)
    assert file["uri"] == f"s3://test/org/data/{CUSTOMER}/b.csv"
    assert file["lastModified"].endswith("Z")
    assert file["etag"]
    assert page["mutateProtected"] is False


async def test_a_caution_travels_with_the_listing(api: Api) -> None:
    """/spark-logs is writable and says what to think of before writing."""
    page = (await api.get("files", path="/spark-logs/")).json()
    assert page["uploadProtected"] is False
    assert "Spark" in page["caution"]


async def test_more_than_a_thousand_entries_come_page_by_page(
    api: Api, memory_store: MemoryStore
) -> None:
    """2,345 files are all listed, each once, in order."""
    expected = [f"{number:05}" for number in range(2345)]
    for name in expected:
        memory_store.put(f"org/data/shared/{name}", b"")
    entries = await list_all(api, "/data/shared/", 1000)
    assert [entry["name"] for entry in entries] == expected


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "1.5", ""])
async def test_a_limit_outside_one_to_a_thousand_is_refused(api: Api, limit: str) -> None:
    """The page size is checked."""
    answer = await api.get("files", path="/data/shared/", limit=limit)
    assert answer.status == 400
    assert answer.error().code == "invalid-input"


async def test_a_cursor_of_no_listing_is_refused(api: Api) -> None:
    """A cursor that was made up is a bad request, not an accident."""
    answer = await api.get("files", path="/data/shared/", cursor="made up")
    assert answer.status == 400


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_odd_names_live_a_whole_life(api: Api, memory_store: MemoryStore, name: str) -> None:
    """A file and a folder with such a name are made, listed, read and deleted, literally."""
    assert (await api.post("folders", {"path": f"{OWN}{name}/"})).status == 201
    assert (await api.upload(f"{OWN}{name}/{name}", b"odd")).status == 200
    assert memory_store.head(f"org/data/{CUSTOMER}/{name}/{name}").size == 3
    (entry,) = (await api.get("files", path=f"{OWN}{name}/")).json()["entries"]
    assert entry["name"] == name
    assert (await api.get("files/content", path=entry["path"])).body == b"odd"
    assert (await api.get("files/stat", path=entry["path"])).json()["size"] == 3
    gone = await api.post("files/delete", {"paths": [entry["path"]]})
    assert gone.json()["deleted"] == [entry["path"]]
    assert (await api.get("files", path=f"{OWN}{name}/")).json()["entries"] == []


async def test_a_folder_with_an_empty_name_is_listed_and_opened(
    api: Api, memory_store: MemoryStore
) -> None:
    """What USER_S3_PATH + "/x" makes is a folder without a name, and can be opened."""
    memory_store.put(f"org/data/{CUSTOMER}//x", b"1")
    (folder,) = (await api.get("files", path=OWN)).json()["entries"]
    assert (folder["name"], folder["path"], folder["type"]) == ("", OWN + "/", "FOLDER")
    (file,) = (await api.get("files", path=folder["path"])).json()["entries"]
    assert file["path"] == f"{OWN}/x"


async def test_dotted_keys_are_listed_marked_and_can_be_deleted(
    api: Api, memory_store: MemoryStore
) -> None:
    """A key with a '..' segment is shown with its problem and deleted by its exact key only."""
    put_literally(memory_store, "org/data/shared/../x")
    memory_store.put("org/data/x", b"not this")
    (folder,) = (await api.get("files", path="/data/shared/")).json()["entries"]
    assert folder["name"] == ".."
    assert "only be listed and deleted" in folder["problem"]
    refused = await api.get("files/content", path="/data/shared/../x")
    assert (refused.status, refused.error().code) == (400, "invalid-path")
    gone = await api.post("files/delete", {"paths": ["/data/shared/../x"]})
    assert gone.json()["deleted"] == ["/data/shared/../x"]
    assert [entry.key for entry in memory_store.list_page("").entries] == ["org/data/x"]  # type: ignore[union-attr]


async def test_a_dotted_folder_is_deleted_with_what_is_in_it_and_nothing_else(
    api: Api, memory_store: MemoryStore
) -> None:
    """Only keys that begin with the folder's literal name go."""
    put_literally(memory_store, "org/data/shared/../customer-bob/x")
    memory_store.put("org/data/customer-bob/x", b"not this")
    answer = await api.post("files/delete", {"paths": ["/data/shared/../"]})
    job = await wait_for_job(api, answer.json()["jobs"][0])
    assert (job["state"], job["done"]) == ("done", 1)
    assert [e.key for e in memory_store.list_page("").entries] == ["org/data/customer-bob/x"]  # type: ignore[union-attr]


async def test_a_dotted_key_that_is_not_listed_is_not_deleted(
    api: Api, memory_store: MemoryStore
) -> None:
    """A made-up dotted path deletes nothing, even if a store would resolve it."""
    memory_store.put("org/data/customer-bob/x", b"1")
    answer = await api.post("files/delete", {"paths": ["/data/shared/../customer-bob/x"]})
    assert answer.json()["deleted"] == []
    assert answer.json()["failed"][0]["error"]["code"] == "not-found"
    assert memory_store.head("org/data/customer-bob/x")


async def test_the_agents_own_folder_is_neither_shown_nor_opened(
    api: Api, memory_store: MemoryStore
) -> None:
    """.wherobots in the mirror is hidden in the listing and refused by every route."""
    memory_store.put(f"org/notebooks/{CUSTOMER}/.wherobots/lease.json", b"{}")
    memory_store.put(f"org/notebooks/{CUSTOMER}/a.ipynb", b"{}")
    page = (await api.get("files", path=f"/notebooks/{CUSTOMER}/")).json()
    assert [entry["name"] for entry in page["entries"]] == ["a.ipynb"]
    inside = f"/notebooks/{CUSTOMER}/.wherobots/lease.json"
    assert (await api.get("files/content", path=inside)).status == 403
    assert (await api.post("files/delete", {"paths": [inside]})).status == 403


async def test_stat_tells_what_a_head_knows(api: Api, memory_store: MemoryStore) -> None:
    """Metadata and type of a file; folders and what is not there as such."""
    memory_store.put("org/data/shared/a/b", b"1", metadata={"mtime": "1.5"}, content_type="text/x")
    detail = (await api.get("files/stat", path="/data/shared/a/b")).json()
    assert detail["metadata"] == {"mtime": "1.5"}
    assert detail["contentType"] == "text/x"
    assert (await api.get("files/stat", path="/data/shared/a/")).json()["type"] == "FOLDER"
    assert (await api.get("files/stat", path="/data/")).json()["protected"] is True
    missing = await api.get("files/stat", path="/data/shared/zz/")
    assert (missing.status, missing.error().path) == (404, "/data/shared/zz/")
    assert (await api.get("files/stat", path="/data/shared/zz")).status == 404


async def test_a_new_folder_is_a_marker_object(api: Api, memory_store: MemoryStore) -> None:
    """The folder is a zero-byte object, shown by its parent, and made only once."""
    made = await api.post("folders", {"path": f"{OWN}new"})
    assert (made.status, made.json()["path"]) == (201, f"{OWN}new/")
    assert memory_store.head(f"org/data/{CUSTOMER}/new/").size == 0
    again = await api.post("folders", {"path": f"{OWN}new/"})
    assert (again.status, again.error().code) == (409, "already-exists")


@pytest.mark.parametrize("taken", ["x/inside", "x"])
async def test_a_folder_is_not_made_where_something_has_its_name(
    api: Api, memory_store: MemoryStore, taken: str
) -> None:
    """A folder without a marker, or a file, of that name is a conflict."""
    memory_store.put(f"org/data/{CUSTOMER}/{taken}", b"1")
    assert (await api.post("folders", {"path": f"{OWN}x/"})).status == 409


async def test_deleting_a_folder_is_a_job(api: Api, memory_store: MemoryStore) -> None:
    """Everything inside goes, its neighbour of a longer name stays, and the job says how much."""
    for number in range(2100):
        memory_store.put(f"org/data/shared/big/{number}", b"")
    memory_store.put("org/data/shared/big/", b"")
    memory_store.put("org/data/shared/bigger", b"")
    answer = await api.post("files/delete", {"paths": ["/data/shared/big/"]})
    assert answer.status == 202
    job = await wait_for_job(api, answer.json()["jobs"][0])
    assert (job["state"], job["done"], job["total"], job["error"]) == ("done", 2101, 2101, None)
    assert [e.key for e in memory_store.list_page("").entries] == ["org/data/shared/bigger"]  # type: ignore[union-attr]


async def test_an_unknown_job_is_not_found(api: Api) -> None:
    """A job of an earlier server is told to be gone."""
    assert (await api.get("jobs", id="x")).status == 404


async def test_one_refused_path_refuses_the_whole_delete(
    api: Api, memory_store: MemoryStore
) -> None:
    """Nothing is deleted when one of the paths may not be."""
    memory_store.put("org/data/shared/a", b"1")
    answer = await api.post("files/delete", {"paths": ["/data/shared/a", "/data/shared/"]})
    assert (answer.status, answer.error().code) == (403, "read-only")
    assert memory_store.head("org/data/shared/a")
