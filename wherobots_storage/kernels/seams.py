"""Where Jupyter makes the environment of a kernel and of a terminal, and how it is changed there.

Not in ``os.environ``: that is the server's own, of which its store, its sync agent and other
extensions live. What a kernel's specification says in its ``env`` still comes on top, as does
what a terminal is asked to be given.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from jupyter_core.utils import ensure_async

from wherobots_storage.kernels.sdk import Changes, apply

Changing = Callable[[Mapping[str, str]], Changes]
"""What changes in an environment; may block for a moment."""


class KernelSeam:
    """Changes what one manager's kernels start with, over every restart, until ``undo``.

    A kernel restarts with what it was started with, plus what ``update_env`` was told since; the
    server tells it all of its own environment when a notebook is renamed (jupyter_server's
    SessionManager.update_session).
    """

    def __init__(
        self,
        manager: Any,  # noqa: ANN401 - a MultiKernelManager; its traits have no types
        changing: Callable[[Mapping[str, str]], Awaitable[Changes]],
        now: Changing,
    ) -> None:
        """``now`` answers at once, and is asked where nothing can be waited for."""
        self._manager = manager
        start: Callable[..., Any] = manager.start_kernel
        update: Callable[..., None] = manager.update_env

        async def start_kernel(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as given
            base = options.get("env") or os.environ
            options["env"] = apply(base, await changing(base))
            return await ensure_async(start(*args, **options))

        def update_env(*, kernel_id: str, env: dict[str, str]) -> None:
            update(kernel_id=kernel_id, env=apply(env, now(env)))

        manager.start_kernel = start_kernel
        manager.update_env = update_env

    def undo(self) -> None:
        """Give the manager its own methods back."""
        for name in ("start_kernel", "update_env"):
            self._manager.__dict__.pop(name, None)


class TerminalSeam(Mapping[str, str | None]):
    """Changes what one manager's terminals start with: it stands in for their ``extra_env``.

    terminado removes from a terminal's environment what is None there.
    """

    def __init__(self, manager: Any, now: Changing) -> None:  # noqa: ANN401 - of terminado
        self._manager = manager
        self._before: Mapping[str, str | None] | None = manager.extra_env
        self._now = now
        manager.extra_env = self

    def undo(self) -> None:
        """Give the manager back what it had."""
        self._manager.extra_env = self._before

    def _changes(self) -> Changes:
        return {**self._now(os.environ), **(self._before or {})}

    def __getitem__(self, name: str) -> str | None:
        return self._changes()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._changes())

    def __len__(self) -> int:
        return len(self._changes())
