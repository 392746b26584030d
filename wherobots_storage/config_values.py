"""What settings say, as values: parsers that name the setting when it cannot be.

Each takes a raw value, of a config file (any type) or of the environment (text), and the setting's
label for the error.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import cast, get_args
from urllib.parse import urlsplit

from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.namespace.customer import check_customer
from wherobots_storage.namespace.paths import Root
from wherobots_storage.settings import Session

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def as_text(value: object, label: str) -> str:
    """Text; empty for None. Raises InvalidConfiguration."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if value is None:
        return ""
    if not isinstance(value, str) or "\x00" in value:
        raise InvalidConfiguration(f"{label} must be text, not {value!r}.")
    return value


def as_root(value: object, label: str) -> Root | None:
    """Where the organisation's tree begins; None for empty text. Raises InvalidConfiguration."""
    text = as_text(value, label)
    return Root.parse(text) if text else None


def as_customer(value: object, label: str) -> str | None:
    """A customer's folder; None for empty text. Raises InvalidConfiguration."""
    text = as_text(value, label)
    return check_customer(text) if text else None


def as_folder(value: object, label: str) -> Path | None:
    """An absolute path, ``~`` expanded; None for empty text. Raises InvalidConfiguration."""
    text = as_text(value, label)
    return Path(os.path.abspath(Path(text).expanduser())) if text else None  # noqa: PTH100


def as_role(value: object, label: str) -> str | None:
    """A role's ARN; None for empty text. Raises InvalidConfiguration."""
    text = as_text(value, label)
    if text and not re.fullmatch(r"arn:[A-Za-z0-9-]+:iam:\S*:role/\S+", text):
        raise InvalidConfiguration(f"{label} must be a role's ARN, not {text!r}.")
    return text or None


def as_kms_key(value: object, label: str) -> str | None:
    """A KMS key's ARN; None for empty text. Raises InvalidConfiguration.

    An alias will not do: in a policy it stands for no key (KMS developer guide, "Specifying KMS
    keys in IAM policy statements").
    """
    text = as_text(value, label)
    if text and not re.fullmatch(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", text):
        message = f"{label} must be a KMS key's ARN (…:key/ID, no alias), not {text!r}."
        raise InvalidConfiguration(message)
    return text or None


def as_url(value: object, label: str) -> str | None:
    """A web address with a closing slash; None for empty text. Raises InvalidConfiguration."""
    text = as_text(value, label)
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        # Not quoted: there may be a password in it.
        raise InvalidConfiguration(f"{label} must be a URL such as https://hub/services/storage/.")
    return text.rstrip("/") + "/"


def as_session(value: object, label: str) -> Session:
    """Whose credentials the server works with. Raises InvalidConfiguration."""
    text = as_text(value, label)
    for known in get_args(Session):
        if text == known:
            return cast("Session", known)
    raise InvalidConfiguration(f"{label} must be 'auto', 'own' or 'user', not {text!r}.")


def as_flag(value: object, label: str) -> bool:
    """A truth value, or a word for one. Raises InvalidConfiguration."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidConfiguration(f"{label} must be true or false, not {value!r}.")


def as_seconds(value: object, label: str) -> float:
    """Seconds, zero or more. Raises InvalidConfiguration."""
    try:
        number = float(value if isinstance(value, (int, float)) else str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0 or isinstance(value, bool):
        message = f"{label} must be a number of seconds, zero or more, not {value!r}."
        raise InvalidConfiguration(message)
    return number


def as_positive(value: object, label: str) -> float:
    """Seconds, more than zero. Raises InvalidConfiguration."""
    number = as_seconds(value, label)
    if number == 0:
        raise InvalidConfiguration(f"{label} must be more than zero seconds.")
    return number


def as_patterns(value: object, label: str) -> tuple[str, ...]:
    """Patterns, from a list or from text with commas or lines. Raises InvalidConfiguration."""
    if isinstance(value, str):
        value = re.split(r"[,\n]", value)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise InvalidConfiguration(f"{label} must be a list of patterns, not {value!r}.")
    return tuple(item.strip() for item in value if item.strip())


def as_variable(value: object, label: str) -> str:
    """The name of an environment variable. Raises InvalidConfiguration."""
    text = as_text(value, label)
    if not _VARIABLE.fullmatch(text):
        message = f"{label} must be the name of an environment variable, not {text!r}."
        raise InvalidConfiguration(message)
    return text
