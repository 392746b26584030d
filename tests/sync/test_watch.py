"""Hints of what changed, and what an agent makes of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.homes import OLD, Bench, settings_for

from wherobots_storage.sync.controller import Watch
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.watch import Notifier, Watcher, just_before_now, open_notifier


class Hints:
    """What a watcher told."""

    watcher: Watcher

    def __init__(self) -> None:
        self.all = Focus()
        self.troubles: list[str] = []

    def take(self, focus: Focus) -> None:
        self.all |= focus

    @property
    def folders(self) -> set[str]:
        return set(self.all.flat | self.all.deep)


@contextmanager
def watching(
    bench: Bench,
    opener: Callable[[list[str]], Notifier],
    seen: Callable[[], int] = int,
    since: float | None = None,
) -> Iterator[Hints]:
    """A watcher over the home, and what it tells."""
    hints = Hints()
    home = Home.open(bench.settings)
    watcher = Watcher(home, hints.take, hints.troubles.append, seen=seen, open_notifier=opener)
    hints.watcher = watcher
    watcher.only_since(since)
    watcher.start()
    try:
        yield hints
    finally:
        watcher.stop()
        watcher._thread.join(60)
        assert not watcher._thread.is_alive()


@contextmanager
def opened(
    bench: Bench, seen: Callable[[], int] = int, since: float | None = None
) -> Iterator[Hints]:
    """A real watcher that has begun to watch; a hint of the first file is taken away."""
    ready = threading.Event()

    def opener(folders: list[str]) -> Notifier:
        notifier = open_notifier(folders)
        ready.set()
        return notifier

    with watching(bench, opener, seen, since) as hints:
        assert ready.wait(60)
        yield hints


def test_names_the_folders(bench: Bench) -> None:
    """A file that is written, renamed or deleted is hinted at by its folder."""
    for name in ("a/one", "b/two", "c/three", "d/four"):
        bench.write(name)
    with opened(bench) as hints:
        bench.write("a/one", b"changed")
        (bench.home / "b/two").unlink()
        (bench.home / "c/three").rename(bench.home / "top")
        eventually(lambda: hints.folders >= {"", "a/", "b/", "c/"})
        assert "d/" not in hints.folders


def test_what_a_scan_has_seen_is_not_told(bench: Bench) -> None:
    """Changes older than the scan under way are no hints, gone files' neither; newer ones are."""
    for name in ("a/one", "b/two", "c/three"):
        bench.write(name)
    bound = [time.time_ns() + 3600 * 10**9]
    with opened(bench, seen=lambda: bound[0]) as hints:
        bench.write("a/one", b"changed")
        (bench.home / "b/two").unlink()
        bench.write("n/new folder")
        eventually(lambda: "n/" in hints.all.deep)
        assert hints.folders & {"a/", "b/"} == set()
        bound[0] = 0
        bench.write("c/three", b"changed")
        eventually(lambda: "c/" in hints.folders)


def test_new_folders_are_watched_too(bench: Bench) -> None:
    """What is written to a new folder, at once or later, is hinted at."""
    with opened(bench) as hints:
        bench.write("n/x/y/file")
        eventually(lambda: "n/" in hints.all.deep)

        pauses = iter(2**number for number in range(10))

        def hinted_again() -> bool:
            hints.all = Focus()
            bench.write("n/x/y/later", os.urandom(5))
            time.sleep(next(pauses))
            return "n/x/y/" in hints.folders

        # Until it is watched nothing is told, which takes as long as it takes; a hint does too.
        eventually(hinted_again)


def test_a_folder_made_while_another_is_begun_to_be_watched(bench: Bench) -> None:
    """It is watched too, though what listened before and what listens from now on both tell it."""
    begun: list[set[str]] = []

    def opener(folders: list[str]) -> Notifier:
        notifier = open_notifier(folders)
        begun.append({Path(folder).name for folder in folders})
        if len(begun) == 2:
            (bench.home / "later").mkdir()
        return notifier

    with watching(bench, opener) as hints:
        eventually(lambda: begun)
        bench.write("n/file")
        eventually(lambda: begun[-1] >= {"n", "later"})
        hints.all = Focus()
        bench.write("later/file")
        eventually(lambda: "later/" in hints.folders)


