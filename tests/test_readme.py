from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

import pytest

from wherobots_storage.cli import COMMANDS, load
from wherobots_storage.commands import context, demo, store
from wherobots_storage.commands.context import Context
from wherobots_storage.config import SETTINGS, StorageConfig
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.jobs import JobManager
from wherobots_storage.handlers.routes import PREFIX, routes
from wherobots_storage.handlers.upload_manager import UploadManager
from wherobots_storage.kernels.environment import storage_environment
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.permissions import AREAS
from wherobots_storage.settings import DEFAULT_IGNORES, EnvironmentNames, Settings, Tenancy

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
TOP = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")]
DOCUMENTS = [*TOP, *sorted((ROOT / "docs").glob("*.md"))]
VERBS = ("get", "post", "put", "delete")


def section(title: str) -> str:
    """The text below a heading, up to the next of its kind."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> dict[str, list[str]]:
    """A table's rows by their first cell, without the backquotes."""
    cells = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in cells}


def test_every_setting_is_in_the_table_with_its_twin_and_default() -> None:
    """The configuration table has each trait once, with its variable and the default in force."""
    table = rows(section("Configuration"))
    assert {name: row[0].strip("`") for name, row in table.items()} == {
        setting.trait: setting.variable for setting in SETTINGS
    }
    defaults = StorageConfig()
    for name, row in table.items():
        value = getattr(defaults, name)
        if isinstance(value, bool):
            assert row[1] == f"`{str(value).lower()}`"
        elif isinstance(value, float):
            assert row[1] == f"{value:g}"
        elif isinstance(value, str) and value:
            assert row[1] == f"`{value}`"


def test_every_command_is_in_the_table() -> None:
    """The command line's table has what `--help` lists, no more and no less."""
    listed = {name for name, purpose in COMMANDS.items() if purpose}
    table = section("The command line").split("| exit status")[0]
    assert set(rows(table)) == listed


@pytest.mark.parametrize("name", [name for name, purpose in COMMANDS.items() if purpose])
def test_the_flags_that_are_told_exist(name: str) -> None:
    """Each flag beside a command in the table is one that its parser takes."""
    parser = argparse.ArgumentParser()
    load(name).add_arguments(parser)
    table = section("The command line").split("| exit status")[0]
    told = set(re.findall(r"`(--[a-z-]+)`", " ".join(rows(table)[name])))
    known = {option for action in parser._actions for option in action.option_strings}
    assert told == known - {"-h", "--help", "--json"}


def test_the_exit_statuses_are_those_of_the_program() -> None:
    """The table of exit statuses has the four that the commands return."""
    told = re.findall(r"^\| (\d) \|", section("The command line"), re.MULTILINE)
    codes = [context.DONE, context.FAILED, context.USAGE, context.INCOMPLETE]
    assert [int(code) for code in told] == codes


def served() -> set[tuple[str, str]]:
    """Verb and route of everything that is served."""
    table = routes(
        Backend.__new__(Backend),
        JobManager.__new__(JobManager),
        UploadManager.__new__(UploadManager),
    )
    return {
        (verb.upper(), path.removeprefix(PREFIX + "/"))
        for path, handler, _ in table
        for verb in VERBS
        if getattr(handler, verb) is not getattr(StorageHandler, verb)
    }


def test_every_route_is_in_the_table() -> None:
    """The HTTP table has every verb of every route, and nothing that is not served."""
    text = section("The HTTP API")
    told = re.findall(r"`(GET|POST|PUT|DELETE) ([a-z/]+)[^`]*`", text)
    assert set(told) == served()


def test_the_tree_s_table_is_the_permission_table_s() -> None:
    """Every area of the tree has its row."""
    told = {path for path in rows(section("The tree and its rules")) if path.count("/") > 1}
    areas = {
        "/" + "/".join(area.segments).replace("{customer}", "customer-XXXX") + "/" for area in AREAS
    }
    assert areas <= told
    assert told - areas == {"/data/", "/notebooks/"}


def test_the_variables_have_the_values_that_are_told() -> None:
    """The table of variables says what kernels see."""
    told = {name: row[0].strip("`") for name, row in rows(section("In a notebook")).items()}
    tenancy = Tenancy(Root("BUCKET", "ORG/"), "customer-XXXX")
    assert told == storage_environment(tenancy, EnvironmentNames())


def test_what_is_ignored_by_default_is_told() -> None:
    """Every default pattern stands in the section on what is lost by it."""
    text = section("What is not mirrored")
    for pattern in DEFAULT_IGNORES:
        assert f"`{pattern}`" in text or pattern == "/.local/share/jupyter/runtime/"
    assert "Jupyter's\nruntime folder" in text or "Jupyter's runtime folder" in text


def test_the_numbers_in_the_text_are_the_defaults() -> None:
    """What README and docs say of seconds is what the settings have."""
    usual = Settings(home=Path("/h"), state_dir=Path("/s"))
    sync = (ROOT / "docs" / "sync.md").read_text("utf-8")
    assert f"`restore_wait` ({usual.restore_wait:g} s)" in sync
    assert f"`sync_interval` ({usual.sync_interval:g} s)" in sync
    assert f"`shutdown_timeout` ({usual.shutdown_timeout:g} s)" in sync
    assert f"`shutdown_timeout` ({usual.shutdown_timeout:g} s)" in README


def test_the_demo_s_folders_are_those_that_are_told() -> None:
    """Where the demo keeps its data is said, and git leaves it out."""
    assert f"`{demo.FOLDER}/`" in README
    assert f"`{demo.FOLDER}-2/`" in README
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {f"{demo.FOLDER}*/", f"{store.FOLDER}*/"} <= set(ignored)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link and picture of a document is a file; every anchor a heading."""
    text = document.read_text("utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        assert not file or (document.parent / file).exists(), target
        if anchor and not file:
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_make_targets_that_are_told_exist(document: Path) -> None:
    """Every `make` command of a document is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    told = set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text("utf-8"), re.MULTILINE))
    assert told <= targets


def test_the_extra_that_is_told_exists() -> None:
    """`pip install "wherobots-storage[demo]"` is what pyproject.toml declares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f'"{project["name"]}[demo]"' in README
    assert "demo" in project["optional-dependencies"]
    assert project["scripts"] == {"wherobots-storage": "wherobots_storage.cli:program"}


def test_every_command_takes_a_context() -> None:
    """Each command module has the two functions that the program calls."""
    for name in COMMANDS:
        module = load(name)
        assert callable(module.add_arguments)
        assert module.run.__annotations__["context"] == Context.__name__
