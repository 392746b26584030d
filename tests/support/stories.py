"""Short lives of a home, each of which some way to be broken would show."""

from __future__ import annotations

from unittest.mock import patch

from support.acts import Act
from support.disk import Loss
from support.trouble import Trouble
from support.world import World

from wherobots_storage.planning import safety
from wherobots_storage.sync.focus import Focus

A, B = 0, 2
"""The picks of the paths ``a`` and ``b``."""


def act(world: World, who: str, verb: str, pick: int, second: int = 0) -> None:
    """One act."""
    Act(who, verb, pick, second).carry_out(world)


def overwrites(world: World) -> None:
    """Both change the same path, and this home saves its version."""
    act(world, "user", "write", A)
    world.cycle()
    act(world, "other", "put", A)
    act(world, "user", "write", A)
    world.cycle()


def deletes_what_changed(world: World) -> None:
    """The user deletes a file that somebody else has changed."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.cycle()
    act(world, "other", "put", A)
    act(world, "user", "delete", 0)
    world.cycle()


def begins_elsewhere(world: World) -> None:
    """A new machine saves its first file before anything is restored."""
    act(world, "user", "write", A)
    world.cycle()
    world.lose_home()
    act(world, "user", "write", B)
    world.cycle()


def restores_over_work(world: World) -> None:
    """Both change the same path, and the mirror is restored."""
    act(world, "user", "write", A)
    world.cycle()
    act(world, "other", "put", A)
    act(world, "user", "write", A)
    world.restore()


def is_killed_before_the_put(world: World) -> None:
    """The process dies at each of a save's first points in turn, and begins again."""
    for at in range(12):
        act(world, "user", "write", A)
        world.cycle(Trouble("kill", at))
        world.cycle()


def vanishes_there(world: World) -> None:
    """An object is deleted in the bucket; the hourly listing finds it out."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.cycle()
    act(world, "other", "delete", 0)
    world.cycle(reconcile=True)


def loses_its_home_in_a_restore(world: World) -> None:
    """The home goes away at each of a restore's points in turn, and is back afterwards."""
    for pick in range(3):
        act(world, "user", "write", 4 + pick)
    world.settle()
    for at in range(36):
        world.lose_home()
        world.restore(Trouble("unmount", at))
        world.cycle()


def ends_beside_another(world: World) -> None:
    """The final sync of a home with a changed and a new file, while another has the lease."""
    act(world, "user", "write", A)
    world.cycle()
    act(world, "user", "write", A)
    act(world, "user", "write large", B)
    world.final(guest=True)


def may_not_delete(world: World) -> None:
    """A policy keeps a deleted file in the bucket, until there is no such policy any more."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.cycle()
    act(world, "other", "refuse", A, 2)
    act(world, "user", "delete at", A)
    world.cycle()
    act(world, "other", "permit", A)
    world.cycle()


def may_not_write(world: World) -> None:
    """Of more files than failures in a row are let pass all but one are refused."""
    for pick in (4, 5, 8, 9):
        act(world, "user", "write", pick)
        act(world, "other", "refuse", pick, 1)
    act(world, "user", "write", B)
    world.cycle()


def lived_long_ago(world: World) -> None:
    """A file is from before the epoch."""
    act(world, "user", "write", A)
    act(world, "user", "touch far", 0, 2)
    world.cycle()


def knows_times_of_others(world: World) -> None:
    """Objects say times and modes that hardly any program expects."""
    for second, pick in enumerate((A, B, 4, 5, 8, 9)):
        act(world, "other", "put far", pick, second)
    world.restore()
    world.check_fresh_restore()


def empties_its_home(world: World) -> None:
    """The user deletes everything."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.settle()
    act(world, "user", "delete all", 0)
    world.cycle()


def loses_most(world: World) -> None:
    """Of a journal that is not small most goes at once."""
    world.small_journal = 1
    with patch.object(safety, "SMALL_JOURNAL", 1):
        for pick in (A, B, 4):
            act(world, "user", "write", pick)
        world.settle()
        act(world, "user", "delete", 0)
        act(world, "user", "delete", 0)
        world.cycle()


def goes_on_after_a_loss(world: World) -> None:
    """Everything is gone, and new files come: in a cycle, after a hint, at the end and after it."""
    for pick in (A, B, 4):
        act(world, "user", "write", pick)
    world.settle()
    act(world, "user", "delete all", 0)
    world.cycle()
    act(world, "user", "write", 5)
    world.hinted(Focus(frozenset({""})))
    act(world, "user", "write", 6)
    world.final()
    world.restore()
    world.cycle(reconcile=True)
    world.cycle(accept=True)


def finds_nothing_there(world: World) -> None:
    """Somebody empties the mirror, and it is restored."""
    act(world, "user", "write", A)
    world.settle()
    act(world, "other", "delete all", 0)
    world.restore()


def loses_its_power(world: World, loss: Loss) -> None:
    """The machine stops after a save, and begins again with a sync."""
    act(world, "user", "write", A)
    act(world, "user", "write", B)
    world.settle()
    world.power_cut([loss, ""])
    world.cycle()


def is_left_empty(world: World) -> None:
    """A saved file has lost its bytes to a power cut."""
    loses_its_power(world, "empty")


def is_left_older(world: World) -> None:
    """A saved file is what it was before, after a power cut."""
    loses_its_power(world, "older")


def is_left_without_a_name(world: World) -> None:
    """A saved file is gone after a power cut."""
    loses_its_power(world, "gone")
