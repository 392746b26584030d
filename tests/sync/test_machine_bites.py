"""The machine's oracle against engines that were broken on purpose: it has to see each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from support.acts import Act
from support.disk import Loss
from support.trouble import Trouble
from support.world import World

from wherobots_storage.errors import AccessDenied, StorageError
from wherobots_storage.objectstore.store import PutRequest
from wherobots_storage.planning import format as form
from wherobots_storage.planning import restore as restore_planning
from wherobots_storage.planning import safety
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync import aside, deletions, install, session, toll, uploads
from wherobots_storage.sync import restore as restore_work
from wherobots_storage.sync.conflicts import Keeper
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import OutageDetector
from wherobots_storage.sync.objects import row_of
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.standing import Standing

A, B = 0, 2
"""The picks of the paths ``a`` and ``b``."""


def act(world: World, who: str, verb: str, pick: int, second: int = 0) -> None:
    """One act."""
    Act(who, verb, pick, second).carry_out(world)


def overwrites(world: World) -> None:
    """Both change the same path, and this home saves its version."""
    act(world, "user", "write", A)
    world.cycle()
    act(world, "other", "put", A)
    act(world, "user", "write", A)
    world.cycle()


def deletes_what_changed(world: World) -> None:
    """The user deletes a file that somebody else has changed."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.cycle()
    act(world, "other", "put", A)
    act(world, "user", "delete", 0)
    world.cycle()


def begins_elsewhere(world: World) -> None:
    """A new machine saves its first file before anything is restored."""
    act(world, "user", "write", A)
    world.cycle()
    world.lose_home()
    act(world, "user", "write", B)
    world.cycle()


def restores_over_work(world: World) -> None:
    """Both change the same path, and the mirror is restored."""
    act(world, "user", "write", A)
    world.cycle()
    act(world, "other", "put", A)
    act(world, "user", "write", A)
    world.restore()


def is_killed_before_the_put(world: World) -> None:
    """The process dies at each of a save's first points in turn, and begins again."""
    for at in range(12):
        act(world, "user", "write", A)
        world.cycle(Trouble("kill", at))
        world.cycle()


def vanishes_there(world: World) -> None:
    """An object is deleted in the bucket; the hourly listing finds it out."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.cycle()
    act(world, "other", "delete", 0)
    world.cycle(reconcile=True)


def loses_its_home_in_a_restore(world: World) -> None:
    """The home goes away at each of a restore's points in turn, and is back afterwards."""
    for pick in range(3):
        act(world, "user", "write", 4 + pick)
    world.settle()
    for at in range(36):
        world.lose_home()
        world.restore(Trouble("unmount", at))
        world.cycle()


def ends_beside_another(world: World) -> None:
    """The final sync of a home with a changed and a new file, while another has the lease."""
    act(world, "user", "write", A)
    world.cycle()
    act(world, "user", "write", A)
    act(world, "user", "write large", B)
    world.final(guest=True)


def may_not_delete(world: World) -> None:
    """A policy keeps a deleted file in the bucket, until there is no such policy any more."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.cycle()
    act(world, "other", "refuse", A, 2)
    act(world, "user", "delete at", A)
    world.cycle()
    act(world, "other", "permit", A)
    world.cycle()


def may_not_write(world: World) -> None:
    """Of more files than failures in a row are let pass all but one are refused."""
    for pick in (4, 5, 8, 9):
        act(world, "user", "write", pick)
        act(world, "other", "refuse", pick, 1)
    act(world, "user", "write", B)
    world.cycle()


def lived_long_ago(world: World) -> None:
    """A file is from before the epoch."""
    act(world, "user", "write", A)
    act(world, "user", "touch far", 0, 2)
    world.cycle()


def knows_times_of_others(world: World) -> None:
    """Objects say times and modes that hardly any program expects."""
    for second, pick in enumerate((A, B, 4, 5, 8, 9)):
        act(world, "other", "put far", pick, second)
    world.restore()
    world.check_fresh_restore()


def empties_its_home(world: World) -> None:
    """The user deletes everything."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.settle()
    act(world, "user", "delete all", 0)
    world.cycle()


