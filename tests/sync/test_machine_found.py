"""What the state machine has found, told as stories."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.acts import Act
from support.disk import Loss
from support.trouble import Trouble
from support.world import World

from wherobots_storage.sync.focus import Focus

A = 0
"""The pick of the path ``a``."""


def act(world: World, verb: str, pick: int = A, second: int = 0) -> None:
    """One act of the user's."""
    Act("user", verb, pick, second).carry_out(world)


@pytest.mark.parametrize("verb", ["touch", "chmod"])
@pytest.mark.parametrize("kind", ["write", "write large"])
@pytest.mark.parametrize("restoring", [True, False])
def test_time_and_mode_are_saved_after_a_lost_journal(
    verb: str, kind: str, restoring: bool, tmp_path: Path
) -> None:
    """Bytes that are there already are adopted, and a newer time or mode is brought to them."""
    with World(tmp_path / "world") as world:
        act(world, kind)
        world.settle()
        act(world, verb, 0, 1)
        world.lose_journal()
        if restoring:
            world.restore()
        world.settle()
        saved, here = world.mirror_facts()["a"], world.home_facts()["a"]
        assert saved == here


def test_mode_changed_before_a_restart_is_saved(tmp_path: Path) -> None:
    """A file saved in haste whose mode changes before the next start: the mode is saved too."""
    with World(tmp_path / "world") as world:
        act(world, "write")
        world.settle()
        act(world, "chmod", 0, 1)
        world.close()
        world.restore()
        world.settle()
        assert world.mirror_facts()["a"].mode == 0o755


@pytest.mark.parametrize(("own", "other"), [("write", "put"), ("write large", "put same")])
def test_a_deletion_after_a_restore_is_another_one(own: str, other: str, tmp_path: Path) -> None:
    """A deletion that met another's version is refused once, not for ever after.

    A large file's that another program uploaded again, in one piece, is another version too.
    """
    with World(tmp_path / "world") as world:
        act(world, own)
        act(world, "write", 4)
        world.settle()
        Act("other", other, A).carry_out(world)
        act(world, "delete at")
        world.cycle()
        assert "a" in world.oracle.mirror
        world.restore()
        assert "a" in world.oracle.home
        act(world, "delete at")
        world.settle()
        assert "a" not in world.oracle.mirror


@pytest.mark.parametrize("step", range(8, 24))
def test_a_folder_that_a_killed_restore_announced_was_not_deleted(
    step: int, tmp_path: Path
) -> None:
    """Another's folder that never came here is neither deleted there nor said to be."""
    with World(tmp_path / "world") as world:
        Act("other", "make folder", A).carry_out(world)
        world.restore()
        world.close()
        world.lose_home()
        act(world, "write", 4)
        world.restore(Trouble("kill", step))
        world.settle()
        assert "a/" in world.oracle.mirror


@pytest.mark.parametrize("step", range(8, 24))
def test_a_folder_is_not_deleted_there_before_its_restore_is_finished(
    step: int, tmp_path: Path
) -> None:
    """Where a killed restore was not done with it, its marker stays, and brings it back."""
    with World(tmp_path / "world") as world:
        Act("other", "make folder", 1).carry_out(world)
        Act("other", "put", A).carry_out(world)
        act(world, "write")
        world.restore(Trouble("kill", step))
        world.settle()
        if (world.home / "d").exists():
            world.by_user((world.home / "d").rmdir)
        world.settle()
        world.restore()
        assert ("d/" in world.oracle.home) is ("d/" in world.oracle.mirror)


def test_a_home_that_is_gone_at_the_end_is_not_said_to_be_saved(tmp_path: Path) -> None:
    """A final sync without the lease that does not find the home says nothing of the kind."""
    with World(tmp_path / "world") as world:
        act(world, "write")
        world.final(Trouble("unmount", 0), guest=True)
        world.final(guest=True)
        assert world.oracle.mirror


