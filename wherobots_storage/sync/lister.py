"""A listing that goes on while its pages are worked on: each is asked for during the one before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from wherobots_storage.objectstore.store import ListPage, ObjectStore
from wherobots_storage.sync.cancel import LOOK

WAITING = 4
"""So many pages wait for whoever works on them, of a thousand objects each."""


class Lister:
    """The pages of all that lies under a prefix, in order, asked for on a thread of its own.

    To be used in a ``with`` block, at whose end that thread is over. ``ring`` is called on it
    whenever something has come.
    """

    def __init__(
        self, store: ObjectStore, prefix: str, ring: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._ring = ring
        self._pages: queue.Queue[ListPage | BaseException] = queue.Queue(WAITING)
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._list, name="listing", daemon=True)
        self.is_over = False
        """Whether the last page was handed out."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._given_up.set()
        self._thread.join()

    def next(self, seconds: float) -> ListPage | None:
        """The next page, or None when it does not come in so many seconds.

        Raises what the store raises: then there are no more.
        """
        try:
            page = self._pages.get(timeout=seconds) if seconds else self._pages.get_nowait()
        except queue.Empty:
            return None
        if isinstance(page, BaseException):
            raise page
        self.is_over = page.cursor is None
        return page

    def _list(self) -> None:
        cursor: str | None = None
        try:
            while not self._given_up.is_set():
                page = self._store.list_page(self._prefix, cursor=cursor)
                self._hand_out(page)
                cursor = page.cursor
                if cursor is None:
                    return
        except BaseException as error:  # noqa: BLE001 - for whoever waits for the page
            self._hand_out(error)

    def _hand_out(self, page: ListPage | BaseException) -> None:
        while not self._given_up.is_set():
            with suppress(queue.Full):
                self._pages.put(page, timeout=LOOK)
                self._ring()
                return
