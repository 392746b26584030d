"""What tests of agents on a real store begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.homes import Bench

from wherobots_storage.objectstore.s3 import S3Store


@pytest.fixture
def bench(
    tmp_path: Path,
    s3_store: S3Store,
    seaweed_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    """A home, and SeaweedFS's variables in the environment of what is started."""
    assert seaweed_environment
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return Bench(tmp_path, s3_store)
