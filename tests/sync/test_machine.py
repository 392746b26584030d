"""The whole engine under whatever users, other writers, kills and failing stores may do to it."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from support.acts import FOLDERS, OTHER, PATHS, USER, Act
from support.disk import LOSSES, Loss
from support.trouble import Trouble
from support.world import World

from wherobots_storage.planning import safety
from wherobots_storage.sync.focus import Focus

picks = st.integers(0, 30)
user_acts = st.builds(Act, st.just("user"), st.sampled_from(sorted(USER)), picks, picks)
other_acts = st.builds(Act, st.just("other"), st.sampled_from(sorted(OTHER)), picks, picks)
points = st.integers(0, 40)
kills = st.builds(Trouble, st.just("kill"), points)
failures = st.builds(
    Trouble,
    st.sampled_from(["lost-answer", "unavailable", "slow-down", "denied"]),
    points,
    st.sampled_from([1, 2, 20]),
)
meetings = st.builds(Trouble, st.just("meet"), points, st.just(1), user_acts | other_acts)
unmounts = st.builds(Trouble, st.just("unmount"), points)
takeovers = st.builds(Trouble, st.just("lose-lease"), points)
alone = st.one_of(st.none(), kills, failures, unmounts)
troubles = st.one_of(st.none(), st.none(), st.none(), kills, kills, failures, meetings, unmounts)
focuses = st.builds(
    Focus,
    st.frozensets(st.sampled_from(["", *FOLDERS]), max_size=2),
    st.frozensets(st.sampled_from(FOLDERS), max_size=1),
)


class SyncMachine(RuleBasedStateMachine):
    """Rules are what may happen; what has to hold is in ``support.oracle``, after every rule."""

    @initialize(
        conditions=st.sampled_from([True, True, True, False]),
        hasty=st.booleans(),
        small_journal=st.sampled_from([safety.SMALL_JOURNAL, 2]),
        names=st.lists(st.sampled_from(PATHS), min_size=1, max_size=4, unique=True),
    )
    def begin(self, conditions: bool, hasty: bool, small_journal: int, names: list[str]) -> None:
        """A home on a disk, and a store that honours conditions or, now and then, does not."""
        # In memory where that is possible: a real disk would wait for every journal's commit.
        memory = "/dev/shm"  # noqa: S108  # a folder of our own is made in it
        top = memory if os.access(memory, os.W_OK) else None
        folder = Path(tempfile.mkdtemp(prefix="machine-", dir=top))
        self.world = World(
            folder / "world", conditions=conditions, hasty=hasty, small_journal=small_journal
        )
        self.world.__enter__()
        # Few at a time, so that everybody gets into everybody's way.
        self.world.names = tuple(names)
        self.world.meet = self._meet

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "world"):
            self.world.__exit__(None, None, None)
            shutil.rmtree(self.world.folder.parent)

    def _meet(self, act: object) -> None:
        # Where a store ignores conditions nothing guards against a writer between look and put.
        assert isinstance(act, Act)
        if self.world.conditions or act.who == "user":
            act.carry_out(self.world)

    @rule(acts=st.lists(user_acts, min_size=1, max_size=4))
    def user(self, acts: list[Act]) -> None:
        for act in acts:
            act.carry_out(self.world)

    @rule(acts=st.lists(other_acts, min_size=1, max_size=3))
    def other(self, acts: list[Act]) -> None:
        for act in acts:
            act.carry_out(self.world)

    @rule(
        pick=st.integers(0, 3),
        here=st.sampled_from(["write", "write large", "write same", "delete at"]),
        there=st.sampled_from(["put", "put plain", "link", "delete at"]),
        first=st.booleans(),
        trouble=troubles,
    )
    def clash(self, pick: int, here: str, there: str, first: bool, trouble: Trouble | None) -> None:
        """Both change one path that the engine knows, and the engine meets it."""
        if first:
            self.world.cycle()
        Act("other", there, pick).carry_out(self.world)
        Act("user", here, pick).carry_out(self.world)
        if first:
            self.world.cycle(trouble)
        else:
            self.world.restore(trouble)

    @rule(trouble=troubles, reconcile=st.booleans(), accept=st.booleans())
    def cycle(self, trouble: Trouble | None, reconcile: bool, accept: bool) -> None:
        self.world.cycle(trouble, reconcile=reconcile, accept=accept)

    @rule(trouble=troubles)
    def restore(self, trouble: Trouble | None) -> None:
        self.world.restore(trouble)

    @rule(trouble=troubles)
    def fetch_missing(self, trouble: Trouble | None) -> None:
        self.world.fetch_missing(trouble)

    @rule(trouble=troubles, focus=focuses)
    def hinted(self, trouble: Trouble | None, focus: Focus) -> None:
        self.world.hinted(focus, trouble)

    @rule(trouble=troubles | takeovers)
    def final(self, trouble: Trouble | None) -> None:
        self.world.final(trouble)

    @rule(trouble=troubles)
    def final_beside(self, trouble: Trouble | None) -> None:
        """Another instance has the lease."""
        self.world.final(trouble, guest=True)

    @rule(pick=st.integers(0, 3), what=st.integers(0, 3))
    def policy(self, pick: int, what: int) -> None:
        """The store refuses some requests for one name, until there is no such policy any more."""
        Act("other", "refuse", pick, what).carry_out(self.world)

    @rule()
    def no_policy(self) -> None:
        Act("other", "permit").carry_out(self.world)

    @rule(lose_home=st.booleans(), journal=st.sampled_from(["kept", "lost", "damaged"]))
    def restart(self, lose_home: bool, journal: str) -> None:
        self.world.close()
        if lose_home:
            self.world.lose_home()
        if journal != "kept":
            self.world.lose_journal(damaged=journal == "damaged")

    @rule(
        losses=st.lists(st.sampled_from(LOSSES), min_size=1, max_size=4),
        roll_back=st.booleans(),
        during=st.none() | kills,
        restoring=st.booleans(),
        trouble=alone,
    )
    def power_cut(
        self,
        losses: list[Loss],
        roll_back: bool,
        during: Trouble | None,
        restoring: bool,
        trouble: Trouble | None,
    ) -> None:
        """The machine stops between two runs or in one, and the agent begins before the user."""
        if during is not None:
            self.world.cycle(during)
        self.world.power_cut(losses, roll_back=roll_back)
        begin = self.world.restore if restoring else self.world.cycle
        begin(trouble)
        begin()

    @rule()
    def a_day_passes(self) -> None:
        """Both slow clocks: everything is due to be listed, and read again."""
        self.world.ahead += 90_000.0

    @rule()
    def settle(self) -> None:
        self.world.settle()

    @rule()
    def restore_elsewhere(self) -> None:
        self.world.check_fresh_restore()


def run(examples: int, steps: int, *, number: int | None = None) -> None:
    """Run the machine: with a seed's examples, or always with the same ones."""
    machine: type[SyncMachine] = SyncMachine if number is None else seed(number)(SyncMachine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=number is None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_happens() -> None:
    """Nothing that users, other writers, kills and outages do in turn loses or mixes up bytes."""
    run(60, 25)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_whatever_happens_for_long() -> None:
    """The same, with thousands of examples that are new each time; a failure names its seed."""
    number = random.SystemRandom().getrandbits(32)
    try:
        run(4000, 30, number=number)
    except BaseException as error:
        error.add_note(f"The seed was {number}.")
        raise
