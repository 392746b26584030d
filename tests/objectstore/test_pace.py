"""How many requests go at once, how often again, and when it is enough."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wherobots_storage.errors import (
    NotFound,
    SlowDown,
    StorageError,
    StoreTimeout,
    StoreUnavailable,
)
from wherobots_storage.objectstore.pace import (
    ATTEMPTS,
    BUDGET,
    BUSY_ATTEMPTS,
    TIMEOUT_COST,
    Budget,
    Pace,
    Width,
    pause,
)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; none takes any time."""
    made: list[float] = []
    monkeypatch.setattr("wherobots_storage.objectstore.pace.time.sleep", made.append)
    return made


def answer(width: Width, count: int, *, overloaded: bool = False) -> None:
    """So many requests at once, that all end alike."""
    turns = [width.begin() for _ in range(count)]
    for turn in turns:
        width.end(turn, answered=not overloaded, overloaded=overloaded)


def test_width_halves_once_for_a_round() -> None:
    """All the refusals of one round of requests are one step, to half of what was under way."""
    width = Width(64)
    answer(width, 32, overloaded=True)
    assert width.now == 16
    answer(width, 16, overloaded=True)
    assert width.now == 8


def test_width_is_never_below_one() -> None:
    """One request may always be under way."""
    width = Width(4)
    for _ in range(10):
        answer(width, 1, overloaded=True)
    assert width.now == 1


def test_width_grows_by_one_a_round_up_to_the_full() -> None:
    """After each round of answers one more may go, and never more than at the beginning."""
    width = Width(8)
    answer(width, 8, overloaded=True)
    answer(width, 4, overloaded=True)
    for now in (2, 3, 4, 5, 6, 7, 8, 8):
        assert width.now == now
        answer(width, now)
        answer(width, 1)


def test_failures_that_say_nothing_of_load() -> None:
    """A connection that is refused changes the width neither way."""
    width = Width(8)
    answer(width, 8, overloaded=True)
    for _ in range(20):
        width.end(width.begin(), answered=False, overloaded=False)
    assert width.now == 4


def test_turns_are_waited_for() -> None:
    """With a width of one, the second request begins when the first has ended."""
    width = Width(1)
    first = width.begin()
    began = threading.Event()

    def second() -> None:
        width.end(width.begin(), answered=True, overloaded=False)
        began.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert not began.wait(0.1)
    width.end(first, answered=True, overloaded=False)
    assert began.wait(60)
    thread.join()


def test_many_threads_keep_to_the_width() -> None:
    """However many threads ask, no more requests than allowed are under way, and all are done."""
    width = Width(3)
    lock = threading.Lock()
    flying, most, done = 0, 0, 0

    def request(number: int) -> None:
        nonlocal flying, most, done
        turn = width.begin()
        with lock:
            flying += 1
            most = max(most, flying)
        with lock:
            flying -= 1
            done += 1
        width.end(turn, answered=number % 7 > 0, overloaded=number % 7 == 0)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(request, range(2000)))
    assert (done, flying) == (2000, 0)
    assert 1 <= most <= 3


def test_budget_is_earned_back_and_no_more() -> None:
    """Answers earn back what was spent, up to the size."""
    budget = Budget(3)
    assert [budget.spend(1) for _ in range(4)] == [True, True, True, False]
    for _ in range(10):
        budget.earn()
    assert not budget.spend(4)
    assert budget.spend(3)


def test_pauses_grow_to_a_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ceiling doubles up to ten seconds; a pause is anything below."""
    ceilings: list[float] = []

    def highest(low: float, high: float) -> float:
        assert low == 0
        ceilings.append(high)
        return high

    monkeypatch.setattr("wherobots_storage.objectstore.pace.random.uniform", highest)
    assert [pause(attempt) for attempt in range(1, 10)] == ceilings
    assert ceilings == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (StoreUnavailable, ATTEMPTS),
        (StoreTimeout, ATTEMPTS),
        (SlowDown, BUSY_ATTEMPTS),
        (NotFound, 1),
    ],
)
def test_attempts(error: type[StorageError], attempts: int, pauses: list[float]) -> None:
    """What can pass is tried again, with a pause before each try; what cannot is told at once."""
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        raise error("no")

    with pytest.raises(error):
        Pace(8).persistently(work)
    assert len(tried) == attempts
    assert len(pauses) == attempts - 1


@pytest.mark.parametrize(("error", "cost"), [(StoreUnavailable, 1), (StoreTimeout, TIMEOUT_COST)])
def test_store_that_is_down_is_soon_given_up(error: type[StorageError], cost: int) -> None:
    """However many requests there are, they are repeated only so often in all."""
    pace = Pace(8)
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        raise error("no")

    for _ in range(1000):
        with pytest.raises(error):
            pace.persistently(work)
    assert len(tried) == 1000 + BUDGET // cost


def test_patience_comes_back_with_answers() -> None:
    """After an outage, requests are repeated again."""
    pace = Pace(8)

    def fail() -> None:
        raise StoreUnavailable("no")

    for _ in range(BUDGET):
        with pytest.raises(StoreUnavailable):
            pace.persistently(fail)
    for _ in range(ATTEMPTS):
        pace.persistently(lambda: None)
    replies = [StoreUnavailable("no")] * (ATTEMPTS - 1)

    def at_last() -> str:
        if replies:
            raise replies.pop()
        return "yes"

    assert pace.persistently(at_last) == "yes"


def test_width_follows_what_the_store_says() -> None:
    """A store that asks for fewer requests gets them; answers of any kind bring them back."""
    pace = Pace(8)
    replies: list[StorageError] = [SlowDown("no"), NotFound("gone")]

    def work() -> None:
        if replies:
            raise replies.pop(0)

    with pytest.raises(NotFound):
        pace.persistently(work)
    assert pace.width.now < 8
    for _ in range(100):
        pace.persistently(work)
    assert pace.width.now == 8
