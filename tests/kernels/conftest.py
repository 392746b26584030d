"""These tests run a Jupyter server in their process."""

from __future__ import annotations

import pytest
from support.awscli import aws as aws  # noqa: PLC0414 - a fixture
from support.jupyter_fixtures import *  # noqa: F403

from wherobots_storage.kernels import credentials


@pytest.fixture(autouse=True)
def patient_with_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel waits for its region as long as a busy machine needs to import an SDK."""
    monkeypatch.setattr(credentials, "FIND_SECONDS", 60.0)