@pytest.mark.parametrize("first", [True, False], ids=["saved before", "new"])
def test_an_object_that_cannot_be_looked_at_does_not_stop_a_restore(
    first: bool, tmp_path: Path
) -> None:
    """A file whose put was refused, and a policy that hides its object: the others arrive."""
    with World(tmp_path / "world") as world:
        if first:
            act(world, "write")
            world.settle()
        Act("other", "put", A).carry_out(world)
        Act("other", "put", 4).carry_out(world)
        Act("other", "refuse", A, 0).carry_out(world)
        act(world, "write")
        world.cycle()
        world.restore()
        assert "a-b" in world.oracle.home
        Act("other", "permit").carry_out(world)
        world.settle()


def test_the_same_bytes_under_a_name_that_waits_stay_anothers(tmp_path: Path) -> None:
    """A file in a folder's place that nobody saved yet is no deletion when it goes again."""
    with World(tmp_path / "world") as world:
        act(world, "write", 3)
        world.settle()
        Act("other", "put", 3).carry_out(world)
        Act("other", "put plain", A).carry_out(world)
        act(world, "write same", A)
        world.cycle()
        assert world.oracle.home["a"] == world.oracle.mirror["a"]
        act(world, "write", 3)
        world.settle()
        assert "a" in world.oracle.mirror


def test_an_empty_file_gives_way_to_bytes(tmp_path: Path) -> None:
    """A restore moves an empty file that nobody knows to the trash, and brings other bytes."""
    with World(tmp_path / "world") as world:
        act(world, "write empty")
        Act("other", "put", A).carry_out(world)
        world.restore()
        assert world.oracle.home == world.oracle.mirror
        assert ("a", ("file", b"")) in world.trash()


def test_a_copy_that_the_user_gave_up_is_nobodys_version(tmp_path: Path) -> None:
    """What a final sync without the lease finds saved may be a copy that the user has replaced."""
    with World(tmp_path / "world") as world:
        act(world, "write")
        world.settle()
        act(world, "write")
        world.final(guest=True)
        world.settle()
        world.restore()
        (copy,) = {path for path in world.oracle.home if "conflict" in path}
        Act("other", "put", A).carry_out(world)
        number = sorted(world.oracle.home).index(copy)
        act(world, "rewrite", number)
        own = world.oracle.home[copy]
        world.final(guest=True)
        world.settle()
        assert world.oracle.mirror[copy] == own


def test_facts_of_a_large_file_do_not_go_to_anothers_version(tmp_path: Path) -> None:
    """Where a store ignores conditions a look keeps a new mode from what others put there."""
    with World(tmp_path / "world", conditions=False) as world:
        act(world, "write large")
        world.settle()
        Act("other", "link", A).carry_out(world)
        act(world, "chmod", 0, 1)
        world.settle()
        assert "link" in {kind for kind, _ in world.oracle.mirror.values()}


@pytest.mark.parametrize("run", ["final", "fetch_missing", "hinted", "restore"])
def test_a_start_that_finds_a_bare_mount_point(run: str, tmp_path: Path) -> None:
    """What it finds and says is not the home's; the next start finds the home as it was."""
    with World(tmp_path / "world") as world:
        Act("other", "refuse", A, 0).carry_out(world)
        act(world, "write large")
        world.final()
        # The start tells what the stop left before it looks at the home.
        trouble = Trouble("unmount", 0)
        if run == "hinted":
            world.hinted(Focus(), trouble)
        else:
            getattr(world, run)(trouble)
        Act("other", "permit").carry_out(world)
        world.settle()
        assert world.oracle.home == world.oracle.mirror != {}


def test_what_arrived_in_a_bare_mount_point_is_not_deleted(tmp_path: Path) -> None:
    """A journal that said nothing yet went on for the mount point, under the home's token."""
    with World(tmp_path / "world") as world:
        Act("other", "refuse", A, 0).carry_out(world)
        act(world, "write large")
        world.final()
        Act("other", "put", 4).carry_out(world)
        world.restore(Trouble("unmount", 0))
        world.settle()
        assert "a-b" in world.oracle.mirror


def test_a_version_that_a_restore_could_not_bring_stays(tmp_path: Path) -> None:
    """Another's upload of the home's own bytes, which a policy hides, was not deleted here."""
    with World(tmp_path / "world") as world:
        act(world, "write large")
        act(world, "write", 4)
        world.settle()
        Act("other", "put same", A).carry_out(world)
        act(world, "delete at")
        Act("other", "refuse", A, 0).carry_out(world)
        world.restore()
        world.settle()
        assert "a" in world.oracle.mirror


