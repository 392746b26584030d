"""Credentials as people and programs use them: files, shells and the AWS CLI. Pure.

What is quoted here may have been named by somebody else (a folder in a shared place), and ends in
a terminal: names are quoted for their shell, and control characters never reach it as they are.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from wherobots_storage.credentials.source import Credentials

PROFILE = "wherobots"
"""The profile's name in the credentials file, and in the command that uses it."""

Format = Literal["env", "ini", "json", "powershell", "process"]
FORMATS: tuple[Format, ...] = get_args(Format)

Shell = Literal["bash", "powershell"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the credentials hold: the ``s3://`` URI, and what an SDK needs to get there.

    ``endpoint_url`` is None for AWS itself.
    """

    uri: str
    region: str
    endpoint_url: str | None = None


def render(form: Format, credentials: Credentials, place: Place) -> str:
    """The credentials in a format; ends with a line feed."""
    return _WRITERS[form](credentials, place)


def ini(credentials: Credentials, place: Place) -> str:
    """A block for ``~/.aws/credentials``, with the region and the endpoint, which may stand there.

    The names are of the AWS CLI user guide, "Configuration and credential file settings".
    """
    lines = [
        f"[{PROFILE}]",
        f"# valid until {credentials.expires}",
        f"aws_access_key_id = {credentials.access_key_id}",
        f"aws_secret_access_key = {credentials.secret_access_key}",
        f"aws_session_token = {credentials.session_token}",
        f"region = {place.region}",
    ]
    if place.endpoint_url is not None:
        # Stores other than AWS may not know the checksums that newer SDKs send by themselves.
        lines.append(f"endpoint_url = {place.endpoint_url}")
        lines.append("request_checksum_calculation = when_required")
    return "\n".join(lines) + "\n"


def variables(credentials: Credentials, place: Place) -> dict[str, str]:
    """The SDKs' environment variables; the region under both of its names."""
    found = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_REGION": place.region,
        "AWS_DEFAULT_REGION": place.region,
    }
    if place.endpoint_url is not None:
        found["AWS_ENDPOINT_URL"] = place.endpoint_url
        found["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
    return found


def bash(credentials: Credentials, place: Place) -> str:
    """``export`` lines.

    Each begins with a space: shells that are told to (``HISTCONTROL=ignorespace`` of bash, Debian's
    default; ``HIST_IGNORE_SPACE`` of zsh) then keep it out of their history.
    """
    found = variables(credentials, place)
    return "".join(f" export {name}={quoted(value)}\n" for name, value in found.items())


def powershell(credentials: Credentials, place: Place) -> str:
    """``$env:`` lines."""
    found = variables(credentials, place)
    return "".join(
        f"$env:{name} = {quoted(value, 'powershell')}\n" for name, value in found.items()
    )


def as_json(credentials: Credentials, place: Place) -> str:
    """One JSON object, for programs of one's own."""
    found: dict[str, str] = {
        "accessKeyId": credentials.access_key_id,
        "secretAccessKey": credentials.secret_access_key,
        "sessionToken": credentials.session_token,
        "expiration": credentials.expires,
        "region": place.region,
        "uri": place.uri,
    }
    if place.endpoint_url is not None:
        found["endpointUrl"] = place.endpoint_url
    return json.dumps(found, indent=2) + "\n"


def process(credentials: Credentials, place: Place) -> str:  # noqa: ARG001 - as the other writers
    """The answer of a ``credential_process``, which has no room for a region or an endpoint.

    The form is of the AWS SDKs reference guide, "Process credential provider".
    """
    found = {
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token,
        "Expiration": credentials.expires,
    }
    return json.dumps(found) + "\n"


def command(
    place: Place, shell: Shell = "bash", source: str = "my-data/", *, profile: bool = True
) -> str:
    """The AWS CLI's command that uploads a folder, with the profile of ``ini``.

    Without ``profile`` it uses the shell's variables: a profile that is not there is an error.
    """
    words = ["aws", f"--profile={PROFILE}"] if profile else ["aws"]
    words += ["s3", "cp", "--recursive", quoted(source, shell), quoted(place.uri, shell)]
    return " ".join(words)


def quoted(text: str, shell: Shell = "bash") -> str:
    """``text`` as one word of a shell, on one line."""
    return _in_bash(text) if shell == "bash" else _in_powershell(text)


def _in_bash(text: str) -> str:
    if text.isprintable():
        return shlex.quote(text)
    # Bash's $'…' has escapes: a pasted control character would act on the terminal.
    return "$'" + "".join(_bash_character(one) for one in text) + "'"


def _bash_character(one: str) -> str:
    if one in "'\\":
        return "\\" + one
    if one.isprintable():
        return one
    return "".join(f"\\x{byte:02x}" for byte in one.encode("utf-8"))


def _in_powershell(text: str) -> str:
    if text.isprintable():
        return "'" + "".join(one * 2 if one in _SINGLE_QUOTES else one for one in text) + "'"
    return '"' + "".join(_powershell_character(one) for one in text) + '"'


def _powershell_character(one: str) -> str:
    if one in _DOUBLE_QUOTES or one in "`$":
        return "`" + one
    if one.isprintable():
        return one
    return f"$([char]::ConvertFromUtf32({ord(one)}))"


# PowerShell takes typographic quotes for quotes (its language specification, 2.3.5.2).
_SINGLE_QUOTES = "'‘’‚‛"  # noqa: RUF001 - meant as they stand
_DOUBLE_QUOTES = '"“”„'

_WRITERS: Mapping[Format, Callable[[Credentials, Place], str]] = {
    "env": bash,
    "ini": ini,
    "json": as_json,
    "powershell": powershell,
    "process": process,
}
