"""Vetoes: plans that are carried out only after a person has said so.

They guard against a home that is not there (unmounted, emptied, swapped) and against a mirror
that was emptied elsewhere: the accidents that have wiped backups in other tools.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALL_JOURNAL = 50
"""In a journal of up to so many files, half of them may go at once without a question."""


@dataclass(frozen=True, slots=True)
class Veto:
    """Why deletions do not happen: a stable code, and a sentence for people."""

    code: str
    reason: str


def veto_deletions(*, journal_size: int, deletions: int, mirrored: int) -> Veto | None:
    """The veto against deleting ``deletions`` remote objects, if there is one.

    ``journal_size`` counts the journal's rows, ``mirrored`` the files and links that the scan
    found. Deletions that somebody accepted are not to be counted in ``deletions``.
    """
    if deletions == 0:
        return None
    if mirrored == 0:
        return Veto(
            "home-emptied",
            f"The home has no files any more, and the bucket keeps {journal_size:,}. If it was "
            "emptied on purpose, accept the deletions; a restart while it is empty restores it.",
        )
    if journal_size > SMALL_JOURNAL and deletions * 2 > journal_size:
        return Veto(
            "half-gone",
            f"{deletions:,} of {journal_size:,} saved files are gone from the home at once. "
            "They stay in the bucket until the deletions are accepted.",
        )
    return None


def veto_trash(*, journal_size: int, vanished: int, remote_files: int) -> Veto | None:
    """The veto against moving ``vanished`` local files to the trash in a restore.

    ``remote_files`` counts the objects that the complete listing of the mirror found.
    """
    if vanished == 0:
        return None
    if remote_files == 0:
        return Veto(
            "mirror-emptied",
            f"The bucket holds no files of this home any more; the {vanished:,} here are kept "
            "and will be saved again.",
        )
    if journal_size > SMALL_JOURNAL and vanished * 2 > journal_size:
        return Veto(
            "mirror-half-gone",
            f"{vanished:,} of {journal_size:,} saved files are gone from the bucket; the ones "
            "here are kept and will be saved again.",
        )
    return None
