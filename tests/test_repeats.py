"""What strangers cause is counted, and written now and then."""

from __future__ import annotations

from wherobots_storage.repeats import EVERY_SECONDS, Repeats


def test_one_of_a_kind_at_a_time() -> None:
    """The first is told at once; the next after a minute, with how many there were between."""
    now = 0.0
    repeats = Repeats(lambda: now)
    assert repeats.take("token") == {}
    assert [repeats.take("token") for _ in range(3)] == [None] * 3
    assert repeats.take("browser") == {}
    now = EVERY_SECONDS
    assert repeats.take("token") == {"unwritten": 3}
    assert repeats.take("token") is None
    now = 3 * EVERY_SECONDS
    assert repeats.take("token") == {"unwritten": 1}
    assert repeats.take("browser") == {}
