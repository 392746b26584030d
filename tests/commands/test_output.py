from __future__ import annotations

import io
import json

import pytest

from wherobots_storage.api.models import ErrorBody, Progress
from wherobots_storage.commands.output import Output, human_size, printable
from wherobots_storage.errors import NotFound


def make(*, as_json: bool = False) -> tuple[Output, io.StringIO, io.StringIO]:
    """An output, and what it writes to."""
    stdout, stderr = io.StringIO(), io.StringIO()
    return Output(as_json=as_json, stdout=stdout, stderr=stderr), stdout, stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.csv", "plain name.csv"),
        ("naïve 東京 🗺", "naïve 東京 🗺"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\nlines", "two\\nlines"),
        ("right\u202eleft", "right\\u202eleft"),
        ("lone\ud800", "lone\\ud800"),
    ],
)
def test_names_cannot_command_the_terminal(text: str, shown: str) -> None:
    """Whatever a key is made of, a terminal shows it and obeys none of it."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (300 * 1024**2, "300.0 MiB"),
        (5 * 1024**5, "5,120.0 TiB"),
    ],
)
def test_sizes_read_as_people_say_them(size: int, shown: str) -> None:
    """A size has a unit that keeps the number short, in steps of 1,024."""
    assert human_size(size) == shown


def test_people_get_lines_and_no_json() -> None:
    """Without --json, results are lines on standard output and records are silent."""
    output, stdout, stderr = make()
    output.line("a line")
    output.record({"a": 1})
    output.note("a note")
    assert (stdout.getvalue(), stderr.getvalue()) == ("a line\n", "a note\n")


def test_machines_get_json_and_no_lines() -> None:
    """With --json, every line on standard output is a JSON document."""
    output, stdout, _ = make(as_json=True)
    output.line("a line")
    output.record(ErrorBody(code="c", message="m"))
    assert json.loads(stdout.getvalue()) == {
        "code": "c",
        "message": "m",
        "path": None,
        "retryable": False,
    }


def test_an_error_is_one_line() -> None:
    """People get the error's sentence, and the path when the sentence lacks it."""
    output, stdout, stderr = make()
    output.error(NotFound("There is nothing.", path="/data/x"))
    output.error(NotFound("There is nothing at /data/x.", path="/data/x"))
    assert stdout.getvalue() == ""
    assert stderr.getvalue() == (
        "wherobots-storage: There is nothing. (/data/x)\n"
        "wherobots-storage: There is nothing at /data/x.\n"
    )


def test_an_error_for_machines_has_the_wire_s_shape() -> None:
    """With --json the error is an object with the fields of ErrorBody, on standard error."""
    output, stdout, stderr = make(as_json=True)
    output.error(NotFound("There is nothing.", path="/x"))
    assert stdout.getvalue() == ""
    assert json.loads(stderr.getvalue())["error"] == {
        "code": "not-found",
        "message": "There is nothing.",
        "path": "/x",
        "retryable": False,
    }


def test_notes_reach_a_terminal_that_has_gone_quietly() -> None:
    """A note to a closed standard error is lost and nothing else: cleaning up must go on."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    Output(stderr=Gone()).note("nobody reads this")


def test_a_character_the_terminal_lacks_is_escaped() -> None:
    """A terminal in ASCII gets an escape for what it cannot show, never a traceback."""
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    Output(stdout=stdout).line("naïve")
    assert raw.getvalue() == b"na\\xefve\n"


def test_progress_off_a_terminal_is_a_few_lines() -> None:
    """Without a terminal a phase is one line, and one more every thousand files."""
    output, _, stderr = make()
    with output.progress() as tell:
        for files in range(0, 2001, 100):
            tell(Progress(phase="uploading", files=files, bytes=files * 10, total_files=2000))
        tell(Progress(phase="deleting", files=1))
    assert stderr.getvalue().splitlines() == [
        "Uploading …",
        "Uploading: 1,000 of 2,000 files, 9.8 KiB",
        "Uploading: 2,000 of 2,000 files, 19.5 KiB",
        "Deleting …",
    ]


def test_progress_on_a_terminal_is_a_bar() -> None:
    """On a terminal the phase is drawn, with how much is done."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stderr = Terminal()
    with Output(stderr=stderr).progress() as tell:
        tell(Progress(phase="restoring", files=3, bytes=2048, total_files=4, total_bytes=4096))
    assert "Restoring" in stderr.getvalue()
    assert "3 of 4 files, 2.0 KiB" in stderr.getvalue()
