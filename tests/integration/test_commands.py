from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from support.homes import keys_below
from support.lab import free_port

from wherobots_storage.cli import main
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.lease import LeaseObject

pytestmark = pytest.mark.store

Lines = list[dict[str, object]]


@pytest.fixture
def home(
    tmp_path: Path,
    bucket: str,
    seaweed_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A home with a file, everything configured for a fresh bucket."""
    assert seaweed_environment["AWS_ENDPOINT_URL"]
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    monkeypatch.setenv("WHEROBOTS_STORAGE_ROOT", f"s3://{bucket}/org/")
    monkeypatch.setenv("WHEROBOTS_STORAGE_CUSTOMER", "customer-a")
    monkeypatch.setenv("WHEROBOTS_STORAGE_HOME", str(folder))
    monkeypatch.setenv("WHEROBOTS_STORAGE_STATE", str(tmp_path / "state"))
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> Lines:
    """What was printed, as the JSON objects that the lines are."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_sync_and_restore_carry_a_home_over(
    home: Path, s3_store: S3Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sync` without an agent uploads; `restore` makes another home of it; both exit with 0."""
    (home / "sub").mkdir()
    (home / "sub" / "b.bin").write_bytes(b"\0" * 1000)
    assert main(["sync", "--once"]) == 0
    assert "The home is in the bucket." in capsys.readouterr().out
    assert s3_store.head("org/notebooks/customer-a/sub/b.bin").size == 1000
    other = tmp_path / "other"
    assert main(["restore", "--home", str(other), "--json"]) == 0
    assert (other / "sub" / "b.bin").read_bytes() == b"\0" * 1000
    assert said(capsys)[0]["state"] == "idle"


def test_final_without_an_agent_syncs_here(home: Path, s3_store: S3Store) -> None:
    """The destroy hook does its work also when no agent runs."""
    assert home.is_dir()
    assert main(["sync", "--final", "--timeout", "none"]) == 0
    assert s3_store.head("org/notebooks/customer-a/a.txt").size == 5


def test_final_without_an_agent_saves_what_is_still_written(
    home: Path, s3_store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that never holds still is saved beside its name; what comes meanwhile is saved too."""
    done = threading.Event()
    moving = home / "moving.bin"
    moving.write_bytes(os.urandom(9 * 1024**2))

    def write() -> None:
        number = 0
        while not done.wait(0.001):
            number += 1
            with moving.open("r+b") as file:
                file.write(os.urandom(16))
            if number == 500:
                (home / "late").write_text("late")

    writing = threading.Thread(target=write)
    writing.start()
    try:
        assert main(["sync", "--final", "--timeout", "60"]) == 3
    finally:
        done.set()
        writing.join()
    names = keys_below(s3_store, "org/notebooks/customer-a/")
    assert [name for name in names if name.startswith("moving (unsettled ")]
    assert "a.txt" in names
    assert "moving (unsettled" in capsys.readouterr().out
    assert main(["sync", "--final", "--timeout", "none"]) == 0
    assert {"late", "moving.bin"} <= set(keys_below(s3_store, "org/notebooks/customer-a/"))


def test_final_without_an_agent_or_a_store(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The time is over while nobody answers: 3, with the error; keys that are refused: 1."""
    assert home.is_dir()
    with monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
        assert main(["sync", "--final", "--timeout", "2"]) == 3
        assert "not reachable" in capsys.readouterr().err
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert main(["sync", "--final", "--timeout", "none"]) == 1
    assert "credentials" in capsys.readouterr().err


def test_final_beside_another_instance(
    home: Path, s3_store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """While another has the lease only a conflict name is written, once, and it is listed: 3."""
    assert home.is_dir()
    prefix = "org/notebooks/customer-a/"
    s3_store.put(f"{prefix}a.txt", b"theirs")
    other = LeaseObject(s3_store, prefix, instance="other", host="there")
    assert other.take() is None
    for _ in range(2):
        assert main(["sync", "--final", "--timeout", "none"]) == 3
    copy, original = keys_below(s3_store, prefix)
    assert original == "a.txt"
    assert s3_store.head(prefix + original).size == len(b"theirs")
    assert s3_store.head(prefix + copy).size == len(b"hello")
    assert copy in capsys.readouterr().out
    other.release()


def test_what_cannot_be_synced_makes_it_incomplete(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A skipped file exits with 3, and is listed with its reason."""
    (home / ("x" * 200)).mkdir()
    deep = home / ("x" * 200) / ("y" * 250) / ("z" * 250) / ("w" * 250)
    deep.mkdir(parents=True)
    (deep / ("v" * 200)).write_text("too deep for a key")
    assert main(["sync"]) == 3
    assert "Not in the bucket" in capsys.readouterr().out


def test_what_a_restore_refuses_is_listed_as_such(
    home: Path, s3_store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link out of the home stays in the bucket alone: not restored, listed, 3; all saved, 0.

    A pipe of the home, or a name that can be no key, is nothing to a restore.
    """
    os.mkfifo(home / "pipe")
    odd = os.fsencode(home) + b"/odd\xff"
    Path(os.fsdecode(odd)).write_bytes(b"")
    body = b"/etc/passwd"
    s3_store.put("org/notebooks/customer-a/out", body, metadata={"symlink": "1"})
    assert main(["restore"]) == 3
    shown = capsys.readouterr().out
    assert "Not restored (1):\n  out" in shown
    assert "Not in the bucket" not in shown
    assert main(["sync"]) == 3
    shown = capsys.readouterr().out
    assert "Not in the bucket (2):" in shown
    assert "Not restored" not in shown
    (home / "pipe").unlink()
    Path(os.fsdecode(odd)).unlink()
    assert main(["sync"]) == 0
    assert not os.path.lexists(home / "out")


def test_a_home_that_is_not_there_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sync` makes no home: a typing error must not look like an emptied one."""
    assert home.is_dir()
    assert main(["sync", "--home", str(tmp_path / "typo")]) == 1
    assert "typo" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_ls_pages_through_the_store(
    home: Path, s3_store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every entry is a JSON object a line, folders among them."""
    assert home.is_dir()
    s3_store.put("org/data/shared/a b.csv", b"123")
    s3_store.put("org/data/shared/sub/c", b"")
    assert main(["ls", "/data/shared", "--json"]) == 0
    assert [(entry["path"], entry["size"]) for entry in said(capsys)] == [
        ("/data/shared/a b.csv", 3),
        ("/data/shared/sub/", None),
    ]
    assert main(["ls", "/data/shared"]) == 0
    assert "a b.csv" in capsys.readouterr().out


def test_doctor_looks_at_everything(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On SeaweedFS the rights and conditions are fine, and its rewriting of names is told."""
    assert home.is_dir()
    main(["doctor", "--json"])
    found = {str(finding["check"]): finding for finding in said(capsys)}
    for check in ("configuration", "credentials", "bucket", "list", "write", "clock", "home"):
        assert found[check]["state"] == "ok", found[check]
    assert found["conditional writes"]["state"] == "ok"
    assert found["names"]["state"] == "warning"
    assert found["agent"]["state"] == "note"
    assert found["boundary"]["state"] == "note"
    assert found["temporary credentials"]["state"] == "note"


def test_doctor_shows_no_key(
    home: Path, seaweed_environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the access key nor the secret appear anywhere in the report."""
    assert home.is_dir()
    main(["doctor"])
    captured = capsys.readouterr()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert seaweed_environment[name] not in captured.out + captured.err


@pytest.mark.parametrize(
    ("variables", "check", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "bucket", "credentials"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "bucket", "not reachable"),
        ({"WHEROBOTS_STORAGE_ROOT": "s3://no-such-bucket/org/"}, "bucket", "no bucket"),
        ({"WHEROBOTS_STORAGE_ROOT": "https://x/"}, "configuration", "s3://"),
    ],
)
@pytest.mark.timeout(180)
def test_doctor_names_what_is_wrong(
    home: Path,
    variables: dict[str, str],
    check: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wrong setting fails the check it belongs to, in words, and exits with 1."""
    assert home.is_dir()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", "--json"]) == 1
    found = {str(finding["check"]): finding for finding in said(capsys)}
    assert found[check]["state"] == "failed", found
    assert words in str(found[check]["message"])
