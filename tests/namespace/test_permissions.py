"""The permission table: what it allows, what it refuses, and that nothing gets around it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import CUSTOMER, NEIGHBOURS, ROOTS, displays, hostile

from wherobots_storage.errors import InvalidPath, OutsideArea, ReadOnlyFolder, StorageError
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.namespace.permissions import Access, PermissionTable

TABLE = PermissionTable(CUSTOMER)
QUICK = settings(max_examples=200)

TOPS = (
    f"/data/{CUSTOMER}/",
    "/data/shared/",
    f"/notebooks/{CUSTOMER}/",
    "/notebooks/shared/",
    "/spark-logs/",
)
"""The areas, written out again: the table is tested against this, not against itself."""

CHANGES: tuple[Callable[[StoragePath], Access], ...] = (
    TABLE.require_upload,
    TABLE.require_create,
    TABLE.require_delete,
)


@pytest.mark.parametrize("display", ["/", "/data/", "/notebooks/"])
def test_synthesised_folders(display: str) -> None:
    """The folders above the areas can be read, are never listed, and say why nothing else goes."""
    path = StoragePath.parse(display)
    access = TABLE.access(path)
    assert (access.protected, access.upload, access.mutate, access.synthesised) == (
        True,
        False,
        False,
        True,
    )
    assert access.reason is not None
    for change in CHANGES:
        with pytest.raises(ReadOnlyFolder, match="read-only"):
            change(path)
        with pytest.raises(ReadOnlyFolder, match="read-only"):
            change(path.child("new.csv"))


@pytest.mark.parametrize("display", TOPS)
def test_tops_of_areas(display: str) -> None:
    """An area's top can be written in, but not itself be deleted."""
    path = StoragePath.parse(display)
    access = TABLE.access(path)
    assert (access.protected, access.upload, access.mutate, access.synthesised) == (
        True,
        True,
        True,
        False,
    )
    with pytest.raises(ReadOnlyFolder, match="fixed folder"):
        TABLE.require_delete(path)


@pytest.mark.parametrize("display", TOPS)
@pytest.mark.parametrize("inside", ["a.csv", "a/b/", "warehouse/", " ", "%2e%2e/a", "/x"])
def test_inside_areas(display: str, inside: str) -> None:
    """Everything inside an area can be uploaded, made and deleted."""
    path = StoragePath.parse(display + inside)
    for change in CHANGES:
        assert change(path).protected is False
    assert (TABLE.access(path).caution is not None) == display.startswith("/spark-logs/")


@pytest.mark.parametrize("display", [top.rstrip("/") for top in TOPS])
def test_a_file_in_an_areas_place(display: str) -> None:
    """An area's name without its slash is no file that can be written."""
    for change in CHANGES:
        with pytest.raises(StorageError):
            change(StoragePath.parse(display))


@pytest.mark.parametrize("area", ["data", "notebooks"])
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_neighbours_are_outside(area: str, name: str) -> None:
    """A name that only begins like the customer's, or like shared, is somebody else's."""
    for display in (f"/{area}/{name}/", f"/{area}/{name}/secret.csv", f"/{area}/{name}/a/b/"):
        path = StoragePath.parse(display)
        with pytest.raises(OutsideArea, match="outside your folders"):
            TABLE.access(path)
        for change in CHANGES:
            with pytest.raises((OutsideArea, ReadOnlyFolder)):
                change(path)


@pytest.mark.parametrize("inside", ["", "tmp/", "tmp/a", "lease.json", "trash/x/y"])
def test_reserved_names(inside: str) -> None:
    """The synchronisation's own folder in the mirror cannot even be read."""
    path = StoragePath.parse(f"/notebooks/{CUSTOMER}/.wherobots/{inside}")
    for check in (TABLE.access, *CHANGES):
        with pytest.raises(OutsideArea, match="synchronisation"):
            check(path)
    with pytest.raises(OutsideArea):
        TABLE.require_upload(StoragePath.parse(f"/notebooks/{CUSTOMER}/.wherobots"))


