"""What the benchmarks prepare before they measure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.workbench import compile_below


def test_modules_are_compiled(tmp_path: Path) -> None:
    """A program under measurement finds bytecode of its present source, as one installed does."""
    package = tmp_path / "package"
    package.mkdir()
    module = package / "__init__.py"
    module.write_text("WORDS = 'the first'")
    compile_below(package)
    module.write_text("WORDS = 'what came later'")
    os.utime(module, (0, 0))  # its time to the second is all that is compared
    compile_below(package)
    said = subprocess.run(
        [sys.executable, "-v", "-c", "import package; print(package.WORDS)"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "what came later\n"
    bytecode = package / "__pycache__" / f"__init__.{sys.implementation.cache_tag}.pyc"
    assert f"{bytecode} matches" in said.stderr
