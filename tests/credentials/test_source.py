from __future__ import annotations

import pytest

from wherobots_storage.credentials.source import Credentials, check_seconds
from wherobots_storage.errors import InvalidInput

SECRETS = Credentials("AKID", "very-secret", "very-token", 1_800_000_000.9)


@pytest.mark.parametrize("shown", [repr(SECRETS), str(SECRETS), f"{SECRETS}", f"{[SECRETS]!r}"])
def test_secrets_do_not_show(shown: str) -> None:
    """Printing credentials, or what holds them, shows neither the secret key nor the token."""
    assert "AKID" in shown
    assert "very" not in shown


def test_the_expiration_as_text() -> None:
    """The expiration is told in whole seconds, UTC, rounded down."""
    assert SECRETS.expires == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize("seconds", [900, 3600, 43_200])
def test_lifetimes(seconds: int) -> None:
    """Fifteen minutes to twelve hours can be asked for."""
    assert check_seconds(seconds) == seconds


@pytest.mark.parametrize("seconds", [-1, 0, 899, 43_201])
def test_other_lifetimes_are_refused(seconds: int) -> None:
    """A lifetime that no STS gives is refused before it is asked."""
    with pytest.raises(InvalidInput, match="15 minutes to 12 hours"):
        check_seconds(seconds)
