"""Display path, key and ``s3://`` URI of one place in the tree, and the guards between them.

A path is data: it is decoded once, at the edge, and never again. Spaces, ``%2e``, backslashes,
empty segments and control characters are legal. Refused are NUL, a segment that is exactly ``.``
or ``..``, text that is not valid Unicode, and more than 1,024 bytes of key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wherobots_storage.errors import InvalidConfiguration, InvalidPath

MAX_KEY_BYTES = 1024
"""The longest key S3 takes, in bytes of UTF-8 (S3 user guide, "Creating object key names")."""

MAX_PREFIX_BYTES = 256
"""The longest root prefix: it leaves three quarters of a key to the user's own names."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Root:
    """Where the organisation's tree begins.

    ``prefix`` is empty, or ends with a slash and does not begin with one.
    """

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Root:
        """Read ``s3://bucket/org/``; the closing slash may be missing, the bucket may not.

        Raises InvalidConfiguration when the URL is not one of that form.
        """
        hint = "Set WHEROBOTS_STORAGE_ROOT to a URL like s3://my-bucket/my-org/."
        scheme, separator, rest = url.strip().partition("://")
        if not separator or scheme.lower() not in {"s3", "s3a", "s3n"}:
            raise InvalidConfiguration(f"The root {url!r} is not an s3:// URL. {hint}")
        bucket, _, prefix = rest.partition("/")
        if not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise InvalidConfiguration(f"The root {url!r} does not name a valid bucket. {hint}")
        prefix = prefix.rstrip("/")
        if prefix:
            _check_prefix(url, prefix, hint)
            prefix += "/"
        return cls(bucket, prefix)

    @property
    def url(self) -> str:
        """The root as an ``s3://`` URL with a closing slash."""
        return f"s3://{self.bucket}/{self.prefix}"

    def uri(self, key: str) -> str:
        """The full ``s3://`` URI of a key of this bucket, unencoded as the AWS CLI takes it."""
        return f"s3://{self.bucket}/{key}"


def _check_prefix(url: str, prefix: str, hint: str) -> None:
    segments = prefix.split("/")
    if "" in segments or "." in segments or ".." in segments:
        message = f"The root {url!r} has an empty or dot segment in its prefix. {hint}"
        raise InvalidConfiguration(message)
    if re.search(r"[\x00-\x1f\x7f*?$]", prefix):
        # '*', '?' and '${' are wildcards and variables in a policy's Resource.
        message = f"The root {url!r} has a control character, '*', '?' or '$' in its prefix. {hint}"
        raise InvalidConfiguration(message)
    if len(prefix.encode("utf-8", "surrogatepass")) > MAX_PREFIX_BYTES:
        message = f"The root {url!r} has a prefix of over 256 bytes; keys may have 1,024. {hint}"
        raise InvalidConfiguration(message)


@dataclass(frozen=True, slots=True, order=True)
class StoragePath:
    """One place in the tree: segments from the root, and whether it names a folder.

    ``segments`` are never split again; an empty segment is a folder with an empty name, such as
    the one that ``USER_S3_PATH + "/x"`` makes. The root is the folder without segments.
    """

    segments: tuple[str, ...]
    is_folder: bool

    @classmethod
    def parse(cls, display: str) -> StoragePath:
        """Read a display path such as ``/data/shared/a.csv`` or ``/data/shared/``.

        A closing slash makes it a folder. Raises InvalidPath when it does not begin with a slash,
        or holds what no path may hold.
        """
        if not display.startswith("/"):
            raise InvalidPath("A path begins with '/'.", path=display)
        return cls.from_relative(display[1:], display)

    @classmethod
    def from_relative(cls, relative: str, display: str | None = None) -> StoragePath:
        """Read a key relative to the root's prefix; ``display`` is used in the error's text."""
        shown = "/" + relative if display is None else display
        if not relative:
            return cls((), True)
        segments = relative.split("/")
        is_folder = segments[-1] == ""
        if is_folder:
            segments.pop()
        _check_segments(segments, shown)
        return cls(tuple(segments), is_folder)

    @classmethod
    def exact(cls, display: str) -> StoragePath:
        """Read the path of a key that exists already, dot segments included.

        For listing such keys, marked, and for deleting them: a store takes ``a/../b`` literally.
        Use it with operations that carry the key in a body or a query only, since HTTP libraries
        resolve dot segments in URL paths. Raises InvalidPath for a missing first slash and NUL.
        """
        if not display.startswith("/") or "\x00" in display:
            raise InvalidPath("A path begins with '/' and has no NUL.", path=display)
        segments = display[1:].split("/")
        is_folder = segments[-1] == ""
        return cls(tuple(segments[:-1] if is_folder else segments), is_folder)

    @property
    def is_dotted(self) -> bool:
        """Whether a segment is ``.`` or ``..``: such a place can only be listed and deleted."""
        return any(segment in {".", ".."} for segment in self.segments)

    @property
    def display(self) -> str:
        """The display path: absolute within the tree; a folder ends with a slash."""
        if not self.segments:
            return "/"
        return "/" + "/".join(self.segments) + ("/" if self.is_folder else "")

    @property
    def name(self) -> str:
        """The last segment, without a slash; empty for the root."""
        return self.segments[-1] if self.segments else ""

    @property
    def parent(self) -> StoragePath:
        """The folder that holds this place; the root's parent is the root."""
        return StoragePath(self.segments[:-1], True)

    def as_folder(self) -> StoragePath:
        """The same place, as a folder."""
        return StoragePath(self.segments, True)

    def child(self, name: str, *, is_folder: bool = False) -> StoragePath:
        """A place directly inside this folder.

        Raises InvalidPath when ``name`` has a slash, or is not a segment.
        """
        display = f"{self.as_folder().display}{name}"
        if "/" in name:
            raise InvalidPath("A name cannot contain '/'.", path=display)
        _check_segments([name], display)
        return StoragePath((*self.segments, name), is_folder)

    def key(self, root: Root) -> str:
        """The key in the bucket; a folder's ends with a slash.

        Raises InvalidPath when it is longer than 1,024 bytes.
        """
        key = root.prefix + self.display[1:]
        size = len(key.encode("utf-8"))
        if size > MAX_KEY_BYTES:
            message = (
                f"The path makes a key of {size:,} bytes; object stores take 1,024. Shorten it."
            )
            raise InvalidPath(message, path=self.display)
        return key

    def uri(self, root: Root) -> str:
        """The full ``s3://`` URI, unencoded as the AWS CLI takes it."""
        return root.uri(self.key(root))


def _check_segments(segments: list[str], display: str) -> None:
    for segment in segments:
        if segment in {".", ".."}:
            message = "A path cannot have a segment that is exactly '.' or '..'."
            raise InvalidPath(message, path=display)
        if "\x00" in segment:
            raise InvalidPath("A path cannot contain the character NUL.", path=display)
        try:
            segment.encode("utf-8")
        except UnicodeEncodeError as error:
            # errors="replace" keeps the refused text printable wherever the message goes.
            shown = display.encode("utf-8", "replace").decode("utf-8")
            raise InvalidPath("A path must be valid Unicode text.", path=shown) from error
