"""Tests of ignore rules that cannot be read: what they kept back stays back."""

from __future__ import annotations

import os

import pytest
from support.homes import Bench, codes

from wherobots_storage.planning.ignore import IGNORE_FILE
from wherobots_storage.sync.home import Home


def test_a_pipe_in_the_place_of_the_rules(bench: Bench) -> None:
    """A pipe of the ignore file's name is listed, and nobody waits for what comes out of it."""
    os.mkfifo(bench.home / IGNORE_FILE)
    bench.write("a")
    assert Home.open(bench.settings).rules().trouble == "it is no file"
    assert codes(bench.sync())[IGNORE_FILE] == "rules-unreadable"
    assert bench.keys() == ["a"]


def test_rules_that_cannot_be_read_any_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the file refuses to be read, what it left out the time before is left out."""
    bench.write(IGNORE_FILE, b"secret/\n")
    bench.write("secret/key")
    bench.sync()

    def refuse(_home: Home) -> list[str]:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Home, "_own_rules", refuse)
        bench.write("a")
        assert codes(bench.sync())[IGNORE_FILE] == "rules-unreadable"
    assert bench.keys() == [IGNORE_FILE, "a"]
    bench.write(IGNORE_FILE, b"")
    assert bench.sync().complete
    assert bench.keys() == [IGNORE_FILE, "a", "secret/key"]


def test_a_link_that_leads_nowhere_is_no_empty_file(bench: Bench) -> None:
    """Rules that lie behind a link which is broken for a while cannot be read, and are not none."""
    bench.write("rules", b"secret/\n")
    (bench.home / IGNORE_FILE).symlink_to("rules")
    bench.write("secret/key")
    bench.sync()
    (bench.home / "rules").rename(bench.home / "renamed")
    assert codes(bench.sync())[IGNORE_FILE] == "rules-unreadable"
    assert bench.keys() == [IGNORE_FILE, "renamed"]


@pytest.mark.parametrize("line", ["[z-a]", "*[9-0]", "!"])
def test_lines_that_are_no_patterns(bench: Bench, line: str) -> None:
    """They are listed; the other lines count, and what they do not leave out is saved."""
    bench.write(IGNORE_FILE, f"{line}\nsecret/\n[[b]\n".encode())
    bench.write("secret/key")
    bench.write("a")
    outcome = bench.sync()
    assert codes(outcome)[IGNORE_FILE] == "rules-invalid"
    assert repr(line) in outcome.status.skipped[0].reason
    assert bench.keys() == [IGNORE_FILE, "a"]