@pytest.mark.parametrize(
    "inside",
    [
        "/.wherobots/lease.json",
        "//.wherobots//lease.json",
        "\\.wherobots/lease.json",
        ".wherobots\\lease.json",
        ".wherobots\\",
        "x\\..\\.wherobots\\lease.json",
        "x/../.wherobots/lease.json",
        ".\\.wherobots\\lease.json",
    ],
)
def test_reserved_by_a_name_that_a_store_rewrites(inside: str) -> None:
    """What SeaweedFS makes into the synchronisation's own folder is refused as that folder is."""
    path = StoragePath.exact(f"/notebooks/{CUSTOMER}/{inside}")
    for check in (TABLE.access, *CHANGES):
        with pytest.raises(OutsideArea, match="synchronisation"):
            check(path)


@pytest.mark.parametrize(
    "display",
    [
        f"/data/{CUSTOMER}/.wherobots/x",
        f"/notebooks/{CUSTOMER}/a\\.wherobots/x",
        f"/notebooks/{CUSTOMER}//x",
        "/notebooks/shared/.wherobots/x",
        f"/notebooks/{CUSTOMER}/sub/.wherobots/x",
        f"/notebooks/{CUSTOMER}/.wherobots2",
        f"/notebooks/{CUSTOMER}/.wherobotsignore",
    ],
)
def test_reserved_name_elsewhere(display: str) -> None:
    """Only the top of the mirror has the reserved name; elsewhere it is a name like others."""
    assert TABLE.require_upload(StoragePath.parse(display)).upload


def test_children() -> None:
    """A synthesised folder shows the table's folders, sorted; no other folder does."""
    shown = {
        display: [child.display for child in TABLE.children(StoragePath.parse(display))]
        for display in ("/", "/data/", "/notebooks/", "/data/shared/", "/elsewhere/")
    }
    assert shown == {
        "/": ["/data/", "/notebooks/", "/spark-logs/"],
        "/data/": [f"/data/{CUSTOMER}/", "/data/shared/"],
        "/notebooks/": [f"/notebooks/{CUSTOMER}/", "/notebooks/shared/"],
        "/data/shared/": [],
        "/elsewhere/": [],
    }


def lies_in_an_area(relative: str) -> bool:
    """Whether a key relative to the root lies strictly inside an area: an independent account."""
    mine = any(relative.startswith(top[1:]) and relative != top[1:] for top in TOPS)
    reserved = f"notebooks/{CUSTOMER}/.wherobots"
    return mine and relative != reserved and not relative.startswith(reserved + "/")


@QUICK
@given(hostile() | displays() | st.text(max_size=40))
def test_no_input_is_written_outside(text: str) -> None:
    """Whatever arrives, what may be written or deleted has a key inside the user's areas."""
    try:
        path = StoragePath.parse(text)
        keys = [path.key(root) for root in ROOTS]
    except InvalidPath:
        return
    for change in CHANGES:
        try:
            change(path)
        except (ReadOnlyFolder, OutsideArea):
            continue
        for root, key in zip(ROOTS, keys, strict=True):
            assert key.startswith(root.prefix)
            relative = key[len(root.prefix) :]
            assert lies_in_an_area(relative) or "/" + relative in TOPS
            if change == TABLE.require_delete:
                assert lies_in_an_area(relative)


@QUICK
@given(hostile() | displays())
def test_no_input_is_read_outside(text: str) -> None:
    """What may be read lies in an area, is one, or is shown from the table without a listing."""
    try:
        path = StoragePath.parse(text)
        access = TABLE.access(path)
    except (InvalidPath, OutsideArea):
        return
    relative = path.key(ROOTS[0])
    if not access.synthesised:
        assert lies_in_an_area(relative) or "/" + relative in TOPS
    else:
        assert text in {"/", "/data/", "/notebooks/"}


@QUICK
@given(hostile())
def test_reading_and_writing_agree(text: str) -> None:
    """What may be changed may be read, and the flags say what the checks do."""
    try:
        path = StoragePath.parse(text)
        access = TABLE.access(path)
    except StorageError:
        return
    if access.protected:
        with pytest.raises(ReadOnlyFolder):
            TABLE.require_delete(path)
    else:
        assert TABLE.require_delete(path) == TABLE.require_upload(path) == access


def test_other_customers_tables_do_not_overlap() -> None:
    """Two customers share only the shared folders and the logs."""
    other = PermissionTable("customer-b2")
    mine = {top.display for top, _ in TABLE.areas}
    theirs = {top.display for top, _ in other.areas}
    assert mine & theirs == {"/data/shared/", "/notebooks/shared/", "/spark-logs/"}
