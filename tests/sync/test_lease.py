"""The lease: who may write a mirror, and how the right to it passes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec
import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.homes import PREFIX, Bench

from wherobots_storage.errors import StorageError, StoreUnavailable
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.lease import BEAT, TTL, LeaseFile, LeaseObject
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.tenure import Tenure

KEY = f"{PREFIX}.wherobots/lease.json"


class Clock:
    """A machine's clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lease(
    store: FaultyStore, instance: str = "one", host: str = "here", clock: Clock | None = None
) -> LeaseObject:
    """An instance's view of the lease."""
    return LeaseObject(store, PREFIX, instance=instance, host=host, monotonic=clock or Clock())


def content(store: FaultyStore) -> LeaseFile:
    """What the lease's object says."""
    with store.get(KEY) as body:
        return msgspec.json.decode(b"".join(body.chunks()), type=LeaseFile)


def test_first_come(store: FaultyStore) -> None:
    """A free lease is taken; a second instance finds whose it is, and for how long."""
    first = lease(store)
    assert first.take() is None
    assert first.held
    assert first.wire().mine
    found = lease(store, "two", "there").take()
    assert found is not None
    assert (found.file.instance, found.file.host) == ("one", "here")
    assert TTL - 5 < found.left <= TTL
    assert not found.wire().mine


def test_same_home_on_the_same_host(store: FaultyStore) -> None:
    """A crashed agent's successor on the same home and host waits for nothing."""
    lease(store).take()
    assert lease(store).take() is None
    assert lease(store, "one", "elsewhere").take() is not None


def test_a_crashed_holder_delays_by_its_ttl(store: FaultyStore) -> None:
    """Without a beat the lease may be taken when its time is over, by the store's clock."""
    lease(store).take()
    store.age(KEY, store.head(KEY).last_modified - TTL + 20)
    clock = Clock()
    second = lease(store, "two", "there", clock)
    found = second.take()
    assert found is not None
    assert 10 < found.left <= 20
    clock.now += 21
    assert second.take() is None
    assert content(store).instance == "two"


def test_a_beat_keeps_it(store: FaultyStore) -> None:
    """A holder that beats is waited for anew."""
    clock = Clock()
    first, second = lease(store, clock=clock), lease(store, "two", clock=clock)
    first.take()
    assert second.take() is not None
    clock.now += TTL - 10
    first.take()
    clock.now += 20
    found = second.take()
    assert found is not None
    assert found.left > TTL - 30
    assert first.held


def test_a_holder_that_cannot_beat_gives_up(store: FaultyStore) -> None:
    """An instance that was cut off for longer than its ttl does not think it still holds it."""
    clock = Clock()
    first = lease(store, clock=clock)
    first.take()
    clock.now += TTL + 1
    assert not first.held


def test_release(store: FaultyStore) -> None:
    """A released lease is free at once; another's is not released."""
    first, second = lease(store), lease(store, "two")
    first.take()
    second.release()
    assert content(store).instance == "one"
    first.release()
    assert second.take() is None
    first.release()
    assert content(store).instance == "two"


def test_take_over(store: FaultyStore) -> None:
    """A forced take takes a living holder's; that one finds out, and leaves it alone."""
    first, second = lease(store), lease(store, "two")
    first.take()
    assert second.take(force=True) is None
    found = first.take()
    assert found is not None
    assert found.file.instance == "two"
    assert not first.held
    first.release()
    assert content(store).instance == "two"


def test_a_race_has_one_winner(store: FaultyStore) -> None:
    """Of two that see a free lease at once, the condition lets one have it."""
    rival = lease(store, "two")

    def before(name: str, key: str) -> None:
        if name == "put" and key == KEY:
            store.before = lambda _name, _key: None
            assert rival.take() is None

    store.before, store.lease_too = before, True
    first = lease(store)
    assert first.take() is not None
    assert not first.held
    assert rival.held


