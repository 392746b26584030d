"""Which paths the user's rules leave out, in gitignore's syntax (the ``pathspec`` library)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable

from pathspec import GitIgnoreSpec

from wherobots_storage.planning.tree import ancestors

IGNORE_FILE = ".wherobotsignore"
"""The user's own rules, at the top of the home; they come after the configured ones."""


class IgnoreRules:
    """Rules in order; the last that matches decides, and ``!`` takes a path back in.

    As with git, nothing below an ignored folder can be taken back in: a scan does not enter it.
    ``invalid`` holds the lines that are no pattern, which are passed over, ``text`` all lines.
    ``trouble``: why these are not the latest, when they could not be read. ``held`` are others that
    leave out what they leave out as well.
    """

    def __init__(
        self, lines: Iterable[str], *, trouble: str = "", held: IgnoreRules | None = None
    ) -> None:
        lines = list(lines)
        self.trouble = trouble
        self.held = held
        self.text = "\n".join(lines)
        self.invalid: list[str] = []
        good: list[str] = []
        with warnings.catch_warnings():
            # What Python's expressions may mean by "[[" one day, these patterns do not.
            warnings.simplefilter("ignore", FutureWarning)
            for line in lines:
                try:
                    GitIgnoreSpec.from_lines([line])
                except (ValueError, re.error):  # the latter of "[z-a]"
                    self.invalid.append(line)
                else:
                    good.append(line)
            self._spec = GitIgnoreSpec.from_lines(good)
            self.sources: list[str] = [*_sources(self._spec), *(held.sources if held else ())]
            """Expressions, one of which at least matches whatever is ignored."""
            self.suspect: Callable[[str], object | None] = _matcher(self.sources)
            """A quick look, that finds something in all that is ignored and in little else."""

    def ignores(self, path: str) -> bool:
        """Whether the path, relative to the home and with a slash after a folder, is left out."""
        # Only what is found asks for the exact answer.
        if self.suspect(path) is None:
            return False
        if self.held is not None and self.held.ignores(path):
            return True
        return bool(self._spec.match_file(path))  # None, of an older library without patterns.

    def only_adds_to(self, text: str) -> bool:
        """Whether these leave out all that the rules of another ``text`` do, as far as is plain.

        All its lines must be here, in its order, and nothing else that takes a path back in.
        """
        rest = iter(self.text.split("\n"))
        for line in text.split("\n"):
            for own in rest:
                if own == line:
                    break
                if own.startswith("!"):
                    return False
            else:
                return False
        return not any(own.startswith("!") for own in rest)

    def covers(self, path: str) -> bool:
        """Whether a scan would leave the path out: it, or a folder that it lies in, is ignored."""
        return self.ignores(path) or any(self.ignores(f"{name}/") for name in ancestors(path))


_ANYWHERE = "^(?:.+/)?"
"""How the library's expression begins for a rule that holds in every folder."""


def _sources(spec: GitIgnoreSpec) -> list[str]:
    return [
        re.sub(r"\(\?P<\w+>", "(?:", pattern.regex.pattern)
        for pattern in spec.patterns
        if pattern.include is not None and pattern.regex is not None
    ]


def _matcher(sources: list[str]) -> Callable[[str], object | None]:
    """One combined expression, which clears nearly every path at once."""
    anywhere = [text.removeprefix(_ANYWHERE) for text in sources if text.startswith(_ANYWHERE)]
    others = [text for text in sources if not text.startswith(_ANYWHERE)]
    if anywhere:
        # The folders of a path are gone through once then, not once for every rule.
        others.append(f"{_ANYWHERE}(?:{_either(anywhere)})")
    return re.compile(_either(others)).match if others else _nothing


def _either(sources: list[str]) -> str:
    return "|".join(f"(?:{source})" for source in sources)


def _nothing(_path: str) -> None:
    """No rules, nothing to find."""
