"""A temporary copy of the package, to which tests add an extension as its author would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import archbuilder

TESTS = Path(__file__).parent


class PackageCopy:
    """A copy of `archbuilder` in a folder, which is run in a separate process."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.package = folder / "archbuilder"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(archbuilder.__file__).parent, self.package, ignore=ignored)

    def add_file(self, target: str, content: str) -> None:
        """Add a new file to the package."""
        path = self.package / target
        assert not path.exists(), f"{target} already exists"
        path.write_text(content, encoding="utf-8")

    def edit_line(self, file: str, before: str, after: str) -> None:
        """Replace a line, or part of a line, that occurs exactly once in a file of the package."""
        path = self.package / file
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{file}: {before!r} occurs {text.count(before)} times"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def run(self, *arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
        """Run Python with the copy and these arguments, and return the finished process."""
        paths = [str(self.folder), str(TESTS.parent)]  # Scripts of the tests import `tests`.
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), **environment},
            capture_output=True,
            text=True,
        )

    def archbuild(self, *arguments: object, cwd: Path) -> subprocess.CompletedProcess:
        """Run `archbuild` with the copy. Fail with its error output if it fails."""
        process = self.run("-m", "archbuilder", *arguments, cwd=cwd)
        assert process.returncode == 0, process.stderr
        return process
