"""The name of a customer's folder: checked when given, made when it comes from a hub."""

from __future__ import annotations

import re

from wherobots_storage.errors import InvalidConfiguration

PREFIX = "customer-"
MAX_NAME = 255
"""The longest folder name, so that a mirrored tree leaves room in a key of 1,024 bytes."""

_EXPLICIT = re.compile(r"customer-[A-Za-z0-9._-]{1,64}")
_ANY = re.compile(r"customer-[A-Za-z0-9._-]+")
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789")


def check_customer(name: str) -> str:
    """Return ``name`` if it can be a customer's folder name.

    Raises InvalidConfiguration unless it is ``customer-`` and 1 to 64 of ``A-Za-z0-9._-``.
    """
    if not _EXPLICIT.fullmatch(name):
        message = (
            f"The customer {name!r} is not a valid name. Use 'customer-' followed by 1 to 64 "
            "letters, digits, dots, underscores or hyphens (WHEROBOTS_STORAGE_CUSTOMER)."
        )
        raise InvalidConfiguration(message)
    return name


def customer_from_user(user: str) -> str:
    """Make a customer's folder name of a hub's user name, injectively.

    Lower-case ASCII letters and digits stand as they are; every other byte of the UTF-8 form,
    the hyphen included, becomes ``-xx`` in hexadecimal. Two users therefore never share a folder.
    Raises InvalidConfiguration for an empty name, one that is no Unicode text (a lone surrogate),
    or one whose key segment would pass 255 bytes.
    """
    if not user:
        raise InvalidConfiguration("The hub's user name is empty; set WHEROBOTS_STORAGE_CUSTOMER.")
    try:
        raw = user.encode("utf-8")
    except UnicodeEncodeError as error:
        message = "The hub's user name is not valid Unicode; set WHEROBOTS_STORAGE_CUSTOMER."
        raise InvalidConfiguration(message) from error
    name = PREFIX + "".join(chr(byte) if byte in _PLAIN else f"-{byte:02x}" for byte in raw)
    if len(name) > MAX_NAME:
        message = "The hub's user name is too long for a folder; set WHEROBOTS_STORAGE_CUSTOMER."
        raise InvalidConfiguration(message)
    return name


def is_customer(name: str) -> bool:
    """Whether ``name`` is one that either function here returns."""
    return len(name) <= MAX_NAME and _ANY.fullmatch(name) is not None