def test_only_what_was_written_since(bench: Bench) -> None:
    """During a restore the files that it writes, with their former times, are not told of."""
    bench.write("early/before", mtime_ns=OLD)
    bench.write("late/before")
    with opened(bench, since=just_before_now()) as hints:
        eventually(lambda: hints.folders == {"late/"})
        hints.all = Focus()
        staged = bench.write("staged", mtime_ns=OLD)
        (bench.home / "r").mkdir()
        os.link(staged, bench.home / "r/restored")
        os.link(staged, bench.home / "early/restored")
        (bench.home / "early/before").unlink()
        bench.write("n/written")
        eventually(lambda: "n/" in hints.folders)
        bench.write("r/written")
        eventually(lambda: "r/" in hints.folders)
        assert not hints.folders - {"n/", "r/", ""}
        hints.watcher.only_since(None)
        (bench.home / "early/restored").unlink()
        eventually(lambda: "early/" in hints.folders)


def test_what_is_left_out(bench: Bench) -> None:
    """Ignored and reserved names, the agent's own above all, give no hint."""
    (bench.home / ".wherobotsignore").write_text("*.log\nbuild/\n")
    for folder in ("node_modules/m", "build", ".wherobots/tmp"):
        (bench.home / folder).mkdir(parents=True)
    with opened(bench) as hints:
        for name in ("node_modules/m/x", "build/x", ".wherobots/tmp/x", "a.log", "z/build/x"):
            bench.write(name)
        bench.write("a/seen")
        eventually(lambda: "a/" in hints.folders)
        time.sleep(0.5)
        assert hints.folders <= {"", "a/", "z/"}


def test_links_are_not_followed(bench: Bench, tmp_path: Path) -> None:
    """What changes behind a link is nothing of the home's."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (bench.home / "link").symlink_to(outside)
    with opened(bench) as hints:
        (outside / "x").write_bytes(b"x")
        bench.write("a/seen")
        eventually(lambda: "a/" in hints.folders)
        assert "link/" not in hints.folders


def test_new_rules_ask_for_a_whole_scan(bench: Bench) -> None:
    """A change of the ignore file is a hint at everything."""
    with opened(bench) as hints:
        (bench.home / ".wherobotsignore").write_text("*.log\n")
        eventually(lambda: hints.all.is_wide)


def test_odd_names(bench: Bench) -> None:
    """Folders whose names are not UTF-8 do not end the watching of the others."""
    os.mkdir(os.fsencode(bench.home) + b"/bad\xff")  # noqa: PTH102  # bytes
    bench.write("a/x")
    with opened(bench) as hints:
        bench.write("a/x", b"changed")
        eventually(lambda: "a/" in hints.folders)
        assert hints.troubles == []


def test_a_folder_that_ends_while_it_is_opened(bench: Bench) -> None:
    """Folders that vanish between the look and the watch do not end the watching."""
    bench.write("a/x")
    bench.write("b/x")
    tries: list[int] = []
    ready = threading.Event()

    def opener(folders: list[str]) -> Notifier:
        tries.append(len(folders))
        if len(tries) == 1:
            shutil.rmtree(bench.home / "b")
        notifier = open_notifier(folders)
        ready.set()
        return notifier

    with watching(bench, opener) as hints:
        assert ready.wait(60)
        bench.write("a/x", b"changed")
        eventually(lambda: "a/" in hints.folders)
        assert tries == [3, 2]


def exhausted(_folders: list[str]) -> Notifier:
    """A system without any watch left (inotify_add_watch(2): ENOSPC)."""
    raise OSError(28, "No space left on device")


class Breaking:
    """A notifier that breaks."""

    def watch(self, *_times: object) -> set[tuple[int, str]]:
        raise RuntimeError("OS file watch limit reached.")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("opener", [exhausted, lambda _: Breaking()])
def test_without_watches(bench: Bench, opener: Callable[[list[str]], Notifier]) -> None:
    """When watches run out that is told once, with what an administrator can do."""
    with watching(bench, opener) as hints:
        eventually(lambda: hints.troubles)
        time.sleep(0.1)
    assert len(hints.troubles) == 1
    assert "max_user_watches" in hints.troubles[0]


LIMITED = """
import sys, threading
from pathlib import Path
from wherobots_storage.settings import Settings
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.watch import Watcher
told = threading.Event()
def trouble(reason):
    print(reason)
    told.set()
