"""What most tests of the sync begin with: a store that can be made to fail, and an empty home."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import Bench


@pytest.fixture
def store() -> FaultyStore:
    """An empty store."""
    return FaultyStore()


@pytest.fixture
def bench(tmp_path: Path, store: FaultyStore) -> Bench:
    """An empty home beside it."""
    return Bench(tmp_path, store)
