"""Paths: display path, key and URI are one thing in three spellings, and no input escapes."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.paths import ROOTS, displays, relatives

from wherobots_storage.errors import InvalidConfiguration, InvalidPath
from wherobots_storage.namespace.paths import MAX_KEY_BYTES, Root, StoragePath

ROOT = Root("my-bucket", "org/")
QUICK = settings(max_examples=200)


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://my-bucket/org/", "my-bucket", "org/"),
        ("s3://my-bucket/org", "my-bucket", "org/"),
        ("s3://my-bucket/org///", "my-bucket", "org/"),
        ("s3://my-bucket/a/b c/d", "my-bucket", "a/b c/d/"),
        ("s3://my-bucket", "my-bucket", ""),
        ("s3://my-bucket/", "my-bucket", ""),
        ("  s3://my-bucket/org/  ", "my-bucket", "org/"),
        ("s3a://my.bucket.1/org/", "my.bucket.1", "org/"),
        ("S3N://abc/x", "abc", "x/"),
        ("s3://my-bucket/münchen/", "my-bucket", "münchen/"),
    ],
)
def test_root_url(url: str, bucket: str, prefix: str) -> None:
    """A root URL is read with or without its closing slash, and written with it."""
    root = Root.parse(url)
    assert (root.bucket, root.prefix) == (bucket, prefix)
    assert Root.parse(root.url) == root
    assert root.url.endswith("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "my-bucket/org/",
        "/home/me",
        "http://my-bucket/org/",
        "s3:my-bucket/org",
        "s3://",
        "s3:///org/",
        "s3://b/org/",
        "s3://My-Bucket/org/",
        "s3://my_bucket/org/",
        "s3://-bucket/org/",
        "s3://bucket-/org/",
        "s3://my..bucket/org/",
        "s3://user:password@bucket/org/",
        "s3://bucket?x/org/",
        "s3://" + "b" * 64 + "/org/",
        "s3://my-bucket//org/",
        "s3://my-bucket/a//b/",
        "s3://my-bucket/./org/",
        "s3://my-bucket/../org/",
        "s3://my-bucket/org/..",
        "s3://my-bucket/or*g/",
        "s3://my-bucket/or?g/",
        "s3://my-bucket/${aws:username}/",
        "s3://my-bucket/o\x00rg/",
        "s3://my-bucket/o\nrg/",
        "s3://my-bucket/" + "o" * 257 + "/",
    ],
)
def test_root_url_that_cannot_be(url: str) -> None:
    """A root without a bucket, or with what a policy or a URL would misread, is refused."""
    with pytest.raises(InvalidConfiguration, match="WHEROBOTS_STORAGE_ROOT"):
        Root.parse(url)


@QUICK
@given(st.text())
def test_root_never_fails_otherwise(url: str) -> None:
    """Any text is a root or an InvalidConfiguration."""
    try:
        root = Root.parse(url)
    except InvalidConfiguration:
        return
    assert root.prefix == "" or root.prefix.endswith("/")
    assert not root.prefix.startswith("/")


@pytest.mark.parametrize(
    ("display", "segments", "is_folder"),
    [
        ("/", (), True),
        ("/data/", ("data",), True),
        ("/data/a.csv", ("data", "a.csv"), False),
        ("/data//x", ("data", "", "x"), False),
        ("//", ("",), True),
        ("/data/ a b /", ("data", " a b "), True),
        ("/data/%2e%2e/a%2Fb", ("data", "%2e%2e", "a%2Fb"), False),
        ("/data/a\\..\\b", ("data", "a\\..\\b"), False),
        ("/data/.../..a/b..", ("data", "...", "..a", "b.."), False),
        ("/data/\x01\t\n", ("data", "\x01\t\n"), False),
        ("/data/😀", ("data", "😀"), False),
    ],
)
def test_parse(display: str, segments: tuple[str, ...], is_folder: bool) -> None:
    """A path is data: nothing in it is decoded, trimmed or joined."""
    path = StoragePath.parse(display)
    assert (path.segments, path.is_folder) == (segments, is_folder)
    assert path.display == display


@pytest.mark.parametrize(
    "display",
    [
        "",
        "data/x",
        "/.",
        "/..",
        "/data/../x",
        "/data/./x",
        "/data/..",
        "/data/../",
        "/./",
        "/data/a\x00b",
        "/\x00",
        "/data/\ud800",
        "\\data",
    ],
)
def test_parse_refuses(display: str) -> None:
    """No leading slash, dot segments, NUL and what is no Unicode are refused, and quoted safely."""
    with pytest.raises(InvalidPath) as caught:
        StoragePath.parse(display)
    assert caught.value.path is not None
    caught.value.path.encode("utf-8")


@QUICK
@given(displays())
@example("/data//x/")
@example("//")
@example("/data/shared/\u200b")
def test_spellings_agree(display: str) -> None:
    """Display path, key and URI go into each other and back without a change."""
    path = StoragePath.parse(display)
    assert StoragePath.parse(path.display) == path
    for root in ROOTS:
        key = root.prefix + display[1:]
        if len(key.encode()) > MAX_KEY_BYTES:
            with pytest.raises(InvalidPath):
                path.key(root)
            continue
        assert path.key(root) == key
        assert path.uri(root) == f"s3://{root.bucket}/{key}"
        assert StoragePath.from_relative(key[len(root.prefix) :]) == path


@QUICK
@given(st.text(max_size=60))
@example("/data/../../other")
@example("/..%2f..")
@example("/data/\x00")
@example("/\udc80")
def test_any_text_is_a_path_or_refused(text: str) -> None:
    """Whatever arrives is a path whose key lies under the root, or an InvalidPath."""
    try:
        path = StoragePath.parse(text)
        key = path.key(ROOT)
    except InvalidPath:
        return
    assert key.startswith(ROOT.prefix)
    assert not {".", ".."} & set(key.split("/"))
    assert "\x00" not in key
    assert len(key.encode()) <= MAX_KEY_BYTES
    assert path.display == text


@QUICK
@given(relatives())
def test_two_paths_never_share_a_key(relative: str) -> None:
    """Different paths have different keys: no spelling is folded into another."""
    path = StoragePath.parse("/" + relative)
    for other in (relative + "/", relative.upper(), relative.strip(), relative.replace("//", "/")):
        if other != relative and other:
            assert StoragePath.from_relative(other).key(ROOT) != path.key(ROOT)


def test_length_is_counted_in_bytes() -> None:
    """A key may have 1,024 bytes of UTF-8, the root's prefix counted."""
    room = MAX_KEY_BYTES - len(ROOT.prefix)
    assert len(StoragePath.parse("/" + "k" * room).key(ROOT)) == MAX_KEY_BYTES
    for name in ("k" * (room + 1), "é" * (room // 2 + 1)):
        with pytest.raises(InvalidPath, match="1,024"):
            StoragePath.parse("/" + name).key(ROOT)


@QUICK
@given(displays())
def test_parents_and_children(display: str) -> None:
    """A child's parent is the folder, a path's name is its last segment, the root is its own."""
    path = StoragePath.parse(display)
    folder = path.as_folder()
    assert folder.is_folder
    assert folder.child("x").parent == folder
    assert folder.child("x", is_folder=True).display == folder.display + "x/"
    if path.segments:
        assert path.parent.child(path.name, is_folder=path.is_folder) == path
    else:
        assert path.parent == path
        assert path.name == ""


@pytest.mark.parametrize("name", [".", "..", "a/b", "a\x00", "\ud800"])
def test_names_that_cannot_be(name: str) -> None:
    """A child's name is one segment."""
    with pytest.raises(InvalidPath):
        StoragePath(("data",), True).child(name)


@QUICK
@given(st.text(max_size=40).map(lambda text: "/" + text.replace("\x00", "..")))
@example("/a/../b")
@example("/.")
def test_exact_keeps_every_key(text: str) -> None:
    """The path of an existing key is that key, dot segments and all, and says so."""
    path = StoragePath.exact(text)
    assert path.display == text
    assert path.is_dotted == bool({".", ".."} & set(text.split("/")))


@pytest.mark.parametrize("text", ["", "a", "/a\x00b"])
def test_exact_refuses(text: str) -> None:
    """Not even an existing key has a NUL or no first slash."""
    with pytest.raises(InvalidPath):
        StoragePath.exact(text)
