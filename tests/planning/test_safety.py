from __future__ import annotations

import pytest

from wherobots_storage.planning.safety import veto_deletions, veto_trash


@pytest.mark.parametrize(
    ("journal", "deletions", "mirrored", "code"),
    [
        (100, 0, 100, None),
        (100, 50, 50, None),
        (100, 51, 49, "half-gone"),
        (51, 26, 25, "half-gone"),
        (50, 49, 1, None),
        (50, 50, 0, "home-emptied"),
        (1, 1, 0, "home-emptied"),
        (1000, 1000, 0, "home-emptied"),
        (1000, 501, 5000, "half-gone"),
    ],
)
def test_deletions(journal: int, deletions: int, mirrored: int, code: str | None) -> None:
    """An emptied home, or more than half of over fifty files gone, holds deletions back."""
    veto = veto_deletions(journal_size=journal, deletions=deletions, mirrored=mirrored)
    assert (veto.code if veto else None) == code


@pytest.mark.parametrize(
    ("journal", "vanished", "remote", "code"),
    [
        (100, 0, 0, None),
        (100, 10, 90, None),
        (100, 51, 49, "mirror-half-gone"),
        (40, 39, 1, None),
        (40, 40, 0, "mirror-emptied"),
        (2, 1, 0, "mirror-emptied"),
    ],
)
def test_trash(journal: int, vanished: int, remote: int, code: str | None) -> None:
    """An emptied mirror, or more than half of it gone, moves nothing to the trash."""
    veto = veto_trash(journal_size=journal, vanished=vanished, remote_files=remote)
    assert (veto.code if veto else None) == code


def test_reasons_name_the_numbers() -> None:
    """The sentence says how many of how many."""
    veto = veto_deletions(journal_size=1234, deletions=1000, mirrored=5)
    assert veto is not None
    assert "1,000 of 1,234" in veto.reason
