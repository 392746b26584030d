"""What the agent's loop is asked for."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wish:
    """Something for the loop's thread: ``sync``, ``restore``, ``final``, ``look`` or ``tick``.

    ``look`` only wakes the loop; ``tick`` and ``hint`` are its own wishes, which a pause holds
    back; ``trouble`` is a notice to show, with its ``reason``.

    ``done`` becomes True when all of the home is in the mirror afterwards.
    """

    op: str
    deadline: float | None = None
    reason: str = ""
    done: Future[bool] = field(default_factory=Future)
