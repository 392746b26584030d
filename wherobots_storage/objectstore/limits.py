"""S3's limits, checked before a byte is sent: the store's own words would be vaguer and later."""

from __future__ import annotations

from collections.abc import Mapping

from wherobots_storage.errors import InvalidInput, TooLarge, UploadInterrupted
from wherobots_storage.objectstore.store import MAX_METADATA_BYTES, MAX_PARTS


def check_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata as it is sent.

    Raises InvalidInput unless all of it is printable ASCII (it travels in HTTP headers), TooLarge
    over 2,048 bytes.
    """
    for name, value in metadata.items():
        if not (name + value).isascii() or not (name + value).isprintable():
            raise InvalidInput(f"The metadata {name!r} must be printable ASCII.")
    if sum(len(name) + len(value) for name, value in metadata.items()) > MAX_METADATA_BYTES:
        raise TooLarge("An object's metadata may have 2,048 bytes in all.")
    return dict(metadata)


def check_part_number(number: int) -> None:
    """Raises InvalidInput unless a part's number is 1 to 10,000."""
    if not 1 <= number <= MAX_PARTS:
        raise InvalidInput(f"A part's number is 1 to {MAX_PARTS:,}.")


def check_size(announced: int, actual: int, most: int) -> None:
    """Raises UploadInterrupted when a body has another size than announced, TooLarge."""
    if announced != actual:
        raise UploadInterrupted(f"The body has {actual:,} bytes instead of {announced:,}.")
    if announced > most:
        raise TooLarge(f"{announced:,} bytes at once are more than S3 takes ({most:,}).")
