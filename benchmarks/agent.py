"""Our own program under measurement: one command, or the agent that stays."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import Child
from benchmarks.measure import Cost, Failed, peak_bytes, run, watching
from wherobots_storage.errors import AgentUnavailable
from wherobots_storage.namespace.paths import Root
from wherobots_storage.settings import Settings, Tenancy
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.handover import settings_to_json
from wherobots_storage.sync.state import StateFolder

START_SECONDS = 1800.0
ORG = "org/"
NEVER = 86_400.0


@dataclass(frozen=True)
class Mirrored:
    """A home, whose it is, and where its state lies: all that our program needs to know."""

    bucket: str
    customer: str
    home: Path
    state: Path
    environment: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        """The settings, with cycles on request only."""
        tenancy = Tenancy(Root(self.bucket, ORG), self.customer)
        return Settings(home=self.home, state_dir=self.state, tenancy=tenancy, sync_interval=NEVER)

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which our commands mean this home."""
        return {
            **self.environment,
            "WHEROBOTS_STORAGE_ROOT": f"s3://{self.bucket}/{ORG}",
            "WHEROBOTS_STORAGE_CUSTOMER": self.customer,
            "WHEROBOTS_STORAGE_HOME": str(self.home),
            "WHEROBOTS_STORAGE_STATE": str(self.state),
        }

    def elsewhere(self, home: Path, state: Path) -> Mirrored:
        """The same mirror with another, new home."""
        home.mkdir(parents=True)
        return Mirrored(self.bucket, self.customer, home, state, self.environment)

    def command(self, *arguments: str) -> Cost:
        """Run ``wherobots-storage`` to its end."""
        return run([sys.executable, "-m", "wherobots_storage", *arguments], self.variables)

    def sync(self) -> Cost:
        """One sync from the command line."""
        return self.command("sync", "--once")

    def restore(self) -> Cost:
        """One restore from the command line."""
        return self.command("restore")


class RunningAgent(Child):
    """The agent process of one home; a context manager that waits until its first cycle is over."""

    start_seconds = START_SECONDS

    def __init__(self, mirrored: Mirrored) -> None:
        settings = mirrored.settings
        super().__init__(
            [sys.executable, "-m", "wherobots_storage", "agent"],
            mirrored.variables,
            mirrored.state / "bench-agent.log",
            settings_to_json(settings) + b"\n",
        )
        self._client = AgentClient(StateFolder.for_settings(settings).socket_path)

    def is_ready(self) -> bool:
        """Whether its start is over, and a cycle after it."""
        try:
            if self._client.status().state != "idle":
                return False
            self._client.request("sync", timeout=START_SECONDS)
        except AgentUnavailable:
            return False
        return True

    def sync(self) -> Cost:
        """One cycle on request, and what it cost the agent's process."""
        with watching(self.pid) as cost:
            event = self._client.request("sync", timeout=START_SECONDS)
        if not event.complete:
            raise Failed("the agent's cycle is not complete")
        return cost

    def peak(self) -> int:
        """The most memory it has used, in bytes."""
        return peak_bytes(self.pid)
