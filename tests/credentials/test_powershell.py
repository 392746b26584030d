"""What is pasted into PowerShell, by its grammar: none is to be had where these tests run.

Read here by the lexical grammar of the Windows PowerShell Language Specification 3.0, 2.3.5.2
(string literals) and 2.3.7 (escapes), written down anew; and, slowly, by tree-sitter's grammar.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.source import Credentials

KEYS = Credentials("ASIAEXAMPLE", "se/cr+et==", "IQ+/=='`$(x)\"\u2019\u201c%;#@", 1_800_000_000.0)
SINGLE = "'\u2018\u2019\u201a\u201b"
DOUBLE = '"\u201c\u201d\u201e'
COMPUTED = re.compile(r"\$\(\[char\]::ConvertFromUtf32\((\d+)\)\)")

AWKWARD = (
    "a b",
    "it's",
    "''",
    "'",
    '"quoted"',
    "`backtick`",
    "$HOME and $(Get-Date) and ${x}",
    "100% @home #1; rm | cat & > <",
    "--option",
    "\u2018typo\u2019 \u201cgraphic\u201d \u201a\u201b\u201e",
    "tab\there",
    "line\nfeed\r",
    "esc\x1b[31m",
    "\u2028\u00a0\ufeff",
    "back\\slash\\",
    "\U0001f600",
)

text = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(st.sampled_from(SINGLE + DOUBLE + "`$(){}\\\x1b\n ab"), max_size=20),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30),
)


def read_literal(source: str) -> tuple[str, str]:
    """The value of the string literal that a source begins with, and what follows it."""
    quotes = SINGLE if source[0] in SINGLE else DOUBLE
    assert source[0] in quotes
    value, at = "", 1
    while True:
        rest = source[at:]
        if rest[0] in quotes:
            if len(rest) == 1 or rest[1] not in quotes:
                return value, rest[1:]
            value, at = value + rest[1], at + 2  # A doubled quote is one.
        elif quotes is SINGLE:
            value, at = value + rest[0], at + 1
        elif rest[0] == "`":
            assert rest[1] not in "0abfnrtvue", "an escape with a meaning of its own"
            value, at = value + rest[1], at + 2
        elif rest[0] == "$":
            computed = COMPUTED.match(rest)
            assert computed, "something else would be computed"
            value, at = value + chr(int(computed[1])), at + computed.end()
        else:
            value, at = value + rest[0], at + 1


@given(text)
def test_a_literal_is_what_it_was_made_of(name: str) -> None:
    """Whatever is quoted, one literal comes of it that has the same value, and nothing is run."""
    assert read_literal(snippets.quoted(name, "powershell")) == (name, "")


@given(text, text)
def test_the_assignments(endpoint: str, region: str) -> None:
    """Each line sets one variable to one literal, whatever the endpoint and the region are."""
    place = Place("s3://bucket/x/", region, endpoint)
    expected = snippets.variables(KEYS, place)
    found = {}
    # Only a line feed ends a line here: U+2028 and others do for Python alone.
    for line in snippets.powershell(KEYS, place).removesuffix("\n").split("\n"):
        variable, _, literal = line.partition(" = ")
        found[variable.removeprefix("$env:")], rest = read_literal(literal)
        assert rest == ""
    assert found == expected


@given(text, text)
def test_the_command(folder: str, source: str) -> None:
    """The two paths are one literal each, the last two words of the command."""
    place = Place(f"s3://bucket/{folder}/", "r")
    line = snippets.command(place, "powershell", source)
    head = "aws --profile=wherobots s3 cp --recursive "
    assert line.startswith(head)
    first, rest = read_literal(line.removeprefix(head))
    assert rest[0] == " "
    assert (first, *read_literal(rest[1:])) == (source, place.uri, "")


PARSE = """
import json, sys, tree_sitter, tree_sitter_powershell
parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
def literals(node):
    if node.type == "string_literal":
        return [node.text.decode()]
    return [one for child in node.children for one in literals(child)]
found = []
for source in json.load(sys.stdin):
    root = parser.parse(source.encode()).root_node
    lists = [child for child in root.children if child.type == "statement_list"]
    statements = [len(one.children) for one in lists]
    found.append([root.has_error, statements, literals(root)])
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_by_another_s_grammar(tmp_path: Path) -> None:
    """An independent grammar finds the same literals in the lines, and no statement besides."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    packages = ["tree-sitter", "tree-sitter-powershell"]
    pip = [str(tmp_path / "bin" / "pip"), "install", "--quiet", *packages]
    subprocess.run(pip, check=True, timeout=900)
    places = [Place(f"s3://bucket/{name}/", "r", f"http://{name}/") for name in AWKWARD]
    sources, expected = [], []
    for place in places:
        values = [
            snippets.quoted(one, "powershell") for one in snippets.variables(KEYS, place).values()
        ]
        sources.append(snippets.powershell(KEYS, place))
        expected.append([False, [len(values)], values])
        sources.append(snippets.command(place, "powershell", profile=False))
        words = [snippets.quoted(one, "powershell") for one in ("my-data/", place.uri)]
        expected.append([False, [1], words])
    done = subprocess.run(
        [str(tmp_path / "bin" / "python"), "-c", PARSE],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert json.loads(done.stdout) == expected
