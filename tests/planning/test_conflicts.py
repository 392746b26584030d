"""Names for versions that are kept beside another."""

from __future__ import annotations

from itertools import islice

import pytest

from wherobots_storage.planning.conflicts import names_beside, split_name

MOMENT = 1_767_225_599.9
STAMP = "2025-12-31 235959"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.txt", "a (conflict STAMP).txt"),
        ("a", "a (conflict STAMP)"),
        ("d/e/a.b.txt", "d/e/a.b (conflict STAMP).txt"),
        ("d.x/a", "d.x/a (conflict STAMP)"),
        (".bashrc", ".bashrc (conflict STAMP)"),
        ("d/.vimrc.bak", "d/.vimrc (conflict STAMP).bak"),
        ("..x", "..x (conflict STAMP)"),
        ("all.tar.gz", "all (conflict STAMP).tar.gz"),
        (".tar.gz", ".tar (conflict STAMP).gz"),
        ("end.", "end. (conflict STAMP)"),
        ("v1.final version", "v1.final version (conflict STAMP)"),
        ("folder/", "folder (conflict STAMP)"),
        (
            "a (conflict 2025-01-01 000000).txt",
            "a (conflict 2025-01-01 000000) (conflict STAMP).txt",
        ),
        ("名.ipynb", "名 (conflict STAMP).ipynb"),
    ],
)
def test_names(path: str, name: str) -> None:
    """The mark comes before the extension, in the same folder, whatever the name is like."""
    assert next(names_beside(path, "conflict", MOMENT)) == name.replace("STAMP", STAMP)


def test_counter() -> None:
    """A taken name is followed by ones with a counter."""
    found = list(islice(names_beside("a.txt", "unsettled", MOMENT), 3))
    ends = ["", " 2", " 3"]
    assert found == [f"a (unsettled {STAMP}{end}).txt" for end in ends]


@pytest.mark.parametrize("stem", ["x" * 251, "é" * 125, "名" * 83, "🙂" * 62])
def test_name_length(stem: str) -> None:
    """A name of 255 bytes is cut between two characters, and keeps its extension."""
    for name in islice(names_beside(f"d/{stem}.txt", "conflict", MOMENT), 12):
        last = name.removeprefix("d/")
        assert 250 <= len(last.encode()) <= 255
        assert last.endswith(").txt")
        assert last.startswith(stem[:50])


def test_key_length() -> None:
    """A path has no more bytes than the key has room for, and is still told apart."""
    path = "/".join(["d" * 200] * 4 + ["name.txt"])
    room = len(path) + 29
    found = list(islice(names_beside(path, "conflict", MOMENT, room=room), 3))
    assert len(set(found)) == 3
    assert all(len(name.encode()) <= room for name in found)
    assert all(name.startswith("d") and name.endswith(").txt") for name in found)


@pytest.mark.parametrize("name", ["a", "a.b", ".a", "..", "a.", "a.tar.gz", "...a.b", "a. b"])
def test_split_loses_nothing(name: str) -> None:
    """Stem and extension together are the name."""
    assert "".join(split_name(name)) == name
