"""The machine's oracle against engines that were broken on purpose: it has to see each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from support import stories
from support.world import World

from wherobots_storage.errors import AccessDenied, StorageError
from wherobots_storage.objectstore.store import PutRequest
from wherobots_storage.planning import format as form
from wherobots_storage.planning import restore as restore_planning
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync import aside, books, deletions, install, toll, uploads
from wherobots_storage.sync import restore as restore_work
from wherobots_storage.sync.books import Books
from wherobots_storage.sync.conflicts import Keeper
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror, OutageDetector
from wherobots_storage.sync.objects import row_of
from wherobots_storage.sync.standing import Standing


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

    def take_home(self: Books, home: Home, mirror: Mirror, *, restoring: bool) -> None:
        del restoring, mirror
        self.identity = home.identity()

    return patch.object(Books, "take_home", take_home)


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
    return patch.object(books, "mend", lambda *_args, **_named: 0)


class Case(NamedTuple):
    """An engine that is broken in one way, the story that shows it, and what the oracle says."""

    broken: Callable[[], AbstractContextManager[Any]]
    story: Callable[[World], None]
    says: str


CASES = [
    Case(without_conditions, stories.overwrites, "another writer's version is lost"),
    Case(without_keeping, stories.overwrites, "another writer's version is lost"),
    Case(deleting_blindly, stories.deletes_what_changed, "which the user did not do"),
    Case(with_the_former_journal, stories.begins_elsewhere, "which the user did not do"),
    Case(taking_all_for_unchanged, stories.restores_over_work, "was lost to a restore"),
    Case(journaling_too_soon, stories.is_killed_before_the_put, "is not saved as it is"),
    Case(
        believing_a_bare_mount_point,
        stories.loses_its_home_in_a_restore,
        "which the user did not do",
    ),
    Case(forgetting_nothing, stories.vanishes_there, "vanished there and was not saved again"),
    Case(
        saving_at_the_name, stories.ends_beside_another, "was written while another had the lease"
    ),
    Case(saving_nothing_beside, stories.ends_beside_another, "is saved nowhere"),
    Case(taking_a_refusal_for_done, stories.may_not_delete, "was deleted here and is still there"),
    Case(giving_up_after_a_row, stories.may_not_write, "without any trouble it failed"),
    Case(saving_no_sign, stories.lived_long_ago, "and saved as"),
    Case(reading_no_sign, stories.knows_times_of_others, "restored"),
    Case(never_asking, stories.empties_its_home, "nothing is left, and nobody was asked"),
    Case(never_asking, stories.loses_most, "more than half is gone, and nobody was asked"),
    Case(forgetting_what_is_held, stories.goes_on_after_a_loss, "and nobody has agreed to it"),
    Case(believing_a_power_cut, stories.is_left_empty, "what was reported as saved is lost"),
    Case(believing_a_power_cut, stories.is_left_older, "what was reported as saved is lost"),
    Case(believing_a_power_cut, stories.is_left_without_a_name, "which the user did not do"),
    Case(trashing_everything, stories.finds_nothing_there, "nothing is left, and nobody was asked"),
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
