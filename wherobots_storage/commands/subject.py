"""The store that `doctor` tries, as the server works with it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import DOCTOR
from wherobots_storage.objectstore.inspect import Inspection
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Tenancy


@dataclass(frozen=True, slots=True)
class Subject:
    """What checks of one store are about."""

    tenancy: Tenancy
    store: ObjectStore
    inspection: Inspection

    def probe_key(self) -> str:
        """A new key below the mirror's ``.wherobots/``: never mirrored, never shown."""
        return f"{self.tenancy.mirror_prefix}{RESERVED_NAME}/{DOCTOR}-{uuid.uuid4().hex}"
