"""Mirrors whose keys mean harm, or only trouble."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from support.homes import PREFIX, Bench, codes, picture

from wherobots_storage.objectstore.memory import MemoryStore

HOSTILE = {
    "../outside.txt": "refused",
    "../../outside.txt": "refused",
    "d/../../outside.txt": "refused",
    "./here.txt": "refused",
    "d/./here.txt": "refused",
    "d/..": "refused",
    "..": "refused",
    "/etc/outside.txt": "refused",
    "//etc/outside.txt": "refused",
    "d//inside.txt": "refused",
    "a": "refused",
    "a/b": "restored",
    "link-out/outside.txt": "refused",
    "link-up/outside.txt": "refused",
    f"{'n' * 256}": "refused",
    f"{'é' * 128}.txt": "refused",
    f"{'n' * 255}": "restored",
    "/".join(["deep" * 20] * 10): "restored",
    "Name.txt": "restored",
    "name.txt": "restored",
    "caf\u00e9": "restored",
    "cafe\u0301": "restored",
    "..a": "restored",
    "...": "restored",
    "back\\slash": "restored",
    "new\nline": "restored",
    "-rf": "restored",
    " ": "restored",
    "\x01\x7f": "restored",
    "%2e%2e/outside.txt": "restored",
    "..%2foutside.txt": "restored",
    "C:/Windows": "restored",
}
"""Keys below the mirror, and whether they can be files of a home."""


def put_literally(store: MemoryStore, key: str, body: bytes) -> None:
    """Have an object of any key, as other stores and programs make them."""
    store.put("draft", body)
    stored = store._objects.pop("draft")
    store._objects[key] = replace(stored, info=replace(stored.info, key=key))


def outside(top: Path, home: Path) -> dict[str, tuple[object, ...]]:
    """Every file around a home, as a value."""
    mine = str(home.parent.relative_to(top))
    return {
        path: facts
        for path, facts in picture(top).items()
        if facts[0] != "folder" and not path.startswith((f"{mine}/home/", f"{mine}/state/"))
    }


def test_keys_that_mean_harm(tmp_path: Path) -> None:
    """Each is restored as what it says or refused and listed; nothing outside is touched."""
    store = MemoryStore()
    bench = Bench(tmp_path / "deep" / "deeper", store)
    for folder in (tmp_path, tmp_path / "deep", bench.home.parent):
        (folder / "outside.txt").write_text("mine")
        (folder / "etc").mkdir()
    # The links come from the mirror itself, in a restore before.
    for name, target in (("link-out", bytes(tmp_path)), ("link-up", b"..")):
        digest = hashlib.sha256(target).hexdigest()
        store.put(f"{PREFIX}{name}", target, metadata={"symlink": "1", "sha256": digest})
    told = codes(bench.restore())
    assert told == {"link-out": "link-outside", "link-up": "link-outside"}
    # And from the user, who may make them.
    (bench.home / "link-out").symlink_to(tmp_path)
    (bench.home / "link-up").symlink_to("..")
    for key in HOSTILE:
        # As the store holds them, whatever its interface would say to such a name.
        put_literally(store, f"{PREFIX}{key}", key.encode())
    before, keys = outside(tmp_path, bench.home), set(store._objects)
    assert len(before) == 3
    told = codes(bench.restore())
    for key, fate in HOSTILE.items():
        if fate == "restored":
            assert (bench.home / key).read_bytes() == key.encode(), key
        else:
            assert key in told, key
    inside = {path for path, facts in picture(bench.home).items() if facts[0] == "file"}
    assert inside == {key for key, fate in HOSTILE.items() if fate == "restored"}
    assert outside(tmp_path, bench.home) == before
    # The sync that follows leaves in the bucket what could not be restored.
    bench.sync()
    assert keys <= set(store._objects)
    assert outside(tmp_path, bench.home) == before
