from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from wherobots_storage.api import models, schema


def test_the_file_is_what_the_models_say() -> None:
    """schema.json is current; run `npm run schema:generate` when this fails."""
    assert schema.is_current()


def test_writing_makes_a_file_current_and_a_check_only_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes the schema; with --check it fails and says how to mend it."""
    path = tmp_path / "schema.json"
    assert schema.main(["--check", "--path", str(path)]) == 1
    assert "npm run schema:generate" in capsys.readouterr().err
    assert not path.exists()
    assert schema.main(["--path", str(path)]) == 0
    assert schema.main(["--check", "--path", str(path)]) == 0
    path.write_text(path.read_text("utf-8") + " ", "utf-8")
    assert schema.main(["--check", "--path", str(path)]) == 1


def test_every_exported_structure_is_described() -> None:
    """Each structure that travels is defined, with a sentence about it that has no indentation."""
    definitions = schema.build_schema()["$defs"]
    for exported in schema.EXPORTED:
        description = definitions[exported.__name__]["description"]
        assert description
        assert "\n    " not in description


def test_what_the_server_answers_is_required_what_the_browser_sends_may_be_left_out() -> None:
    """A default makes a field of a request optional, never one of an answer."""
    definitions = schema.build_schema()["$defs"]
    assert "mode" not in definitions["UploadRequest"]["required"]
    assert set(definitions["Entry"]["required"]) == set(definitions["Entry"]["properties"])


def test_the_server_encodes_every_field_of_an_answer() -> None:
    """The schema calls fields with defaults required, so none may be omitted when it is encoded."""
    definitions = schema.build_schema()["$defs"]
    status = models.SyncStatus(state="idle", since="2026-01-31T12:00:00Z")
    assert set(msgspec.to_builtins(status)) == set(definitions["SyncStatus"]["required"])