def test_a_folder_makes_way_for_the_file_that_others_made_of_it(tmp_path: Path) -> None:
    """What vanished there goes to the trash, and the empty folder to the file of its name."""
    with World(tmp_path / "world") as world:
        act(world, "write", 8)
        act(world, "write", 4)
        world.settle()
        Act("other", "delete at", 8).carry_out(world)
        Act("other", "put", 1).carry_out(world)
        world.restore()
        assert world.oracle.home["a/b"] == world.oracle.mirror["a/b"]
        assert "a/b/z" in {path for path, _ in world.trash()}


def _wait_for_a_tick(folder: Path) -> None:
    """Until what is written has a later ctime than what was noted."""
    now, probe = time.time_ns(), folder / "probe"
    while not probe.exists() or probe.stat().st_ctime_ns <= now:
        probe.write_bytes(b"")


@pytest.mark.parametrize("verb", ["touch far", "touch"])
def test_an_edit_that_is_dated_back_survives_a_power_cut(verb: str, tmp_path: Path) -> None:
    """A row that the daily reading came by is no younger for it than an edit after its scan."""
    with World(tmp_path / "world") as world:
        world.ahead += 90_000.0
        act(world, "write")
        world.settle()
        _wait_for_a_tick(tmp_path)
        act(world, "write")
        act(world, verb)
        own = world.oracle.home
        world.power_cut([""])
        world.cycle()
        world.settle()
        assert world.oracle.home == world.oracle.mirror == own


@pytest.mark.parametrize(
    ("kind", "before", "step"),
    [
        *(("write large", A, step) for step in range(6)),
        # In a folder's place it is read when that is deleted.
        *(
            (kind, 3, step)
            for kind in ("write", "write large", "link")
            for step in (26, 29, 32, 35)
        ),
    ],
)
def test_an_older_version_in_a_bare_mount_point_is_not_sent(
    kind: str, before: int, step: int, tmp_path: Path
) -> None:
    """A home that goes away between scan and reading: what lies in its place is not its own."""
    with World(tmp_path / "world") as world:
        act(world, "write large", 2)
        act(world, "write", before)
        world.settle()
        act(world, "write large", 2)
        act(world, kind)
        bare = tmp_path / "world" / "bare"
        bare.mkdir()
        if kind == "link":
            (bare / "a").symlink_to("older")
        else:
            (bare / "a").write_bytes(b"older".ljust(40 if kind == "write large" else 6))
        world.cycle(Trouble("unmount", step))
        assert world.oracle.mirror.get("a") in {None, world.oracle.agreed.get("a")}
        world.settle()
        assert world.oracle.mirror == world.oracle.home


@pytest.mark.parametrize("away", [None, *range(5)])
def test_a_power_cut_after_a_home_was_emptied_and_restored(
    away: int | None, tmp_path: Path
) -> None:
    """The journal that began with the restore knows the boot too, in a session that went on."""
    with World(tmp_path / "world") as world:
        act(world, "write")
        world.settle()
        act(world, "delete all")
        if away is not None:
            world.restore(Trouble("unmount", away))
        world.restore()
        world.power_cut(["empty"])
        world.cycle()
        world.restore()
        assert world.oracle.home == world.oracle.mirror != {}


@pytest.mark.parametrize("hasty", [True, False])
@pytest.mark.parametrize("loss", ["empty", "short", "zeros", "older", "gone"])
def test_a_power_cut_after_bytes_were_adopted(loss: Loss, hasty: bool, tmp_path: Path) -> None:
    """Where a restore found the bytes here, under another time, what breaks of them is no edit."""
    with World(tmp_path / "world", hasty=hasty) as world:
        Act("other", "put", A).carry_out(world)
        act(world, "write same")
        world.restore()
        world.power_cut([loss])
        world.cycle()
        world.restore()
        assert world.oracle.home == world.oracle.mirror != {}