def test_without_conditions(store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store ignores conditions, who was overwritten finds out at the next look."""
    put = FaultyStore.put

    def careless(self: FaultyStore, key: str, body: bytes, **options: object) -> str:
        kept = {name: value for name, value in options.items() if not name.startswith("if_")}
        return put(self, key, body, **kept)  # type: ignore[arg-type]

    monkeypatch.setattr(FaultyStore, "put", careless)
    first, second = lease(store), lease(store, "two")
    assert first.take() is None
    assert second.take() is not None
    second.take(force=True)
    assert first.take() is not None
    assert content(store).instance == "two"


@pytest.mark.parametrize("body", [b"", b"nonsense", b"{}", b"x" * 100_000])
def test_a_damaged_lease(store: FaultyStore, body: bytes) -> None:
    """What cannot be understood counts as somebody's, and ends by the usual ttl."""
    store.put(KEY, body)
    clock = Clock()
    one = lease(store, clock=clock)
    found = one.take()
    assert found is not None
    assert found.left <= TTL
    clock.now += TTL
    assert one.take() is None


@pytest.mark.parametrize("ttl", [-1, 1e9, 0])
def test_a_senseless_ttl(store: FaultyStore, ttl: float) -> None:
    """Nobody locks a mirror for ever by a lease with a senseless ttl."""
    file = LeaseFile("x", "y", "", "", ttl)
    store.put(KEY, msgspec.json.encode(file))
    found = lease(store).take()
    assert found is not None
    assert 0 < found.left <= TTL


def test_deleted_lease_comes_back(store: FaultyStore) -> None:
    """A lease that somebody deleted is written again by its holder's next beat."""
    first = lease(store)
    first.take()
    store.delete(KEY)
    assert first.take() is None
    assert content(store).instance == "one"


def test_once_and_restore_never_refuse(bench: Bench, store: FaultyStore) -> None:
    """A single sync or restore goes on beside another's lease, and says that it is there."""
    bench.write("mine")
    hold(store)
    for outcome in (bench.sync(), bench.restore()):
        assert outcome.complete
        assert outcome.status.lease is not None
        assert outcome.status.lease.host == "there"
    assert bench.keys() == ["mine"]
    assert content(store).instance == "other"


# ---- the agent ----


def hold(store: FaultyStore) -> LeaseObject:
    """Another instance, which lives and holds the lease."""
    other = LeaseObject(store, PREFIX, instance="other", host="there")
    assert other.take() is None
    return other


def own(store: FaultyStore) -> LeaseObject:
    """This instance's lease."""
    return LeaseObject(store, PREFIX, instance="mine", host="here")


def test_a_later_instance_restores_and_waits(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It restores, writes nothing, says who has it, and goes on when that one has released it."""
    monkeypatch.setattr("wherobots_storage.sync.tenure.LOOK", 0.2)
    store.put(f"{PREFIX}theirs", b"t")
    bench.write("mine")
    other = hold(store)
    with running_agent(bench.settings, store, lease=own(store)) as agent:
        status = agent.reaches("waiting")
        assert (bench.home / "theirs").exists()
        assert status.lease is not None
        assert (status.lease.host, status.lease.mine) == ("there", False)
        assert status.lease.expires is not None
        time.sleep(0.5)
        assert bench.keys() == ["theirs"]
        other.release()
        eventually(lambda: bench.keys() == ["mine", "theirs"])
        status = agent.reaches("idle")
        assert status.lease is not None
        assert status.lease.mine
    assert store.list_page(KEY).entries == ()


def test_take_over_now(bench: Bench, store: FaultyStore) -> None:
    """``takeover`` ends the waiting, whatever the other instance does."""
    bench.write("mine")
    other = hold(store)
    with running_agent(bench.settings, store, lease=own(store)) as agent:
        agent.reaches("waiting")
        agent.client.request("takeover")
        eventually(lambda: bench.keys() == ["mine"])
        assert other.take() is not None


def test_an_instance_that_lost_its_lease_stops_writing(bench: Bench, store: FaultyStore) -> None:
    """When another takes over, the former holder writes nothing more, and says who has it."""
    with running_agent(bench.settings, store, lease=own(store)) as agent:
        agent.reaches("idle")
        other = LeaseObject(store, PREFIX, instance="other", host="there")
        eventually(lambda: other.take(force=True) is None)
        agent.reaches("waiting")
        bench.write("late")
        event = agent.client.request("sync")
        assert not event.complete
        assert bench.keys() == []
        agent.stop()
        assert agent.complete is False
    assert bench.keys() == bench.kept("late")
    assert content(store).instance == "other"


def test_cut_off_for_longer_than_the_ttl(store: FaultyStore) -> None:
    """A tenure that cannot beat is lost when its time is over, and claimed again afterwards."""
    clock = Clock()
    lost = threading.Event()
    tenure = Tenure(lease(store, clock=clock), StatusBoard(), beat=0.05)
    assert tenure.claim() is None
    tenure.begin(lost.set)

    def down(_name: str, _key: str) -> None:
        raise StoreUnavailable("It is gone.")

    store.before, store.lease_too = down, True
    time.sleep(0.2)
    assert not lost.is_set()
    clock.now += TTL + 1
    assert lost.wait(60)
    assert Cancel(lost=tenure.lost).expired
    with pytest.raises(StorageError):
        tenure.claim()
    store.before = lambda _name, _key: None
    assert tenure.claim() is None
    assert not tenure.lost.is_set()
    tenure.end()


@pytest.fixture
def suspend(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Have the machine sleep for so many seconds: its monotonic clock stands still meanwhile."""
    asleep = 0.0
    true = time.clock_gettime

    def clock_gettime(clock: int) -> float:
        return true(clock) + (asleep if clock == time.CLOCK_BOOTTIME else 0.0)

    def sleep(seconds: float) -> None:
        nonlocal asleep
        asleep += seconds

    monkeypatch.setattr(time, "clock_gettime", clock_gettime)
    return sleep


def test_a_suspended_machine_loses_its_lease(
    store: FaultyStore, suspend: Callable[[float], None]
) -> None:
    """The time in which the machine was suspended counts: a lease that ended then is not held."""
    mine = own(store)
    mine.take()
    suspend(TTL - 10)
    assert mine.held
    suspend(11)
    assert not mine.held


def test_another_came_while_this_machine_was_suspended(
    store: FaultyStore, suspend: Callable[[float], None]
) -> None:
    """When a beat was left out, the lease is looked at before anything is written."""
    tenure = Tenure(own(store), StatusBoard())
    assert tenure.claim() is None
    assert LeaseObject(store, PREFIX, instance="other", host="there").take(force=True) is None
    suspend(BEAT + 1)
    assert tenure.claim() is not None
    assert content(store).instance == "other"


def test_beats_again_soon_after_a_suspension(
    store: FaultyStore, suspend: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beat that is due when the machine wakes is made then, not a whole interval later."""
    monkeypatch.setattr("wherobots_storage.sync.tenure.RETRY", 0.05)
    tenure = Tenure(own(store), StatusBoard())
    tenure.claim()
    first = content(store)
    rests, wait = threading.Event(), tenure._ended.wait

    def waits(seconds: float | None = None) -> bool:
        rests.set()
        return wait(seconds)

    monkeypatch.setattr(tenure._ended, "wait", waits)
    tenure.begin(lambda: None)
    assert rests.wait(90)  # It has looked when the next beat is due.
    suspend(BEAT + 1)
    eventually(lambda: content(store) != first)
    tenure.end()
