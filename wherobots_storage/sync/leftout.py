"""What the user's rules leave out, those of the scan before included: rules may change in between.

A file that was removed while it was ignored is not deleted in the bucket when the rules go. And an
ignore file that loses lines may be in the middle of being saved: most editors empty it, and then
write it. What it kept back until then is kept back until it has held still.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from wherobots_storage.planning.ignore import IGNORE_FILE, IgnoreRules
from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal

QUIET_SECONDS = 1.0
"""So long the same lines must be there before less is left out than until then."""

GONE_SECONDS = 3.0
"""The same of an ignore file that is gone, or has no line any more."""

MOST_LINES = 5
"""How many lines that are no patterns are named."""

_NAME = "rules"


class RulesReader:
    """Of one home, for one thread. Times are of the monotonic clock."""

    def __init__(self, home: Home, journal: Journal) -> None:
        self._home = home
        self._journal = journal
        self._believed: str | None = None
        """The latest rules that were taken for what they are."""
        self._seen: str | None = None
        """Rules that leave out less, as they were found the time before."""
        self._stamp: tuple[int, ...] = ()
        """Their file's, then: it may have been whole, and cut again, in between."""
        self._since = 0.0
        """Since when they are so."""

    def read(self) -> IgnoreRules:
        """The rules as they are; with those before ``held`` while it is not sure that these go.

        Where they cannot be read now, those before.
        """
        known = self._believed if self._believed is not None else self._journal.meta(_NAME)
        stamp = self._home.rules_stamp()
        rules = self._home.rules(known)
        if rules.trouble:
            return rules
        if known is None or rules.only_adds_to(known) or self._has_held_still(rules, stamp):
            self._believed, self._seen = rules.text, None
            return rules
        held = IgnoreRules(known.split("\n"))
        return IgnoreRules(rules.text.split("\n"), held=held)

    def wait(self) -> float:
        """In how many seconds rules that leave out less can be believed, if they stay so."""
        if self._seen is None:
            return 0.0
        return max(0.0, self._since + self._patience(self._seen) - time.monotonic())

    def _has_held_still(self, rules: IgnoreRules, stamp: tuple[int, ...]) -> bool:
        if (rules.text, stamp) != (self._seen, self._stamp):
            self._seen, self._stamp = rules.text, stamp
            self._since = time.monotonic()  # our own clock: that of a server's disk is another
        return self.wait() <= 0

    def _patience(self, text: str) -> float:
        own = text.split("\n")[len(self._home.ignores) :]
        return QUIET_SECONDS if any(line.strip() for line in own) else GONE_SECONDS


def left_out(journal: Journal, rules: IgnoreRules) -> Callable[[str], bool]:
    """Whether a path is ignored, or was when all of the home was last looked at."""
    former = journal.meta(_NAME)
    if former is None or former == rules.text:
        return rules.covers
    before = IgnoreRules(former.split("\n"))
    return lambda path: rules.covers(path) or before.covers(path)


def notice_of(rules: IgnoreRules) -> Notice | None:
    """What there is to tell of them, if anything."""
    if rules.trouble:
        reason = f"The rules in it cannot be read ({rules.trouble}): those known before hold."
        return Notice(IGNORE_FILE, "rules-unreadable", reason)
    if rules.held is not None:
        reason = "Lines went from it just now: what they left out is left out until it is quiet."
        return Notice(IGNORE_FILE, "rules-changing", reason)
    if rules.invalid:
        lines = ", ".join(map(repr, rules.invalid[:MOST_LINES]))
        reason = f"These lines are no patterns, and leave nothing out: {lines}."
        return Notice(IGNORE_FILE, "rules-invalid", reason)
    return None


def note_rules(journal: Journal, rules: IgnoreRules) -> None:
    """All of the home was looked at with these rules, and what they leave out is forgotten."""
    if journal.meta(_NAME) != rules.text:
        journal.set_meta(_NAME, rules.text)
