"""What the user's rules leave out, those of the scan before included: rules may change in between.

A file that was removed while it was ignored is not deleted in the bucket when the rules go.
"""

from __future__ import annotations

from collections.abc import Callable

from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal

_NAME = "rules"


def rules_of(home: Home, journal: Journal) -> IgnoreRules:
    """The rules as they are; those of the latest whole scan where they cannot be read now."""
    return home.rules(journal.meta(_NAME))


def left_out(journal: Journal, rules: IgnoreRules) -> Callable[[str], bool]:
    """Whether a path is ignored, or was when all of the home was last looked at."""
    former = journal.meta(_NAME)
    if former is None or former == rules.text:
        return rules.covers
    before = IgnoreRules(former.split("\n"))
    return lambda path: rules.covers(path) or before.covers(path)


def note_rules(journal: Journal, rules: IgnoreRules) -> None:
    """All of the home was looked at with these rules, and what they leave out is forgotten."""
    if journal.meta(_NAME) != rules.text:
        journal.set_meta(_NAME, rules.text)
