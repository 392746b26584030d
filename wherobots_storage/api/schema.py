"""Writes ``schema.json``, the JSON Schema of what browser and server exchange, from the models.

``python -m wherobots_storage.api.schema`` writes it; with ``--check`` it only tells, by its exit
code, whether the file is current. The TypeScript types are generated from that file in turn.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from wherobots_storage.api import models
from wherobots_storage.api.credentials import (
    CredentialsLimits,
    CredentialsRequest,
    VendedCredentials,
)

EXPORTED: tuple[type[models.Wire], ...] = (
    *models.EXPORTED,
    CredentialsLimits,
    CredentialsRequest,
    VendedCredentials,
)
"""What the browser exchanges with the server."""

SCHEMA_PATH = Path(__file__).with_name("schema.json")
REF_TEMPLATE = "#/$defs/{name}"

Schema = dict[str, Any]


def build_schema() -> Schema:
    """The schema: every exported structure, and what they are made of, under ``$defs``.

    A property with a default is optional only in what the browser sends. The server encodes
    every field, so in what it answers all of them are required.
    """
    refs, components = msgspec.json.schema_components(EXPORTED, ref_template=REF_TEMPLATE)
    for name, component in components.items():
        if "description" in component:
            # Python 3.13 takes a docstring's indentation away, the ones before it do not.
            component["description"] = inspect.cleandoc(component["description"])
        if not name.endswith("Request"):
            _require_all(component)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "WireMessage",
        "description": "Anything that browser and server exchange.",
        "anyOf": list(refs),
        "$defs": dict(sorted(components.items())),
    }


def _require_all(component: Schema) -> None:
    if component.get("type") == "object" and "properties" in component:
        component["required"] = list(component["properties"])


def render_schema() -> str:
    """The text of ``schema.json``: indented, with a closing newline."""
    return json.dumps(build_schema(), indent=2, ensure_ascii=False) + "\n"


def is_current(path: Path = SCHEMA_PATH) -> bool:
    """Whether the file at ``path`` holds the schema of the models as they are now."""
    try:
        return path.read_text("utf-8") == render_schema()
    except FileNotFoundError:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the file; returns the exit code, 1 when a check fails."""
    parser = argparse.ArgumentParser(prog="python -m wherobots_storage.api.schema")
    parser.add_argument("--check", action="store_true", help="tell whether the file is current")
    parser.add_argument("--path", type=Path, default=SCHEMA_PATH, help="the file to write or check")
    options = parser.parse_args(arguments)
    if not options.check:
        options.path.write_text(render_schema(), "utf-8")
        return 0
    if is_current(options.path):
        return 0
    sys.stderr.write(
        f"{options.path} is not what the models say. "
        "Run `npm run schema:generate` and commit the result.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
