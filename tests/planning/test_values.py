from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from wherobots_storage.planning.format import (
    file_metadata,
    folder_content_type,
    folder_metadata,
    format_mtime,
    parse_mtime,
    read_folder_mode,
    read_metadata,
    symlink_metadata,
)
from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.planning.links import stays_inside
from wherobots_storage.planning.merge import UnsortedStreamError, pair, triple
from wherobots_storage.planning.tree import Notice, ancestors
from wherobots_storage.settings import DEFAULT_IGNORES


@given(st.integers(-(2**63), 2**63 - 1))
@settings(deadline=None)
def test_mtime_round_trip(mtime_ns: int) -> None:
    """Every modification time survives the metadata to the nanosecond."""
    assert parse_mtime(format_mtime(mtime_ns)) == mtime_ns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1700000000.123456789", 1_700_000_000_123_456_789),
        ("1700000000", 1_700_000_000_000_000_000),
        ("1.5", 1_500_000_000),
        ("-0.5", -500_000_000),
        ("1.1234567899", 1_123_456_789),
        ("99999999999.0", 2**63 - 1),
        ("-99999999999.0", -(2**63)),
        ("", None),
        ("yesterday", None),
        ("1e9", None),
        ("nan", None),
    ],
)
def test_parse_mtime(text: str, expected: int | None) -> None:
    """Decimal seconds as rclone writes them are read; anything else is no time."""
    assert parse_mtime(text) == expected


def test_file_metadata_round_trip() -> None:
    """A file's facts come back from its metadata, the mode masked to the permission bits."""
    facts = read_metadata(file_metadata(123, 0o104755, "a" * 64))
    assert (facts.mtime_ns, facts.mode, facts.sha256) == (123, 0o755, "a" * 64)
    assert not facts.is_symlink


def test_symlink_metadata_is_marked() -> None:
    """A link is told from a file by its metadata."""
    assert read_metadata(symlink_metadata(5, "b" * 64)).is_symlink


@pytest.mark.parametrize("mode", ["", "rwx", "9", "0o755", "-1", "77777777"])
def test_foreign_metadata_says_nothing(mode: str) -> None:
    """Metadata that somebody else wrote in another form is passed over."""
    facts = read_metadata({"mode": mode, "sha256": "short", "mtime": "x"})
    assert (facts.mode, facts.sha256, facts.mtime_ns) == (None, None, None)


def test_folder_mode_survives_a_store_without_metadata() -> None:
    """A folder's mode is found in the metadata, and failing that in the content type."""
    assert read_folder_mode(folder_metadata(0o750), "") == 0o750
    assert read_folder_mode({}, folder_content_type(0o750)) == 0o750
    assert read_folder_mode({}, "application/x-directory") is None


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        (".cache/", True),
        ("a/.cache/", True),
        (".cache", False),
        ("a/__pycache__/", True),
        (".ipynb_checkpoints/", True),
        (".Trash-0/", True),
        (".Trash", True),
        ("a/.~lock", True),
        (".ssh/", True),
        ("project/.ssh/", False),
        (".aws/", True),
        (".local/share/jupyter/runtime/", True),
        ("src/node_modules/", True),
        ("notebook.ipynb", False),
        ("a/b/c.py", False),
    ],
)
def test_default_ignores(path: str, ignored: bool) -> None:
    """What is left out by default is exactly what the README says."""
    assert IgnoreRules(DEFAULT_IGNORES).ignores(path) is ignored


LINES = "*.log a/ /a b !b a/b **/c c/** * !*/ a|b [ab] !/a/b/ \\!b a* ? ( .~* ^a a$"
RULES = st.lists(st.sampled_from(LINES.split()), max_size=4)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "a|b", ".~a", "a.log", "(", "!b"]), min_size=1)


@given(RULES, RULES, PATHS, st.sampled_from(["", "/"]))
@settings(deadline=None)
def test_the_quick_look_misses_nothing(
    lines: list[str], before: list[str], names: list[str], slash: str
) -> None:
    """Exactly what the library ignores is ignored, by these rules or by those that are held."""
    path = "/".join(names) + slash
    specs = [GitIgnoreSpec.from_lines(rules) for rules in (lines, before)]
    exactly = [bool(spec.match_file(path)) for spec in specs]
    assert IgnoreRules(lines).ignores(path) is exactly[0]
    assert IgnoreRules(lines, held=IgnoreRules(before)).ignores(path) is any(exactly)


def test_later_rules_win() -> None:
    """The user's rules come last, and ``!`` takes a path back in."""
    rules = IgnoreRules(["*.log", "build/", "!keep.log", "# a comment", ""])
    assert rules.ignores("a.log")
    assert not rules.ignores("x/keep.log")
    assert rules.ignores("build/")
    assert not rules.ignores("build")


def test_a_line_that_is_no_pattern_is_passed_over() -> None:
    """One bad line does not take the others with it."""
    rules = IgnoreRules(["*.log", "!"])
    assert rules.invalid == ["!"]
    assert rules.ignores("a.log")


def test_no_rules_ignore_nothing() -> None:
    """Without rules everything is mirrored."""
    assert not IgnoreRules([]).ignores("a")


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("l", "a", True),
        ("l", "a/b", True),
        ("l", "./a", True),
        ("d/l", "../a", True),
        ("d/e/l", "../../a", True),
        ("d/l", "../../a", False),
        ("l", "..", False),
        ("d/l", "..", True),
        ("l", "a/../b", False),
        ("l", "/etc/passwd", False),
        ("l", "/home/u/a", True),
        ("l", "/home/u", True),
        ("l", "/home/user2/a", False),
        ("l", "/home/u/../v", False),
        ("l", "", False),
        ("l", "a\0b", False),
    ],
)
def test_links(path: str, target: str, inside: bool) -> None:
    """A link is restored only when its text alone shows that it stays in the home."""
    assert stays_inside(path, target, "/home/u") is inside


names = st.lists(st.text("ab/-.0", min_size=1, max_size=4), unique=True).map(sorted)


def notice(path: str) -> Notice:
    """The plainest thing with a path."""
    return Notice(path, "", "")


@given(names, names, names)
@settings(deadline=None)
def test_triple_meets_every_path_once(one: list[str], two: list[str], three: list[str]) -> None:
    """Three streams are walked in order, each path once, with everything of that path."""
    streams = [[notice(path) for path in paths] for paths in (one, two, three)]
    found = list(triple(*streams))
    paths = [next(item for item in items if item is not None).path for items in found]
    assert paths == sorted({*one, *two, *three})
    for items, path in zip(found, paths, strict=True):
        held = [item is not None for item in items]
        assert held == [path in one, path in two, path in three]


def test_pair_refuses_disorder_on_either_side() -> None:
    """A stream out of order is found out, whichever side it is on."""
    good, wrong = [notice("a"), notice("b")], [notice("b"), notice("a")]
    for streams in ((good, wrong), (wrong, good)):
        with pytest.raises(UnsortedStreamError):
            list(pair(*streams))


def test_ancestors() -> None:
    """The folders above a path, the outermost first, without the path itself."""
    assert ancestors("a/b/c") == ["a", "a/b"]
    assert ancestors("a/b/") == ["a"]
    assert ancestors("a") == []
