"""Before a restore believes that something vanished: what the store has, and does not list.

Some stores take what is put into folders of certain names, and never list it (see
``namespace.hidden``). A sync avoids the names that are known; an older journal has them, and
another store may have others. So one request for a key of each folder that lost something finds
out, and where that key is there, one for each of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

from wherobots_storage.errors import AccessDenied, NotFound, StorageError
from wherobots_storage.planning.tree import HIDDEN, Notice
from wherobots_storage.sync.mirror import Mirror, OutageDetector
from wherobots_storage.sync.worklist import Paths

WORKERS = 8

_REASON = (
    "The store has it, but does not list it, so that no restore brings it. Give its folder another"
    " name, and it is saved under that."
)


class Unlisted:
    """Asks for keys that a listing lacks; ``give_way`` is called now and then, and may raise."""

    def __init__(self, mirror: Mirror, give_way: Callable[[], None]) -> None:
        self._mirror = mirror
        self._give_way = give_way
        self._outage = OutageDetector(mirror.ask)

    def keep(self, vanished: Paths) -> Iterator[Notice]:
        """Drop from ``vanished`` what is there all the same, and tell of each.

        What cannot be asked for is dropped too, untold: the next restore asks again. Raises the
        StorageError of an outage, and what ``give_way`` raises.
        """
        firsts: dict[str, str] = {}
        for path in vanished:
            firsts.setdefault(_folder(path), path)
        odd = {_folder(path) for path, _ in self._not_gone(firsts.values())}
        with Paths() as suspects:
            for path in vanished:
                if _folder(path) in odd:
                    suspects.add(path)
            for path, is_there in self._not_gone(suspects):
                vanished.drop([path])
                if is_there:
                    yield Notice(path, HIDDEN, _REASON)

    def _not_gone(self, paths: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """Those that are not known to be gone, and whether each is known to be there."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="unlisted") as pool:
            waiting = iter(paths)
            while batch := list(islice(waiting, WORKERS)):
                self._give_way()
                for path, answer in zip(batch, pool.map(self._ask, batch), strict=True):
                    if isinstance(answer, StorageError):
                        self._outage.failure(answer)
                    else:
                        self._outage.success()
                    if answer is not False:
                        yield path, answer is True

    def _ask(self, path: str) -> bool | StorageError:
        try:
            # Who may list may ask; where a key is refused all the same, the listing is believed.
            with suppress(NotFound, AccessDenied):
                self._mirror.store.head(self._mirror.key(path))
                return True
        except StorageError as error:
            return error
        return False


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
