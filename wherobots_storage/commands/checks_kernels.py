"""What `doctor` says of the credentials of kernels and terminals."""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping
from pathlib import Path

from wherobots_storage.commands.findings import Finding, checked
from wherobots_storage.credentials.source import MIN_SECONDS
from wherobots_storage.kernels.credentials import has_own_files
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.settings import Settings

NAME = "kernels"
PROFILE = "default profile"
_ENDPOINT = "AWS_CONTAINER_CREDENTIALS_FULL_URI"

_FIRST = {
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "source_profile",
    "sso_account_id",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
}
"""What a profile gives SDKs before they ask the container's endpoint (botocore/credentials.py,
create_credential_resolver)."""


def kernels(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whose credentials kernels have, whether they can be made, and what profile they find."""
    if not settings.scopes_kernels:
        yield Finding(
            check=NAME,
            state="note",
            message="Kernels and terminals have the server's own credentials.",
            advice="With WHEROBOTS_STORAGE_ROLE_ARN or WHEROBOTS_STORAGE_HUB_SERVICE they get "
            "temporary ones for the user's folders (unless WHEROBOTS_STORAGE_KERNEL_CREDENTIALS "
            "is false).",
        )
        return
    if environment.get(_ENDPOINT):
        message = "This terminal has credentials of its own, which renew themselves."
        yield Finding(check=NAME, state="ok", message=message)
    else:
        yield checked(NAME, lambda: _vended(settings))
    if has_own_files(environment):
        yield _profile(environment)


def _vended(settings: Settings) -> Finding:
    # Imported late: it loads the S3 libraries.
    from wherobots_storage.credentials.connect import source_of  # noqa: PLC0415

    tenancy = settings.require_tenancy()
    scope = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
    source_of(settings).vend(scope, MIN_SECONDS)
    message = "Kernels and terminals get temporary credentials, for the user's folders."
    return Finding(check=NAME, state="ok", message=message)


def _profile(environment: Mapping[str, str]) -> Finding:
    """Whether code that names profile="default" finds one, and whose keys it has."""
    home = Path(environment.get("HOME") or Path.home()) / ".aws"
    files = (home / "credentials", Path(environment.get("AWS_CONFIG_FILE") or home / "config"))
    sections = {path: _default_of(path) for path in files}
    for path, options in sections.items():
        found = _FIRST & (options or set())
        if found:
            return Finding(
                check=PROFILE,
                state="note",
                message=f"Kernels use what [default] in {path} says ({min(found)}), not "
                "credentials of their own.",
                advice="Give that section another name to have those that renew themselves.",
            )
    if any(options is not None for options in sections.values()):
        return Finding(check=PROFILE, state="ok", message='Code that names "default" finds it.')
    return Finding(
        check=PROFILE,
        state="note",
        message='The AWS files have no [default]: code that names profile="default" fails.',
        advice="Add two lines to ~/.aws/config: [default] and region = us-east-1 (or yours).",
    )


def _default_of(path: Path) -> set[str] | None:
    """The names of the options of ``[default]``; None where a file has no such section."""
    found = _read(path)
    names = [name for name in ("default", "profile default") if found.has_section(name)]
    return {option for name in names for option in found.options(name)} if names else None


def _read(path: Path) -> configparser.RawConfigParser:
    # A section named DEFAULT would be special to configparser; [default] is not.
    found = configparser.RawConfigParser(strict=False, default_section="\x00")
    try:
        found.read(path, "utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return configparser.RawConfigParser()
    return found