@pytest.mark.parametrize("verb", ["write", "rewrite", "touch", "chmod"])
def test_an_edit_right_after_bytes_were_adopted_is_saved(verb: str, tmp_path: Path) -> None:
    """Within the same tick, and before a power cut that leaves it whole: it is the user's."""
    with World(tmp_path / "world") as world:
        Act("other", "put", A).carry_out(world)
        act(world, "write same")
        world.restore()
        act(world, verb, 0, 1)
        own = world.home_facts()
        world.power_cut([""])
        world.settle()
        assert world.home_facts() == world.mirror_facts() == own


@pytest.mark.parametrize("step", range(8, 18))
def test_a_policy_that_hides_the_copy_of_anothers_version(step: int, tmp_path: Path) -> None:
    """Whether a killed cycle kept it cannot be told then: in the end both are there."""
    with World(tmp_path / "world") as world:
        world.names = ("a",)
        act(world, "write large")
        world.settle()
        Act("other", "put", A).carry_out(world)
        theirs = world.oracle.mirror["a"]
        act(world, "write large")
        world.cycle(Trouble("kill", step))
        Act("other", "refuse", 1, 0).carry_out(world)
        world.settle()
        Act("other", "permit").carry_out(world)
        world.settle()
        assert set(world.oracle.mirror.values()) == {theirs, world.oracle.home["a"]}


@pytest.mark.parametrize("loss", ["empty", "short", "gone"])
def test_a_second_power_cut_after_a_folder_took_a_broken_files_name(
    loss: Loss, tmp_path: Path
) -> None:
    """The row that the first one took away comes back, and does not tell of a deletion."""
    with World(tmp_path / "world") as world:
        world.names = ("d", "d/x")
        act(world, "write")
        world.settle()
        saved = world.oracle.mirror["d"]
        Act("other", "put", 1).carry_out(world)
        world.power_cut([loss])
        world.restore()
        assert "d/x" in world.oracle.home
        world.power_cut([""], roll_back=True)
        world.cycle()
        assert world.oracle.mirror["d"] == saved


def test_a_power_cut_after_a_folder_took_a_files_name(tmp_path: Path) -> None:
    """Nobody can tell then who made it: the file's last version stays in the bucket beside it."""
    with World(tmp_path / "world") as world:
        world.names = ("d", "d/x")
        act(world, "write")
        world.settle()
        saved = world.oracle.mirror["d"]
        act(world, "write", 1)
        world.power_cut([""])
        world.settle()
        assert world.oracle.mirror == {"d": saved, "d/x": world.oracle.home["d/x"]}
        world.restore()
        world.settle()
        assert world.oracle.mirror == {"d": saved, "d/x": world.oracle.home["d/x"]}
        world.check_fresh_restore()


@pytest.mark.parametrize("loss", ["empty", "short", "gone"])
@pytest.mark.parametrize("start", ["cycle", "restore"])
@pytest.mark.parametrize("former", ["broken", "emptied"])
def test_a_power_cut_right_after_a_restore(
    former: str, start: str, loss: Loss, tmp_path: Path
) -> None:
    """It takes the rows of what was restored: those from before do not make an edit of the rest."""
    with World(tmp_path / "world") as world:
        Act("other", "put plain", A).carry_out(world)
        act(world, "write same")
        world.settle()
        if former == "broken":
            world.power_cut(["empty"])
            world.cycle()
        else:
            world.close()
            act(world, "delete all")
        world.restore()
        saved = world.oracle.home["a"]
        world.power_cut([loss], roll_back=True)
        getattr(world, start)()
        world.settle()
        assert saved in world.oracle.mirror.values()


@pytest.mark.parametrize("run", ["final", "cycle"])
@pytest.mark.parametrize("point", range(8))
def test_a_file_that_goes_while_it_takes_anothers_name(
    point: int, run: str, tmp_path: Path
) -> None:
    """Another's version is beside it by then, and stays there when the name goes with the file."""
    with World(tmp_path / "world") as world:
        world.meet = lambda met: met.carry_out(world) if isinstance(met, Act) else None
        act(world, "write")
        act(world, "write", 4)
        world.settle()
        Act("other", "put", A).carry_out(world)
        theirs = world.oracle.mirror["a"]
        act(world, "write")
        getattr(world, run)(Trouble("meet", point, 1, Act("user", "delete at", A)))
        world.settle()
        assert theirs in world.oracle.mirror.values()
