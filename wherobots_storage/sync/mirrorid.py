"""Which mirror a journal is of: a random id that lies in the mirror tells.

The names of a bucket and its prefix do not, since another store may have the same, and an address
may come to mean another store. Nor does the address: it changes while the store stays the same.
"""

from __future__ import annotations

import hashlib
import logging
import re
from contextlib import suppress
from functools import partial
from uuid import uuid4

from wherobots_storage.errors import (
    ConflictError,
    NotFound,
    NotSupported,
    StorageError,
    UnexpectedAnswer,
)
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import MIRROR_ID
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror

log = logging.getLogger("wherobots_storage.agent")

_FORM = re.compile(r"[0-9a-f]{32}")
_MAX_BYTES = 1024


def key_of(mirror: Mirror) -> str:
    """The id's key."""
    return f"{mirror.prefix}{RESERVED_NAME}/{MIRROR_ID}"


def find_id(mirror: Mirror) -> str | None:
    """The mirror's id, None without one. Raises StorageError, also when it comes with a fault."""
    try:
        with mirror.store.get(key_of(mirror)) as body:
            content = b"".join(body.chunks()) if body.info.size <= _MAX_BYTES else b""
            written = body.info.metadata.get("sha256")
    except NotFound:
        return None
    if written not in {None, hashlib.sha256(content).hexdigest()}:
        raise UnexpectedAnswer("The mirror's id did not come as it was written.")
    text = content.decode("ascii", "replace").strip()
    return text if _FORM.fullmatch(text) else None


def is_of_another(journal: Journal, found: str | None) -> bool:
    """Whether a journal was written about another mirror than the one with this id.

    So it seems as well where somebody emptied the mirror: of its objects nothing is known then.
    """
    known = journal.meta(MIRROR_ID)
    return known is not None and known != found


def claim(journal: Journal, mirror: Mirror, found: str | None) -> None:
    """From now on the journal is of this mirror, which gets an id if it has none.

    Never the one that a journal knows already: two mirrors with one id could not be told apart.
    One that takes no objects (a restore may have credentials that only read) has none.
    """
    try:
        journal.set_meta(MIRROR_ID, found or _give_id(mirror))
    except StorageError as error:
        log.info("the mirror gets no id: %s", error.message)


def _give_id(mirror: Mirror) -> str | None:
    """Give it one and return that, or the one that another writer gave it meanwhile."""
    key, body = key_of(mirror), uuid4().hex.encode()
    facts = {"sha256": hashlib.sha256(body).hexdigest()}
    put = partial(mirror.store.put, key, body, metadata=facts, content_type="text/plain")
    with suppress(ConflictError):
        try:
            put(if_none_match=True)
        except NotSupported:
            put()
    return find_id(mirror)