def loses_most(world: World) -> None:
    """Of a journal that is not small most goes at once."""
    world.small_journal = 1
    with patch.object(safety, "SMALL_JOURNAL", 1):
        for pick in (A, B, 4):
            act(world, "user", "write", pick)
        world.settle()
        act(world, "user", "delete", 0)
        act(world, "user", "delete", 0)
        world.cycle()


def goes_on_after_a_loss(world: World) -> None:
    """Everything is gone, and new files come: in a cycle, after a hint, at the end and after it."""
    for pick in (A, B, 4):
        act(world, "user", "write", pick)
    world.settle()
    act(world, "user", "delete all", 0)
    world.cycle()
    act(world, "user", "write", 5)
    world.hinted(Focus(frozenset({""})))
    act(world, "user", "write", 6)
    world.final()
    world.restore()
    world.cycle(reconcile=True)
    world.cycle(accept=True)


def finds_nothing_there(world: World) -> None:
    """Somebody empties the mirror, and it is restored."""
    act(world, "user", "write", A)
    world.settle()
    act(world, "other", "delete all", 0)
    world.restore()


def loses_its_power(world: World, loss: Loss) -> None:
    """The machine stops after a save, and begins again with a sync."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.settle()
    world.power_cut([loss, ""])
    world.cycle()


def is_left_empty(world: World) -> None:
    """A saved file has lost its bytes to a power cut."""
    loses_its_power(world, "empty")


def is_left_older(world: World) -> None:
    """A saved file is what it was before, after a power cut."""
    loses_its_power(world, "older")


def is_left_without_a_name(world: World) -> None:
    """A saved file is gone after a power cut."""
    loses_its_power(world, "gone")


def without_conditions() -> AbstractContextManager[Any]:
    """Puts that replace whatever is there."""

    def bare(key: str, body: bytes, **named: Any) -> PutRequest:
        return PutRequest(key, body, metadata=named["metadata"])

    return patch.object(uploads, "PutRequest", bare)


def without_keeping() -> AbstractContextManager[Any]:
    """Another's version is not kept before its name is taken."""
    return patch.object(Keeper, "keep", lambda _self, _path, _found: None)


def deleting_blindly() -> AbstractContextManager[Any]:
    """Deletions that look at no ETag."""

    def delete(self: deletions.Deleter, record: Record) -> str:
        self._mirror.store.delete(self._mirror.key(record.path))
        return "gone"

    return patch.object(deletions.Deleter, "_delete", delete)


def with_the_former_journal() -> AbstractContextManager[Any]:
    """The journal of another directory is believed."""

    def take_home(self: Session, home: Home, *, restoring: bool) -> None:
        del restoring
        self._identity = home.identity()

    return patch.object(Session, "_take_home", take_home)


@contextmanager
def taking_all_for_unchanged() -> Iterator[None]:
    """Local changes are overlooked by a restore."""
    with (
        patch.object(install, "is_unchanged", lambda _entry, _record: True),
        patch.object(restore_planning, "is_unchanged", lambda _entry, _record: True),
    ):
        yield


def journaling_too_soon() -> AbstractContextManager[Any]:
    """A file is in the journal before it is in the mirror."""
    real = uploads.Uploader._put

    def put(self: uploads.Uploader, put: uploads._Put) -> None:
        self._ledger.note(row_of(put.content, "not there yet"))
        self._ledger.journal.commit()
        real(self, put)

    return patch.object(uploads.Uploader, "_put", put)


def believing_a_bare_mount_point() -> AbstractContextManager[Any]:
    """A home that went away is not noticed before the next run."""
    return patch.object(Home, "check", lambda _self: None)


def forgetting_nothing() -> AbstractContextManager[Any]:
    """What vanished from the mirror stays in the journal."""
    return patch.object(Journal, "forget_all", lambda _self, _paths: None)


def saving_at_the_name() -> AbstractContextManager[Any]:
    """Without the lease a file goes to its own name, if nothing is there."""
    return patch.object(aside._Writer, "_names", lambda _self, path: iter([path]))


def saving_nothing_beside() -> AbstractContextManager[Any]:
    """Without the lease nothing is saved, and all is said to be."""
    return patch.object(aside._Writer, "save", lambda *_: None)