home = Home.open(Settings(home=Path(sys.argv[1]), state_dir=Path("/nonexistent")))
Watcher(home, print, trouble).start()
assert told.wait(60)
"""


def test_a_real_limit(bench: Bench) -> None:
    """The system's limit of watches, lowered for one process alone, is told and not passed over."""
    for number in range(30):
        bench.write(f"{number}/x")
    # The limit of a user namespace binds this process only (namespaces(7), "/proc/sys/user").
    lower = 'echo 10 > /proc/sys/user/max_inotify_watches && exec "$@"'
    prefix = ["unshare", "-Ur", "sh", "-c", lower, "sh"]
    if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("user namespaces are not allowed here")
    command = [*prefix, sys.executable, "-c", LIMITED, str(bench.home)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=110)
    assert "max_user_watches" in told.stdout


def watch(bench: Bench, opener: Callable[[list[str]], Notifier] = open_notifier) -> Watch:
    """A factory of watchers for an agent."""
    return lambda hint, trouble: Watcher(
        Home.open(bench.settings), hint, trouble, open_notifier=opener
    )


def test_a_save_is_soon_in_the_mirror(bench: Bench, store: FaultyStore) -> None:
    """Between two scans, which are two minutes apart, a watching agent saves and deletes."""
    bench.write("a/keep")
    ready = threading.Event()

    def opener(folders: list[str]) -> Notifier:
        notifier = open_notifier(folders)
        ready.set()
        return notifier

    with running_agent(bench.settings, store, watch(bench, opener)) as agent:
        eventually(lambda: agent.status is not None and agent.status.last_synced is not None)
        assert ready.wait(60)
        bench.write("a/new")
        eventually(lambda: bench.keys() == ["a/keep", "a/new"])
        (bench.home / "a/new").rename(bench.home / "a/renamed")
        bench.write("fresh/folder/file")
        eventually(lambda: bench.keys() == ["a/keep", "a/renamed", "fresh/folder/file"])
        agent.reaches("idle")


def test_a_paused_agent_takes_no_hint(bench: Bench, store: FaultyStore) -> None:
    """A pause holds hints back too; what they were about is saved after it."""
    with running_agent(bench.settings, store, watch(bench)) as agent:
        eventually(lambda: agent.status is not None and agent.status.last_synced is not None)
        time.sleep(0.5)
        agent.client.request("pause")
        bench.write("a")
        with pytest.raises(AssertionError):
            eventually(lambda: bench.keys() == ["a"], seconds=1)
        agent.client.request("resume")
        eventually(lambda: bench.keys() == ["a"])


def test_an_agent_without_watches(bench: Bench, store: FaultyStore) -> None:
    """It says so once in its status, and saves by the clock; a restore does not hide it."""
    settings = settings_for(bench.home, bench.state, sync_interval=0.3)
    with running_agent(settings, store, watch(bench, exhausted)) as agent:
        eventually(lambda: agent.status is not None and agent.status.skipped_total)
        bench.write("a")
        eventually(lambda: bench.keys() == ["a"])
        bench.write("a", b"changed")
        eventually(lambda: bench.body("a") == b"changed")
        assert agent.client.request("restore").complete
        status = agent.client.status()
        assert [notice.code for notice in status.skipped] == ["not-watched"]
        assert status.skipped_total == 1
