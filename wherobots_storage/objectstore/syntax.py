"""HTTP/1.1's syntax: an answer's first line, headers and lengths, and how a request is written."""

from __future__ import annotations

from collections.abc import Mapping

MAX_LINE = 65_536
MAX_HEADERS = 200
ENDLESS = "no end of the headers"
_MOST_DIGITS = 19
_HEX = b"0123456789abcdefABCDEF"


class Garbled(Exception):
    """What arrived is not HTTP/1.1, or breaks off."""


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """An answer's status and headers, of all that comes before the empty line.

    Raises Garbled.
    """
    first, *lines = head.decode("iso-8859-1").split("\r\n")
    if len(lines) > MAX_HEADERS:
        raise Garbled(ENDLESS)
    return read_status(first), dict(map(read_field, lines))


def read_length(value: str) -> int:
    """A Content-Length. Raises Garbled."""
    # int() takes more than HTTP: digits of all scripts, signs, underscores.
    if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
        raise Garbled("no length")
    return int(value)


def read_status(line: str) -> int:
    """The status in an answer's first line. Raises Garbled."""
    words = line.split(None, 2)
    if not line.startswith("HTTP/1.") or len(words) < 2:  # noqa: PLR2004
        raise Garbled("no status line")
    word = words[1]
    if len(word) != 3 or not (word.isascii() and word.isdigit()):  # noqa: PLR2004
        raise Garbled("no status")
    return int(word)


def read_field(line: str) -> tuple[str, str]:
    """A header's name, in lower case, and its value. Raises Garbled."""
    name, colon, value = line.partition(":")
    if not colon:
        raise Garbled(ENDLESS)
    return name.strip().lower(), value.strip()


def read_chunk_size(line: bytes) -> int:
    """How many bytes the chunk after this line has. Raises Garbled."""
    digits = line.partition(b";")[0].strip()
    if not 0 < len(digits) <= _MOST_DIGITS or digits.strip(_HEX):
        raise Garbled("no chunk")
    return int(digits, 16)


def write_head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """A request up to its body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("ascii")