def taking_a_refusal_for_done() -> AbstractContextManager[Any]:
    """A deletion that is refused is a deletion."""
    real = deletions.Deleter._delete

    def delete(self: deletions.Deleter, record: Record) -> str:
        try:
            return real(self, record)
        except AccessDenied:
            return "gone"

    return patch.object(deletions.Deleter, "_delete", delete)


def giving_up_after_a_row() -> AbstractContextManager[Any]:
    """Some refusals in a row are an outage, without a question."""

    def failure(self: OutageDetector, error: StorageError) -> None:
        self._row += 1
        if self._row >= self.ROW:
            raise error

    return patch.object(OutageDetector, "failure", failure)


def saving_no_sign() -> AbstractContextManager[Any]:
    """A time before the epoch is saved as one after it."""
    real = form.format_mtime
    return patch.object(form, "format_mtime", lambda mtime_ns: real(abs(mtime_ns)))


def reading_no_sign() -> AbstractContextManager[Any]:
    """A time before the epoch is restored as one after it."""
    real = form.parse_mtime
    return patch.object(form, "parse_mtime", lambda text: real(text.lstrip("-")))


def never_asking() -> AbstractContextManager[Any]:
    """Nothing is too much to be deleted at once."""
    return patch.object(toll, "veto_deletions", lambda **_: None)


def forgetting_what_is_held() -> AbstractContextManager[Any]:
    """A veto lasts until the next cycle."""
    return patch.object(Standing, "veto", None)


def trashing_everything() -> AbstractContextManager[Any]:
    """Nothing is too much to be trashed at once."""
    return patch.object(restore_work, "veto_trash", lambda **_: None)


def believing_a_power_cut() -> AbstractContextManager[Any]:
    """What a power cut left is taken for the user's work."""
    return patch.object(session, "mend", lambda *_args, **_named: 0)


class Case(NamedTuple):
    """An engine that is broken in one way, the story that shows it, and what the oracle says."""

    broken: Callable[[], AbstractContextManager[Any]]
    story: Callable[[World], None]
    says: str


CASES = [
    Case(without_conditions, overwrites, "another writer's version is lost"),
    Case(without_keeping, overwrites, "another writer's version is lost"),
    Case(deleting_blindly, deletes_what_changed, "which the user did not do"),
    Case(with_the_former_journal, begins_elsewhere, "which the user did not do"),
    Case(taking_all_for_unchanged, restores_over_work, "was lost to a restore"),
    Case(journaling_too_soon, is_killed_before_the_put, "is not saved as it is"),
    Case(believing_a_bare_mount_point, loses_its_home_in_a_restore, "which the user did not do"),
    Case(forgetting_nothing, vanishes_there, "vanished there and was not saved again"),
    Case(saving_at_the_name, ends_beside_another, "was written while another had the lease"),
    Case(saving_nothing_beside, ends_beside_another, "is saved nowhere"),
    Case(taking_a_refusal_for_done, may_not_delete, "was deleted here and is still there"),
    Case(giving_up_after_a_row, may_not_write, "without any trouble it failed"),
    Case(saving_no_sign, lived_long_ago, "and saved as"),
    Case(reading_no_sign, knows_times_of_others, "restored"),
    Case(never_asking, empties_its_home, "nothing is left, and nobody was asked"),
    Case(never_asking, loses_most, "more than half is gone, and nobody was asked"),
    Case(forgetting_what_is_held, goes_on_after_a_loss, "and nobody has agreed to it"),
    Case(believing_a_power_cut, is_left_empty, "what was reported as saved is lost"),
    Case(believing_a_power_cut, is_left_older, "what was reported as saved is lost"),
    Case(believing_a_power_cut, is_left_without_a_name, "which the user did not do"),
    Case(trashing_everything, finds_nothing_there, "nothing is left, and nobody was asked"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.broken.__name__)
def test_a_broken_engine_is_found_out(case: Case, tmp_path: Path) -> None:
    """The oracle accepts each story as the engine tells it, and refuses it of a broken one."""
    with World(tmp_path / "sound") as world:
        case.story(world)
    with (
        World(tmp_path / "broken") as world,
        case.broken(),
        pytest.raises(AssertionError, match=case.says),
    ):
        case.story(world)
