"""Where everything is measured: one folder, one SeaweedFS, one environment, one scale."""

from __future__ import annotations

import compileall
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.agent import Mirrored
from benchmarks.fixture import Shape
from benchmarks.peers import AwsCli, Peer, Place, Rclone, S5cmd
from wherobots_storage import __file__ as program
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store

BUCKET = "bench"
_GB = 1024**3
_MB = 1024**2
HOME = Shape(20_000, 500, 230_000_000)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything; the defaults are the figures that the bars are set for."""

    home: Shape = HOME
    large: int = 2 * _GB
    growth: tuple[int, ...] = (10_000, 30_000, 100_000)
    listing: int = 100_000
    body: int = 1 * _GB
    idle_seconds: float = 10.0
    saves: int = 100

    @classmethod
    def quick(cls) -> Scale:
        """A tenth and less: shows that everything works, and the rank."""
        shape = Shape(2_000, 50, 23_000_000)
        return cls(shape, 128 * _MB, (1_000, 10_000), 5_000, 128 * _MB, 3.0, 20)

    @classmethod
    def tiny(cls) -> Scale:
        """Shows that everything works, and no more."""
        shape = Shape(100, 5, 500_000)
        return cls(shape, 17 * _MB, (20, 60), 1_200, 17 * _MB, 0.3, 2)


@dataclass(frozen=True)
class Workbench:
    """What every step is given."""

    folder: Path
    scale: Scale
    store: EmbeddedStore
    programs: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """An environment without anybody's own configuration, that finds the store."""
        private = ("AWS_", "WHEROBOTS_", "JUPYTER", "RCLONE_", "S3_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(private)}
        return {**kept, **self.store.environment(), "HOME": str(self.fresh("user"))}

    @property
    def peers(self) -> list[Peer]:
        """The programs to compare with; none where there is no folder of them."""
        if self.programs is None:
            return []
        place = Place(self.programs, BUCKET, self.environment)
        return [Rclone(place), S5cmd(place), AwsCli(place)]

    def connect(self) -> S3Store:
        """The bucket, in this process."""
        return connect(BUCKET, self.store.environment())

    def mirrored(self, name: str, home: Path | None = None) -> Mirrored:
        """A customer of that name, with a home of that name unless one is given."""
        home = home if home is not None else self.fresh(f"home-{name}")
        state = self.folder / f"state-{name}"
        return Mirrored(BUCKET, f"customer-{name}", home, state, self.environment)

    def fresh(self, name: str) -> Path:
        """A folder of that name, made if it is not there."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def forget(self, *folders: Path) -> None:
        """Give disk space back."""
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def workbench(folder: Path, scale: Scale, programs: Path | None) -> Iterator[Workbench]:
    """A workbench with a running, empty store; all of it goes at the end."""
    compile_below(Path(program).parent)
    with EmbeddedStore(folder / "store") as store:
        store.create_bucket(BUCKET)
        yield Workbench(folder, scale, store, programs)


def compile_below(package: Path) -> None:
    """Give a package's modules their bytecode, as pip does with what it installs.

    A source tree may have none, or that of an earlier version, and an environment that says
    PYTHONDONTWRITEBYTECODE keeps it so: each start of ours would compile 150 modules (0.25 s).
    """
    compileall.compile_dir(package, quiet=2)
